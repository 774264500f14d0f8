package kinds_test

import (
	"fmt"
	"maps"
	rand "math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
)

// none stands for a value that is absent where zero is another one.
var none any

// values are what a random policy has in each field, zero, empty and absent values
// among them, whether the schema takes them or not: an earlier version may have.
var values = map[string][]any{
	"mode":                                    {v1alpha1.PolicyMode(""), v1alpha1.ModeEnforce, v1alpha1.ModeAudit},
	"images.allowedRegistries":                {none, []v1alpha1.RegistryPrefix{}, []v1alpha1.RegistryPrefix{""}, []v1alpha1.RegistryPrefix{"registry.example.gov.vn"}, []v1alpha1.RegistryPrefix{"registry.example.gov.vn/a", "other.example:5000"}},
	"images.requireDigest":                    {false, true},
	"podSecurity":                             {v1alpha1.PodSecurityLevel(""), v1alpha1.PodSecurityBaseline, v1alpha1.PodSecurityRestricted},
	"availability.minReplicas":                {int32(-1), int32(0), int32(1), int32(2), int32(3)},
	"availability.requireDisruptionBudget":    {false, true},
	"resources.requireLimits":                 {false, true},
	"resources.maxCPU":                        {none, resource.NewQuantity(0, resource.DecimalSI), resource.NewQuantity(1, resource.DecimalSI), resource.NewQuantity(2, resource.DecimalSI)},
	"resources.maxMemory":                     {none, resource.NewQuantity(0, resource.BinarySI), resource.NewQuantity(1<<20, resource.BinarySI), resource.NewQuantity(1<<30, resource.BinarySI)},
	"certificates.issuerRef":                  {none, &v1alpha1.IssuerReference{}, &v1alpha1.IssuerReference{Kind: "Issuer", Name: "a"}},
	"certificates.maxDuration":                {none, &metav1.Duration{}, &metav1.Duration{Duration: time.Hour}, &metav1.Duration{Duration: 2 * time.Hour}},
	"certificates.minTLSVersion":              {"", "1.2", "1.3"},
	"network.denyInternetEgress":              {false, true},
	"dataSharing.requireMutualTLS":            {false, true},
	"dataSharing.requireAuthorityApprovalFor": {none, []v1alpha1.DataClassification{}, []v1alpha1.DataClassification{""}, []v1alpha1.DataClassification{"Unheard"}, policy.Classes[:1], policy.Classes[1:2], policy.Classes[2:3], policy.Classes},
	"dataSharing.allowDirectRoute":            {none, ptr.To(false), ptr.To(true)},
	"dataSharing.maxValidity":                 {none, &metav1.Duration{Duration: -time.Hour}, &metav1.Duration{}, &metav1.Duration{Duration: time.Hour}, &metav1.Duration{Duration: 3 * time.Hour}},
	"dataSharing.datasetOwners":               {none, []v1alpha1.DatasetOwner{}, []v1alpha1.DatasetOwner{{}}, []v1alpha1.DatasetOwner{{Dataset: "d"}}, []v1alpha1.DatasetOwner{{Dataset: "d", Agency: "a"}}, []v1alpha1.DatasetOwner{{Dataset: "d", Agency: "b"}, {Dataset: "e", Agency: "a"}}},
	"isolation.runtimeClassName":              {"", "kata", "gvisor"},
	"isolation.nodePool":                      {"", "secret", "public"},
	"logging.retentionMonths":                 {int32(-1), int32(0), int32(1), int32(12)},
}

// noControls are the fields of a policy that demand nothing of what it selects.
var noControls = map[string]string{
	"selector":       "says whom the policy is for; who asks here has selected already",
	"acceptedImpact": "is about a change of the policy",
	"deletionPolicy": "is about the end of the policy",
}

// withoutEffect reports whether the table of controls has one as stored only.
func withoutEffect(name string) bool {
	return slices.ContainsFunc(control.All(), func(c control.Control) bool { return c.Name == name && len(c.Held()) == 0 })
}

// eachControl walks the fields of a policy and hands on those that have values; a
// struct behind a pointer may be left out. It returns those that have none.
func eachControl(spec *v1alpha1.SecurityPolicySpec, enter func(path string) bool, leaf func(path string, v reflect.Value)) (without []string) {
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch {
		case noControls[path] != "":
		case values[path] != nil:
			leaf(path, v)
		case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct:
			if enter(path) {
				v.Set(reflect.New(v.Type().Elem()))
				walk(v.Elem(), path)
			}
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				walk(v.Field(i), strings.TrimPrefix(path+"."+name, "."))
			}
		default:
			without = append(without, path)
		}
	}
	walk(reflect.ValueOf(spec).Elem(), "")
	return without
}

func put(v reflect.Value, value any) {
	if value != none {
		v.Set(reflect.ValueOf(value))
	}
}

// anyPolicy makes a policy of random controls.
func anyPolicy(r *rand.Rand, name string) v1alpha1.SecurityPolicy {
	p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	eachControl(&p.Spec, func(string) bool { return r.IntN(2) == 0 }, func(path string, v reflect.Value) {
		put(v, values[path][r.IntN(len(values[path]))])
	})
	return p
}

// workloads are what portals may run: one that meets whatever it can, and each of
// the others worse in one thing.
func workloads() []control.Workload {
	base := func(change ...func(*control.Workload)) control.Workload {
		w := control.Workload{MinReplicas: 2, HasDisruptionBudget: true, PodSecurityVersion: "latest"}
		w.Template.Spec = corev1.PodSpec{
			RuntimeClassName: ptr.To("kata"), NodeSelector: map[string]string{names.LabelNodePool: "secret"},
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "c", Image: "registry.example.gov.vn/a/b@sha256:" + strings.Repeat("a", 64),
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
				Resources:       corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Mi")}}}},
		}
		for _, c := range change {
			c(&w)
		}
		return w
	}
	limit := func(name corev1.ResourceName, amount string) func(*control.Workload) {
		return func(w *control.Workload) {
			w.Template.Spec.Containers[0].Resources.Limits[name] = resource.MustParse(amount)
		}
	}
	return []control.Workload{
		base(),
		base(func(w *control.Workload) { w.MinReplicas, w.HasDisruptionBudget = 0, false }),
		base(func(w *control.Workload) { w.Template.Spec.Containers[0].Image = "registry.example.gov.vn/b:v1" }),
		base(func(w *control.Workload) { w.Template.Spec.Containers[0].Image = "elsewhere.example/a/b:v1" }),
		base(func(w *control.Workload) { w.Template.Spec.Containers[0].SecurityContext = nil }),
		base(func(w *control.Workload) { w.Template.Spec.HostNetwork = true }),
		base(func(w *control.Workload) { w.Template.Spec.Containers[0].Resources.Limits = nil }),
		base(limit(corev1.ResourceCPU, "0")), base(limit(corev1.ResourceCPU, "2")), base(limit(corev1.ResourceMemory, "512Mi")), base(limit(corev1.ResourceMemory, "4Gi")),
		base(func(w *control.Workload) { w.Template.Spec.RuntimeClassName = nil }),
		base(func(w *control.Workload) { w.Template.Spec.NodeSelector = nil }),
		base(func(w *control.Workload) {
			w.Policies = []*networkingv1.NetworkPolicy{{Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "198.51.100.0/24"}}}}}}}}
		}),
	}
}

const directRoute = "the direct route"

// forbidden is all that the policies forbid to portals, to a link between what two
// sets of them select, and to agencies that claim datasets.
func forbidden(consumer, provider []v1alpha1.SecurityPolicy) map[string]bool {
	out := map[string]bool{}
	forbid := func(is bool, format string, args ...any) {
		if is {
			out[fmt.Sprintf(format, args...)] = true
		}
	}
	link := linkkind.EffectiveSharingFloor(consumer, provider)
	for _, d := range []time.Duration{0, time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour} {
		forbid(link.MaxValidity != nil && (*link.MaxValidity <= 0 || d > *link.MaxValidity), "a term of %s", d)
	}
	for _, c := range append(slices.Clone(policy.Classes), "", "Unknown") {
		forbid(link.NeedsAuthority(c), "a link of class %q without the authority", c)
	}
	forbid(!link.DirectAllowed, directRoute)

	f := policy.EffectiveFloor(consumer)
	for n := range int32(13) {
		forbid(n < f.RetentionMonths, "%d months of logs", n)
	}
	forbid(f.RuntimeClassName != "", "the default runtime")
	forbid(f.NodePool != "", "any node")
	for i, w := range workloads() {
		for _, finding := range policy.Blocking(policy.Evaluate(consumer, w)) {
			forbid(true, "workload %d: %s %s: %s", i, finding.Policy, finding.Control, finding.Found)
		}
		for _, finding := range policy.Isolation(consumer, w.Template) {
			forbid(true, "pods of workload %d: %s %s: %s", i, finding.Policy, finding.Control, finding.Found)
		}
	}
	for _, dataset := range []string{"", "d", "e", "f"} {
		owner, disputed := policy.AssignedOwner(consumer, dataset)
		for _, agency := range []string{"a", "b", "c"} {
			forbid(len(disputed) > 0 || owner != "" && owner != agency, "%s owns dataset %q", agency, dataset)
		}
	}
	return out
}

// TestAddingAPolicyNeverLoosens: whatever policies there are, at either end of a
// link, one more at whatever place never allows what was forbidden before, and an
// audited one changes nothing. The one exception is a permission for the direct
// route, which is meant to loosen.
//
// Fails at once with maxValidity 0 taken as no bound, so that a later one replaces
// it; with a Join of the floor that takes the last value; with AssignedOwner that lets
// the last policy decide; without any of the looks at Audit.
func TestAddingAPolicyNeverLoosens(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		sides := [2][]v1alpha1.SecurityPolicy{}
		for i := range sides {
			for range r.IntN(4) {
				sides[i] = append(sides[i], anyPolicy(r, fmt.Sprintf("p%d", len(sides[i]))))
			}
		}
		before := forbidden(sides[0], sides[1])
		added, side := anyPolicy(r, "q"), r.IntN(2)
		sides[side] = slices.Insert(slices.Clone(sides[side]), r.IntN(len(sides[side])+1), added)
		after := forbidden(sides[0], sides[1])
		if c := added.Spec.DataSharing; c != nil && c.AllowDirectRoute != nil && *c.AllowDirectRoute && added.Spec.Mode != v1alpha1.ModeAudit {
			delete(before, directRoute)
			delete(after, directRoute)
		}
		for what := range before {
			if !after[what] {
				t.Fatalf("%s is allowed by one policy more: %+v", what, added.Spec)
			}
		}
		if added.Spec.Mode == v1alpha1.ModeAudit && !maps.Equal(before, after) {
			t.Fatalf("an audited policy forbids: %v, %v", before, after)
		}
	}
}

// TestEveryControlIsTried: every control of a policy has values, and some of them
// forbid what others do not, so that the property above is about it. A control that
// has no effect is one that the table has so.
//
// Fails for a control without values; for one that is not asked about, as were
// isolation, maxMemory and datasetOwners; for values of a field that is gone; and for a
// row that claims a place for dataSharing.requireMutualTLS, or none for maxValidity.
func TestEveryControlIsTried(t *testing.T) {
	var spec v1alpha1.SecurityPolicySpec
	var controls []string
	without := eachControl(&spec, func(string) bool { return true }, func(path string, _ reflect.Value) { controls = append(controls, path) })
	for _, path := range without {
		t.Errorf("no policy of internal/kinds/loosens_test.go has %s: add its values, and what it forbids to forbidden, or say in noControls why it demands nothing", path)
	}
	for path := range values {
		if !slices.Contains(controls, path) {
			t.Errorf("%s has values and is no field", path)
		}
	}
	for _, name := range controls {
		var answers []map[string]bool
		for _, value := range values[name] {
			p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
			// What the mode is for needs something that is demanded.
			p.Spec.Logging = &v1alpha1.LoggingControl{RetentionMonths: 1}
			eachControl(&p.Spec, func(path string) bool { return strings.HasPrefix(name, path+".") }, func(path string, v reflect.Value) {
				if path == name {
					put(v, value)
				}
			})
			answers = append(answers, forbidden([]v1alpha1.SecurityPolicy{p}, []v1alpha1.SecurityPolicy{p}))
		}
		differ := slices.ContainsFunc(answers, func(a map[string]bool) bool { return !maps.Equal(a, answers[0]) })
		if inert := withoutEffect(name); differ == inert {
			t.Errorf("the values of %s make a difference: %v; the table has it as without effect: %v. If it has one, add what it forbids to forbidden, or a workload that violates it to workloads, in internal/kinds/loosens_test.go", name, differ, inert)
		}
	}
}
