package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/settings"
)

// hostile are values that a schema may take and a child may not, by class.
var hostile = map[string][]string{
	classText: quoted("", "a", ".", "..", "...", "..a", "a..b", "a.b", "-a", "a-", "a_b", "A", "a.-b", "a-.b", ".a", "a.", "1", "0a", "a/b", "/", "//", "/a/../b", "/a//b", "/*", "a:b", "a=b", "a b", "%00", "%", "$(PATH)", "$$", "null", "true", "~", "1e3", "0x1",
		"localhost", "localhost:5000", "localhost:5000/a", "registry:5000/a", "a.b/c", "a.b/c:d", "a.b/c@sha256:"+strings.Repeat("a", 64), "a.b:99999/c", "a.b/c__d", "a.b/c--d", "a.b/c:"+strings.Repeat("t", 128), "a.b:0/c",
		"0.0.0.0/8", "192.0.2.0/32", "::/8", "::ffff:192.0.2.0/120", "fe80::/64", "2001:db8::/32", "2001:DB8::/32", "010.0.0.0/8",
		"default", "kubernetes", "kube-system", "system:masters", "ế", "🏛", "1.0", "1.1.1", "001", "xn--a", "a.xn--b", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 253), strings.Repeat("a", 254), strings.Repeat("a.", 126)+"a", strings.Repeat("a", 63)+"."+strings.Repeat("b", 63), strings.Repeat("a", 512)),
	classQuantity: append(quoted("1", "1m", "0.001", "0.0005", "0.000001", "1.0001", "1.000001", "100m", "1k", "1Ki", "512Mi", "999999999999999", "999999999999999Ti", "9223372036854775807", "1.5Gi"), "1", "3", "9223372036854775807"),
	classInteger:  {"0", "1", "2", "3", "5", "49", "50", "51", "900", "1023", "1024", "10000", "65535", "65536", "1000000000"},
	classFlag:     {"true", "false"},
	classDuration: quoted("1s", "1h", "999999h"),
	classTime:     quoted("2099-01-01T00:00:00Z"),
}

// TestWhatIsAdmittedBecomesChildren changes fields of the samples to hostile
// values, one by one and then at random, asks the API server which of them the
// schema admits, builds what each becomes, and asks the API server about every
// child. None may be invalid: an update that a child refuses would cost what runs.
//
// Without the rules of resources and of keys, requests above limits, the key ".."
// and the name a..b are admitted and make the Deployment invalid.
func TestWhatIsAdmittedBecomesChildren(t *testing.T) {
	makeNamespace(t)
	for _, kind := range []string{"AgencyPortal", "Agency", "SecurityPolicy", "SharedPlatform"} {
		for _, sample := range readSamples(t) {
			if sample.GetKind() != kind {
				continue
			}
			t.Run(kind+"/"+sample.GetName(), func(t *testing.T) { tryChildren(t, sample) })
		}
	}
}

// main is the child that each kind is about.
var main = map[string]string{"AgencyPortal": "Deployment", "Agency": "ResourceQuota", "SecurityPolicy": "ValidatingAdmissionPolicy", "SharedPlatform": "Deployment"}

func tryChildren(t *testing.T, sample *unstructured.Unstructured) {
	delete(sample.Object, "status")
	unstructured.RemoveNestedField(sample.Object, "spec", "suspended")
	var fields []field
	for _, f := range fieldsOf(t, kinds(t)[sample.GetKind()]) {
		if strings.HasPrefix(f.path, "spec.") && lookup(sample.Object, f.path) {
			fields = append(fields, f)
		}
	}
	fields = append(fields, field{"metadata.name", classText})
	tried := map[string]bool{}
	admitted := 0
	if !tryOne(t, "the sample", mustJSON(t, sample.Object), tried) {
		t.Fatal("the sample is refused")
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(tried)), func(s string) bool { return strings.Contains(s, `"kind":"`+main[sample.GetKind()]+`"`) }) {
		t.Fatalf("the sample becomes no %s, so the test would try nothing", main[sample.GetKind()])
	}
	for _, f := range fields {
		for _, raw := range hostile[f.class] {
			if tryOne(t, f.path+"="+raw, withRaw(t, sample, f.path, raw), tried) {
				admitted++
			}
		}
	}
	for _, drop := range fields {
		o := sample.DeepCopy()
		path := strings.Split(strings.ReplaceAll(drop.path, "[]", ""), ".")
		unstructured.RemoveNestedField(o.Object, path...)
		tryOne(t, "without "+drop.path, mustJSON(t, o.Object), tried)
	}
	random := rand.New(rand.NewPCG(9, 9))
	for i := range 200 {
		o := sample.DeepCopy()
		var what []string
		for range 2 + random.IntN(2) {
			f := fields[random.IntN(len(fields))]
			raw := hostile[f.class][random.IntN(len(hostile[f.class]))]
			what = append(what, f.path+"="+raw)
			var v any
			if err := json.Unmarshal([]byte(raw), &v); err != nil {
				t.Fatal(err)
			}
			replaceFirst(o.Object, f.path, func(any) any { return v })
		}
		data, err := json.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		if tryOne(t, fmt.Sprintf("random %d: %s", i, strings.Join(what, ", ")), data, tried) {
			admitted++
		}
	}
	if admitted < 20 {
		t.Errorf("only %d objects were admitted: the corpus tries too little", admitted)
	}
}

// tryOne asks for the object and, if it is admitted, for its children.
func tryOne(t *testing.T, what string, data []byte, tried map[string]bool) bool {
	t.Helper()
	var head unstructured.Unstructured
	if err := head.UnmarshalJSON(data); err != nil {
		return false
	}
	status, body := request(t, http.MethodPost, urlOf(t, head.GetKind(), "")+"?dryRun=All", data)
	if status != http.StatusCreated {
		return false
	}
	object := kinds(t)[head.GetKind()]
	if err := json.Unmarshal([]byte(body), object); err != nil {
		t.Errorf("%.200s: %v", what, err)
		return false
	}
	for _, child := range childrenOf(t, object) {
		// What an equal child said does not change.
		key := string(mustJSON(t, child))
		if tried[key] {
			continue
		}
		tried[key] = true
		if child.GetNamespace() != "" {
			child.SetNamespace(namespace)
		}
		child.SetOwnerReferences(nil)
		err := env.Admin.Create(t.Context(), child, client.DryRunAll)
		if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) {
			t.Errorf("%.300s is admitted, but its %T is not: %v", what, child, err)
		}
	}
	return true
}

// childrenOf builds everything that becomes of an object.
func childrenOf(t *testing.T, object client.Object) []client.Object {
	t.Helper()
	s := settings.Default()
	agency := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "schema", UID: "agency"}, Spec: v1alpha1.AgencySpec{Code: "G12", Domains: []v1alpha1.DNSName{"example.gov.vn"}}}
	agency.Status.Namespace = namespace
	var objects []desired.Object
	switch o := object.(type) {
	case *v1alpha1.AgencyPortal:
		o.UID = "portal"
		// These need platforms, and nothing of them enters a child.
		o.Spec.CitizenLogin, o.Spec.PublicServices = false, nil
		objects = desired.AgencyPortal(desired.PortalInput{Settings: s, Portal: o, Agency: agency, NamespaceGuarded: true}).Objects
	case *v1alpha1.Agency:
		o.UID = "agency"
		o.Spec.ParentRef = nil
		objects = desired.Agency(desired.AgencyInput{Settings: s, Agency: o}).Objects
	case *v1alpha1.SecurityPolicy:
		o.UID = "policy"
		o.Spec.Mode = v1alpha1.ModeEnforce
		objects = desired.SecurityPolicy(desired.PolicyInput{Policy: o}).Objects
		portal := &v1alpha1.AgencyPortal{}
		sample := sampleOf(t, "AgencyPortal", "full")
		delete(sample.Object, "status")
		if err := json.Unmarshal(mustJSON(t, sample.Object), portal); err != nil {
			t.Fatal(err)
		}
		portal.UID = "portal"
		portal.Spec.CitizenLogin, portal.Spec.PublicServices = false, nil
		// What the policy writes into the workload, without what it would forbid.
		writes := v1alpha1.SecurityPolicy{ObjectMeta: o.ObjectMeta, Spec: v1alpha1.SecurityPolicySpec{Isolation: o.Spec.Isolation, Logging: o.Spec.Logging, Mode: v1alpha1.ModeEnforce}}
		objects = append(objects, desired.AgencyPortal(desired.PortalInput{Settings: s, Portal: portal, Agency: agency, NamespaceGuarded: true, Policies: []v1alpha1.SecurityPolicy{writes}}).Objects...)
	case *v1alpha1.SharedPlatform:
		portal := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Name: "full", Namespace: namespace, UID: "portal"}}
		portal.Spec.Image, portal.Spec.Port, portal.Spec.Replicas.Min = "a.b/c", 8080, 1
		portal.Spec.Probes = v1alpha1.Probes{LivenessPath: "/a", ReadinessPath: "/b", StartupSeconds: 60}
		portal.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: v1alpha1.ObjectName(o.Name)}}
		objects = desired.AgencyPortal(desired.PortalInput{Settings: s, Portal: portal, Agency: agency, NamespaceGuarded: true,
			Platforms: map[string]desired.ReferencedPlatform{o.Name: {Name: o.Name, Platform: o}}}).Objects
	}
	var out []client.Object
	for _, o := range objects {
		c, ok := o.(client.Object)
		if !ok {
			t.Fatalf("%T is no object", o)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		t.Fatalf("%T %s becomes nothing", object, object.GetName())
	}
	return out
}
