package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
)

// thirteen is a country with thirteen running portals and a standard in force.
func thirteen() fixedReader {
	r := fixedReader{agencies: []v1alpha1.Agency{{ObjectMeta: metav1.ObjectMeta{Name: "health", UID: "h", Generation: 1}}}}
	for i := range 13 {
		p := v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-health", Name: fmt.Sprintf("p%02d", i), UID: "p", Generation: 1},
			Spec: v1alpha1.AgencyPortalSpec{Image: "registry.gov.example/health/p:1", Port: 8080, Replicas: v1alpha1.Replicas{Min: 2}, Exposure: v1alpha1.ExposureInternal}}
		p.Status.LastCompliant = p.Spec.DeepCopy()
		p.Status.Findings = []v1alpha1.PolicyFinding{{Policy: "digests", Mode: v1alpha1.ModeAudit, Control: "images.requireDigest", Found: p.Spec.Image, Wanted: "a reference by digest\x1b[2J (@sha256:...)" + strings.Repeat(" of a very long text", 10)}}
		r.portals = append(r.portals, p)
	}
	spec := v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, Images: &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example"}}}
	r.policies = []v1alpha1.SecurityPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "images", Generation: 4}, Spec: spec, Status: v1alpha1.SecurityPolicyStatus{StatusBase: v1alpha1.StatusBase{ObservedGeneration: 4}, InForce: &spec}}}
	return r
}

func policyFile(t *testing.T, spec string) []v1alpha1.SecurityPolicy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	data := "apiVersion: platform.gov.vn/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: images}\nspec: " + spec + "\n"
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	policies, err := loadPolicies(t.Context(), nil, []string{file}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return policies
}

// TestImpact: what the command tells is what the operator would do.
func TestImpact(t *testing.T) {
	tests := []struct {
		name, spec string
		portals    int
		held       bool
		last       string
	}{
		{"a typo", `{images: {allowedRegistries: [registry.gvo.example]}}`, 13, true, "  acceptedImpact: {portals: 13, links: 0}"},
		{"a typo, accepted", `{acceptedImpact: {portals: 13}, images: {allowedRegistries: [registry.gvo.example]}}`, 13, false, "It takes effect at once."},
		{"a typo, accepted for fewer", `{acceptedImpact: {portals: 12}, images: {allowedRegistries: [registry.gvo.example]}}`, 13, true, "  acceptedImpact: {portals: 13, links: 0}"},
		{"looser", `{images: {allowedRegistries: [registry.gov.example, other.example]}}`, 0, false, "SecurityPolicy images stops nothing of the 13 that run."},
		{"audited", `{mode: Audit, images: {allowedRegistries: [registry.gvo.example]}}`, 0, false, "SecurityPolicy images stops nothing of the 13 that run."},
		{"of another agency", `{selector: {agencies: [finance]}, images: {allowedRegistries: [registry.gvo.example]}}`, 0, false, "SecurityPolicy images stops nothing of the 13 that run."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			impacts, err := view.Impact(t.Context(), thirteen(), settings.Default(), time.Now(), policyFile(t, tt.spec))
			if err != nil || len(impacts) != 1 {
				t.Fatalf("%+v, %v", impacts, err)
			}
			i := impacts[0]
			if i.Portals != tt.portals || len(i.Stops) != tt.portals || i.Held != tt.held || i.Running != 13 {
				t.Errorf("%d portals, %d stops, %d run, held %v", i.Portals, len(i.Stops), i.Running, i.Held)
			}
			var out bytes.Buffer
			printImpact(&out, i, settings.Default().Bound())
			lines := narrow(t, out.String())
			if got := lines[len(lines)-1]; got != tt.last {
				t.Errorf("the last line is %q, want %q", got, tt.last)
			}
		})
	}
}

// narrow checks that every line fits a terminal and holds nothing that steers it.
func narrow(t *testing.T, out string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, l := range lines {
		if utf8.RuneCountInString(l) > 80 || strings.ContainsAny(l, "\x1b\x07\x00") {
			t.Errorf("the line is too wide or steers the terminal: %q", l)
		}
	}
	return lines
}

// TestLeftOutIsNoted: what of a file is no object of the platform is named, also where
// nothing else is in it. Fails when the notes are passed over.
func TestLeftOutIsNoted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mistyped.yaml")
	if err := os.WriteFile(file, []byte("{apiVersion: plattform.gov.vn/v1alpha1, kind: SecurityPolicy, metadata: {name: p}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var notes strings.Builder
	if _, err := loadPolicies(t.Context(), nil, []string{file}, &notes); err == nil || notes.String() != "note: "+file+":1: SecurityPolicy p: left out, it is not of platform.gov.vn\n" {
		t.Errorf("%v, %q", err, notes.String())
	}
}

func TestViolations(t *testing.T) {
	got, err := view.Violations(t.Context(), thirteen(), "digests", "")
	if err != nil || len(got) != 13 {
		t.Fatalf("%d violations, %v", len(got), err)
	}
	want := view.Violation{Policy: "digests", Agency: "health", Portal: "p00", Mode: v1alpha1.ModeAudit, Control: "images.requireDigest", Found: "registry.gov.example/health/p:1", Wanted: got[0].Wanted}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("the first differs (-want +got):\n%s", diff)
	}
	for _, none := range [][2]string{{"images", ""}, {"digests", "finance"}} {
		if got, err := view.Violations(t.Context(), thirteen(), none[0], none[1]); err != nil || got == nil || len(got) > 0 {
			t.Errorf("violations of %v: %+v, %v", none, got, err)
		}
	}
	var out bytes.Buffer
	printViolations(&out, got)
	lines := narrow(t, out.String())
	if lines[0] != "SecurityPolicy digests" || lines[len(lines)-1] != "13 portals violate 1 policies." || len(lines) != 2+3*13 {
		t.Errorf("printed:\n%s", out.String())
	}
}

// TestSettingsImpactIsTold: the command shows what the operator would hold.
func TestSettingsImpactIsTold(t *testing.T) {
	former := settings.Record{InForce: settings.Default()}
	for name, tt := range map[string]struct {
		change func(*settings.Settings)
		held   bool
		want   string
	}{
		"nothing":       {func(s *settings.Settings) { s.TimeZone = "UTC" }, false, "The settings touch nothing of the 13 that run."},
		"other servers": {func(s *settings.Settings) { s.ClusterDNS.Namespace = "kube-dns" }, true, "  acceptedImpact: {portals: 13, links: 0}"},
		"which is meant": {func(s *settings.Settings) {
			s.ClusterDNS.Namespace, s.AcceptedImpact = "dns", &v1alpha1.AcceptedImpact{Portals: 13}
		}, false, "They take effect when the operator starts with them."},
		"too little meant": {func(s *settings.Settings) {
			s.ClusterDNS.Namespace, s.AcceptedImpact = "dns", &v1alpha1.AcceptedImpact{Portals: 12}
		}, true, "  acceptedImpact: {portals: 13, links: 0}"},
	} {
		newer := settings.Default()
		tt.change(&newer)
		got, err := view.SettingsImpact(t.Context(), thirteen(), former, newer)
		if err != nil || got.Held != tt.held {
			t.Fatalf("%s: held %v, %v", name, got.Held, err)
		}
		var out bytes.Buffer
		printSettingsImpact(&out, got, former.InForce.Bound())
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		if lines[len(lines)-1] != tt.want {
			t.Errorf("%s:\n%s", name, out.String())
		}
	}
}
