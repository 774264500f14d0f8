package schema

import (
	"encoding/json"
	"fmt"
	rand "math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/link"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
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

// becomes is what the operator builds for each kind that has children, or whose
// fields enter the children of another one.
var becomes = map[string]func(*testing.T, client.Object) []object.Object{
	child.Agency: agencyBecomes, child.AgencyPortal: portalBecomes, child.SecurityPolicy: policyBecomes, child.DataSharingLink: linkBecomes,
	"SharedPlatform": platformBecomes,
}

// childless are the kinds of which nothing enters a child but what the API server
// has seen of another kind.
var childless = map[string]string{
	"DataService":         "its port, of the numbers of a portal's port, is all that links have of it",
	"DataSharingApproval": "it decides whether there is a child",
}

// TestWhatIsAdmittedBecomesChildren changes fields of the samples to hostile
// values, one by one and then at random, in lists at the first place, the last and
// the last of a list at its bound. It asks the API server which of them the schema
// admits, builds what each becomes, and asks the API server about every child and
// its namespace. None may be invalid: an update that a child refuses would cost
// what runs.
//
// Without the rules of resources and of keys, requests above limits, the key ".."
// and the name a..b are admitted and make the Deployment invalid; with a rule that
// looks at the first item only, the last one does. A kind that emits children by
// internal/child and is not tried fails, and so does a row of it that no sample
// becomes: without the approvals in linkBecomes, no NetworkPolicy.
func TestWhatIsAdmittedBecomesChildren(t *testing.T) {
	makeNamespace(t)
	for kind := range emptyObjects() {
		if (becomes[kind] == nil) == (childless[kind] == "") {
			t.Errorf("test/schema/children_test.go: %s must be either in becomes, with what is built of it, or in childless, with why nothing is", kind)
		}
		if becomes[kind] == nil && len(child.EmittedBy(kind)) > 0 {
			t.Errorf("test/schema/children_test.go: %s has children that are not tried: add it to becomes", kind)
		}
	}
	for kind := range becomes {
		became := map[string]bool{}
		for _, sample := range readSamples(t) {
			if sample.GetKind() != kind {
				continue
			}
			t.Run(kind+"/"+sample.GetName(), func(t *testing.T) { tryChildren(t, sample, became) })
		}
		for _, row := range child.EmittedBy(kind) {
			if !became[row.GVK.Kind] {
				t.Errorf("test/schema/children_test.go: no sample of %s becomes a %s, so it is not tried: build it in what becomes has for %s, or give a sample in samples_test.go the field of which it comes", kind, row.GVK.Kind, kind)
			}
		}
	}
}

// tryChildren adds the kinds of what the sample becomes to became.
func tryChildren(t *testing.T, sample *unstructured.Unstructured, became map[string]bool) {
	delete(sample.Object, "status")
	unstructured.RemoveNestedField(sample.Object, "spec", "suspended")
	tried := map[string]bool{}
	for _, c := range tryOne(t, "the sample", mustJSON(t, sample.Object), tried) {
		became[c.GetObjectKind().GroupVersionKind().Kind] = true
	}
	if len(tried) == 0 {
		t.Fatal("the sample is refused")
	}
	var fields []field
	for _, f := range fieldsOf(t, emptyObjects()[sample.GetKind()]) {
		if strings.HasPrefix(f.path, "spec.") && lookup(sample.Object, f.path) {
			fields = append(fields, f)
		}
	}
	fields = append(fields, field{"metadata.name", classText})
	admitted := 0
	for _, f := range fields {
		taken := map[string]bool{}
		for _, position := range positions(f.path) {
			roomy := withRoom(t, sample, f.path, position)
			if tryOne(t, f.path+" with room for the "+position, mustJSON(t, roomy.Object), tried) == nil {
				t.Errorf("test/schema/grow_test.go: the list of %s cannot be made longer: teach numbered how its items differ", f.path)
				continue
			}
			for _, raw := range hostile[f.class] {
				// The long list is long to look at, and takes no other items.
				if position == atBound && !taken[raw] {
					continue
				}
				if tryOne(t, f.path+" at the "+position+"="+raw, withRawAt(t, roomy, f.path, position, raw), tried) != nil {
					taken[raw] = true
					admitted++
				}
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
			position := []string{alone, atFirst, atLast}[random.IntN(3)]
			raw := hostile[f.class][random.IntN(len(hostile[f.class]))]
			what = append(what, f.path+" at the "+position+"="+raw)
			var v any
			if err := json.Unmarshal([]byte(raw), &v); err != nil {
				t.Fatal(err)
			}
			o = withRoom(t, o, f.path, position)
			place(o.Object, f.path, position, v)
		}
		if tryOne(t, fmt.Sprintf("random %d: %s", i, strings.Join(what, ", ")), mustJSON(t, o.Object), tried) != nil {
			admitted++
		}
	}
	if admitted < 20 {
		t.Errorf("only %d objects were admitted: the corpus tries too little", admitted)
	}
}

// tryOne asks for the object and, if it is admitted, for its children, which it
// returns; nil if it is not.
func tryOne(t *testing.T, what string, data []byte, tried map[string]bool) []client.Object {
	t.Helper()
	var head unstructured.Unstructured
	if err := head.UnmarshalJSON(data); err != nil {
		return nil
	}
	status, body := request(t, http.MethodPost, urlOf(t, head.GetKind(), "")+"?dryRun=All", data)
	if status != http.StatusCreated {
		return nil
	}
	parent := emptyObjects()[head.GetKind()]
	if err := json.Unmarshal([]byte(body), parent); err != nil {
		t.Errorf("%.200s: %v", what, err)
		return nil
	}
	children := childrenOf(t, parent)
	for _, c := range children {
		// What an equal child said does not change.
		key := string(mustJSON(t, c))
		if tried[key] {
			continue
		}
		tried[key] = true
		dry := c.DeepCopyObject().(client.Object)
		if ns := c.GetNamespace(); ns != "" {
			if !tried[ns] && refuses(env.Admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, client.DryRunAll)) {
				t.Errorf("%.300s is admitted, and its %T would stand in namespace %q, which cannot be", what, c, ns)
			}
			tried[ns] = true
			dry.SetNamespace(namespace)
		}
		dry.SetOwnerReferences(nil)
		if err := env.Admin.Create(t.Context(), dry, client.DryRunAll); refuses(err) {
			t.Errorf("%.300s is admitted, but its %T is not: %v", what, c, err)
		}
	}
	return children
}

// refuses reports whether an object can never be stored as it is.
func refuses(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// childrenOf builds everything that becomes of an object.
func childrenOf(t *testing.T, parent client.Object) []client.Object {
	t.Helper()
	kind := reflect.TypeOf(parent).Elem().Name()
	parent.SetUID(types.UID(strings.ToLower(kind)))
	var out []client.Object
	for _, o := range becomes[kind](t, parent) {
		c, ok := o.(client.Object)
		if !ok {
			t.Fatalf("%T is no object", o)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		t.Fatalf("%s %s becomes nothing", kind, parent.GetName())
	}
	return out
}

// samplesAgency is the agency of the samples' namespace.
func samplesAgency() *v1alpha1.Agency {
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "schema", UID: "agency"}, Spec: v1alpha1.AgencySpec{Code: "G12", Domains: []v1alpha1.DNSName{"example.gov.vn"}}}
	a.Status.Namespace = namespace
	return a
}

func portalBecomes(t *testing.T, parent client.Object) []object.Object {
	t.Helper()
	p := parent.(*v1alpha1.AgencyPortal)
	// These need platforms, and nothing of them enters a child.
	p.Spec.CitizenLogin, p.Spec.PublicServices = false, nil
	return portalkind.Decide(portalkind.Input{Settings: settings.Default(), Portal: p, Agency: samplesAgency(), NamespaceGuarded: true}).Objects
}

func agencyBecomes(t *testing.T, parent client.Object) []object.Object {
	t.Helper()
	a := parent.(*v1alpha1.Agency)
	a.Spec.ParentRef = nil
	s := settings.Default()
	out := agency.Decide(agency.Input{Settings: s, Agency: a}).Objects
	out = append(out, agency.Decide(agency.Input{Settings: s, Agency: a, Counts: true}).Objects...)
	// Who has rights in the agency reads the links that ask it, and all as the authority.
	a.Status.Rights = &v1alpha1.GrantedRights{AgencyRights: v1alpha1.AgencyRights{AdminGroups: a.Spec.AdminGroups, AdminServiceAccounts: a.Spec.AdminServiceAccounts, ViewerGroups: a.Spec.ViewerGroups}}
	in := resolved(typedSample(t, "DataSharingLink").(*v1alpha1.DataSharingLink))
	in.Asked, in.Authority = a, a
	return append(out, link.Decide(in).Readers...)
}

func policyBecomes(t *testing.T, parent client.Object) []object.Object {
	t.Helper()
	p := parent.(*v1alpha1.SecurityPolicy)
	p.Spec.Mode = v1alpha1.ModeEnforce
	out := securitypolicy.Decide(securitypolicy.Input{Policy: p}).Objects
	portal := typedSample(t, "AgencyPortal").(*v1alpha1.AgencyPortal)
	portal.Spec.CitizenLogin, portal.Spec.PublicServices = false, nil
	// What the policy writes into the workload, without what it would forbid.
	writes := v1alpha1.SecurityPolicy{ObjectMeta: p.ObjectMeta, Spec: written(t, &p.Spec)}
	in := portalkind.Input{Settings: settings.Default(), Portal: portal, Agency: samplesAgency(), NamespaceGuarded: true, Policies: []v1alpha1.SecurityPolicy{writes}}
	return append(out, portalkind.Decide(in).Objects...)
}

// written returns the controls of a spec that the operator writes into pods.
func written(t *testing.T, spec *v1alpha1.SecurityPolicySpec) v1alpha1.SecurityPolicySpec {
	t.Helper()
	all, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		t.Fatal(err)
	}
	some, out := map[string]any{}, v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce}
	for _, c := range control.All() {
		path := strings.Split(c.Name, ".")
		if value, ok, _ := unstructured.NestedFieldNoCopy(all, path...); ok && slices.Contains(c.Held(), control.Written) {
			if err := unstructured.SetNestedField(some, value, path...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(some, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func platformBecomes(t *testing.T, parent client.Object) []object.Object {
	t.Helper()
	p := parent.(*v1alpha1.SharedPlatform)
	portal := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Name: "full", Namespace: namespace, UID: "portal"}}
	portal.Spec.Image, portal.Spec.Port, portal.Spec.Replicas.Min = "a.b/c", 8080, 1
	portal.Spec.Probes = v1alpha1.Probes{LivenessPath: "/a", ReadinessPath: "/b", StartupSeconds: 60}
	portal.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: v1alpha1.ObjectName(p.Name)}}
	return portalkind.Decide(portalkind.Input{Settings: settings.Default(), Portal: portal, Agency: samplesAgency(), NamespaceGuarded: true,
		Platforms: map[string]portalkind.ReferencedPlatform{p.Name: {Name: p.Name, Platform: p}}}).Objects
}

// linkBecomes builds what a link becomes by either route when everybody approves,
// and who may read it.
func linkBecomes(t *testing.T, parent client.Object) []object.Object {
	t.Helper()
	var out []object.Object
	for _, route := range []v1alpha1.LinkRoute{v1alpha1.RoutePlatform, v1alpha1.RouteDirect} {
		in := resolved(parent.DeepCopyObject().(*v1alpha1.DataSharingLink))
		in.Link.Spec.Route = route
		in.Policies = []v1alpha1.SecurityPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "direct"}, Spec: v1alpha1.SecurityPolicySpec{DataSharing: &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}}}}
		in.Asked, in.Authority = samplesAgency(), samplesAgency()
		in.Asked.Name, in.Authority.Name = string(in.Link.Spec.Provider.Agency), in.Settings.AuthorityAgency
		for _, a := range []*v1alpha1.Agency{in.Asked, in.Authority} {
			a.Spec.ViewerGroups = []v1alpha1.GroupName{"viewers"}
			a.Status.Rights = &v1alpha1.GrantedRights{AgencyRights: v1alpha1.AgencyRights{ViewerGroups: a.Spec.ViewerGroups}}
		}
		hash := link.Decide(in).Hash
		for i, namespace := range []string{names.Namespace(in.Asked.Name), names.Namespace(in.Authority.Name)} {
			in.Approvals = append(in.Approvals, v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "approves"},
				Spec: v1alpha1.DataSharingApprovalSpec{SpecHash: hash, Decision: v1alpha1.DecisionApprove, Approver: fmt.Sprintf("approver%d", i)}})
		}
		built := link.Decide(in)
		out = append(out, built.Objects...)
		out = append(out, built.Readers...)
	}
	return out
}

// typedSample is the full sample of a kind, as the operator reads it.
func typedSample(t *testing.T, kind string) client.Object {
	t.Helper()
	sample := sampleOf(t, kind, "full")
	delete(sample.Object, "status")
	o := emptyObjects()[kind]
	if err := json.Unmarshal(mustJSON(t, sample.Object), o); err != nil {
		t.Fatal(err)
	}
	o.SetUID(types.UID(strings.ToLower(kind)))
	return o
}
