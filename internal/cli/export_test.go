package cli

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// small is an export with a link, and a decision of each kind about it.
func small(t *testing.T) *backup.Export {
	t.Helper()
	e := &backup.Export{Cluster: "old", Time: "2026-01-01T00:00:00Z", Settings: "identifierPrefix: vn\n",
		Namespaces: []backup.Namespace{{Name: "agency-a", UID: "1", Agency: "a", AgencyUID: "2"}}}
	for _, text := range []string{
		"{kind: DataSharingLink, metadata: {name: l, namespace: agency-a, uid: '3', generation: 9007199254740993}, status: {specHash: 'sha256:1'}}",
		"{kind: DataSharingApproval, metadata: {name: granted, namespace: agency-b}, spec: {linkRef: {namespace: agency-a, name: l}, decision: Approve, specHash: 'sha256:1', approver: an}}",
		"{kind: DataSharingApproval, metadata: {name: old, namespace: agency-b}, spec: {linkRef: {namespace: agency-a, name: l}, decision: Approve, specHash: 'sha256:0', approver: an}}",
		"{kind: DataSharingApproval, metadata: {name: refused, namespace: agency-b}, spec: {linkRef: {namespace: agency-a, name: l}, decision: Reject, specHash: 'sha256:1', approver: binh, reason: \"kh\\u00f4ng <\\U0001F600\\u202E>\"}}",
		"{kind: DataSharingApproval, metadata: {name: halt, namespace: agency-b}, spec: {linkRef: {namespace: agency-a, name: l}, decision: Suspend, approver: chi, reason: \"" + strings.Repeat("ộ", 1000) + "\"}}",
	} {
		var o map[string]any
		data, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, &o); err != nil {
			t.Fatal(err)
		}
		o["apiVersion"] = v1alpha1.GroupVersion.String()
		if o["kind"] == "DataSharingLink" {
			o["metadata"].(map[string]any)["generation"] = int64(9007199254740993)
		}
		e.Objects = append(e.Objects, o)
	}
	e.Seal()
	return e
}

// TestExportFile: what is written is read back as it was, and any change is seen.
func TestExportFile(t *testing.T) {
	e := small(t)
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	assertGolden(t, filepath.Join("testdata", "export", "small.yaml"), string(data))
	back, err := backup.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(e, back) {
		t.Errorf("read back otherwise:\n%+v\n%+v", e, back)
	}
	for was, is := range map[string]string{`"Suspend"`: `"Approve"`, "export.platform.gov.vn/v1": "export.platform.gov.vn/v2", "digest: ": "sum: ", "- {": "- [{"} {
		if _, err := backup.Parse([]byte(strings.Replace(string(data), was, is, 1))); err == nil {
			t.Errorf("a file with %s for %s is accepted", is, was)
		}
	}
}

// TestPlanOpensNothing: no approval is among what is written, and rejections
// come back as suspensions, before any link.
func TestPlanOpensNothing(t *testing.T) {
	p, err := backup.NewPlan(small(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Approvals) != 1 || backup.ApproveCommand(&p.Approvals[0]) != "kubectl gov approve l -n agency-a --as-agency b" {
		t.Errorf("approvals that wait: %+v", p.Approvals)
	}
	var order, reasons []string
	for _, phase := range p.Phases {
		for _, u := range phase.Items {
			order = append(order, u.GetKind())
			if spec, _ := u.Object["spec"].(map[string]any); u.GetKind() == "DataSharingApproval" && spec["decision"] != "Suspend" {
				t.Errorf("%s comes back as %v", u.GetName(), spec["decision"])
			} else if u.GetKind() == "DataSharingApproval" {
				reason, _ := spec["reason"].(string)
				reasons = append(reasons, reason)
			}
		}
	}
	if got := strings.Join(order, " "); got != "DataSharingApproval DataSharingApproval DataSharingLink" {
		t.Errorf("order: %s", got)
	}
	if r := []rune(reasons[1]); len(r) != 1000 {
		t.Errorf("a reason of %d characters", len(r))
	}
}

// TestSettingsInForceAreExported: what waits had no say in what is exported; and what
// is restored takes effect at the next start, whatever the cluster had before.
func TestSettingsInForceAreExported(t *testing.T) {
	of := func(prefix string) settings.Settings {
		s := settings.Default()
		s.IdentifierPrefix = prefix
		return s
	}
	asYAML := func(s settings.Settings) string {
		data, err := yaml.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for name, tt := range map[string]struct{ inForce, want string }{
		"in force":                      {"VN/NEWER", "# As it is written.\n"},
		"held, or not started with yet": {"VN/FORMER", "identifierPrefix: VN/FORMER"},
	} {
		data, err := settings.Record{InForce: of(tt.inForce)}.Data()
		if err != nil {
			t.Fatal(err)
		}
		configMap := func(name string, data map[string]string) *corev1.ConfigMap {
			return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: view.OperatorNamespace, Name: name}, Data: data}
		}
		written := "# As it is written.\n" + asYAML(of("VN/NEWER"))
		c := fake.NewClientBuilder().WithScheme(view.Scheme()).WithObjects(configMap(settings.RecordName, data), configMap(view.OperatorConfigMap, map[string]string{view.OperatorSettings: written}),
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "c"}}).Build()
		e, err := backup.Read(t.Context(), c, backup.Options{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(e.Settings, tt.want) {
			t.Errorf("%s: the export has %s", name, e.Settings)
		}
		e.Settings = asYAML(of("VN/RESTORED"))
		(&restorer{client: c, export: e, options: RestoreOptions{OnConflict: ConflictOverwrite}}).settings(t.Context())
		if record, err := view.SettingsRecord(t.Context(), c, view.OperatorNamespace); err != nil || record == nil || record.InForce.IdentifierPrefix != "VN/RESTORED" {
			t.Errorf("%s: the record after the restore: %+v, %v", name, record, err)
		}
	}
}
