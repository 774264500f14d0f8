package threats

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// references are images against the allowed registry.gov and
// registry.example.vn:5000/mof.
var references = []struct {
	image string
	// pod only: the schema of a portal knows no such reference
	allowed, podOnly bool
}{
	{image: "registry.gov/a" + digest, allowed: true},
	{image: "registry.gov/a/b/c:1.0", allowed: true},
	{image: "registry.example.vn:5000/mof/tax:1", allowed: true},
	{image: "registry.example.vn:5000/mof:1", allowed: true},
	{image: "registry.gov.evil.example/a" + digest},
	{image: "registry.govx/a" + digest},
	{image: "xregistry.gov/a" + digest},
	{image: "evil.example/registry.gov/a" + digest},
	{image: "registry.gov:5000/a" + digest},
	{image: "registry.example.vn:5000/mofa/tax:1"},
	{image: "registry.example.vn:5000/mof-tax:1"},
	{image: "registry.example.vn:5000/a/mof/tax:1"},
	{image: "registry.example.vn:50001/mof/tax:1"},
	{image: "registry.example.vn/mof/tax:1"},
	{image: "REGISTRY.GOV.EVIL.EXAMPLE/a", podOnly: true},
	{image: "Registry.Govx/a", podOnly: true},
	{image: "registry.gov", podOnly: true},
	{image: "registry.gov:1", podOnly: true},
	{image: "registry.gov@evil.example/a", podOnly: true},
	{image: "nginx", podOnly: true},
	{image: "registry%2egov/a", podOnly: true},
}

func isAllowed(p *v1alpha1.SecurityPolicy) { allow("registry.example.vn:5000/mof", "registry.gov")(p) }

// TestThreat16_DeniedWhereverItStands has a second policy that allows what the
// first denies, named before and after it, and pods whose bad image stands
// first, last and in the middle.
// Fails when the evaluation stops at the first policy or container that is met;
// when the admission policy uses exists for all.
func TestThreat16_DeniedWhereverItStands(t *testing.T) {
	operate(t)
	newAgency(t, "t16")
	for name, registries := range map[string][]v1alpha1.RegistryPrefix{
		"t16-a": {"registry.evil.example", registry}, "t16-m": {registry}, "t16-z": {registry, "registry.evil.example"},
	} {
		p := harness.Policy(name, "t16", allow(registries...))
		env.Create(t, p)
		env.WaitReady(t, p)
	}
	portal := harness.Portal("t16", "portal", image(evil))
	env.Create(t, portal)
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	if f := portal.Status.Findings; len(f) != 1 || f[0].Policy != "t16-m" {
		t.Errorf("findings are %+v, want one of t16-m", f)
	}
	absent(t, &appsv1.Deployment{ObjectMeta: in("t16", "portal")})

	awaitAdmission(t, "a forbidden image", func() error {
		return env.Admin.Create(t.Context(), rawPod("t16", "canary", evil), client.DryRunAll)
	})
	for at := range 3 {
		pod := rawPod("t16", fmt.Sprintf("at%d", at), harness.Image)
		pod.Spec.Containers = nil
		for i := range 3 {
			ref := harness.Image
			if i == at {
				ref = evil
			}
			pod.Spec.Containers = append(pod.Spec.Containers, container(fmt.Sprintf("c%d", i), ref))
		}
		refused(t, fmt.Sprintf("bad image at %d", at), env.Admin.Create(t.Context(), pod), "SecurityPolicy t16-m")
		absent(t, pod)
	}
}

// TestThreat17_RegistriesMatchWholeSegments tries look-alikes of an allowed
// registry, in the operator and in the admission policy that it writes.
// Fails when either compares with a plain prefix.
func TestThreat17_RegistriesMatchWholeSegments(t *testing.T) {
	operate(t)
	newAgency(t, "t17", func(a *v1alpha1.Agency) { n := int32(100); a.Spec.Quota.Portals = &n })
	policy := harness.Policy("t17", "t17", isAllowed)
	env.Create(t, policy)
	env.WaitReady(t, policy)
	awaitAdmission(t, "a forbidden image", func() error {
		return env.Admin.Create(t.Context(), rawPod("t17", "canary", evil), client.DryRunAll)
	})
	portals := map[int]*v1alpha1.AgencyPortal{}
	for i, ref := range references {
		pod := rawPod("t17", fmt.Sprintf("pod-%d", i), ref.image)
		pod.Labels = nil
		err := env.Admin.Create(t.Context(), pod, client.DryRunAll)
		if ref.allowed && err != nil {
			t.Errorf("%s is refused: %v", ref.image, err)
		} else if !ref.allowed {
			refused(t, "pod with "+ref.image, err, "control images.allowedRegistries")
		}
		portal := harness.Portal("t17", fmt.Sprintf("portal-%d", i), image(ref.image), small)
		err = env.Admin.Create(t.Context(), portal)
		if ref.podOnly {
			if !apierrors.IsInvalid(err) {
				t.Errorf("a portal with image %s gives %v", ref.image, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		portals[i] = portal
	}
	for i, p := range portals {
		want := metav1.ConditionFalse
		if references[i].allowed {
			want = metav1.ConditionTrue
		}
		env.WaitCondition(t, p, v1alpha1.ConditionPolicyCompliant, want, "")
		d := &appsv1.Deployment{ObjectMeta: in("t17", p.Name)}
		if references[i].allowed {
			harness.Stored(t, env, d)
		} else {
			absent(t, d)
		}
	}
}

// patterns are values of which each would harm the operator, the API server or
// the expressions that the operator writes, if it were stored.
var patterns = []struct {
	name, kind, field string
	// at is the path of the value in the object, path what the error says
	at    []string
	value any
}{
	{name: "wildcard", kind: "SecurityPolicy", field: "spec.images.allowedRegistries[0]", at: []string{"spec", "images", "allowedRegistries"}, value: []any{"*"}},
	{name: "expression", kind: "SecurityPolicy", field: "spec.images.allowedRegistries[0]", at: []string{"spec", "images", "allowedRegistries"}, value: []any{"(a+)+$"}},
	{name: "no-host", kind: "SecurityPolicy", field: "spec.images.allowedRegistries[0]", at: []string{"spec", "images", "allowedRegistries"}, value: []any{"library"}},
	{name: "quote", kind: "SecurityPolicy", field: "spec.images.allowedRegistries[0]", at: []string{"spec", "images", "allowedRegistries"}, value: []any{`a"] || true || ["`}},
	{name: "line", kind: "SecurityPolicy", field: "spec.images.allowedRegistries[0]", at: []string{"spec", "images", "allowedRegistries"}, value: []any{"a.example\nb.example"}},
	{name: "huge", kind: "SecurityPolicy", field: "spec.images.allowedRegistries[0]", at: []string{"spec", "images", "allowedRegistries"}, value: []any{strings.Repeat("a", 300000)}},
	{name: "many", kind: "SecurityPolicy", field: "spec.images.allowedRegistries", at: []string{"spec", "images", "allowedRegistries"}, value: many(2000)},
	{name: "no-duration", kind: "SecurityPolicy", field: "spec.certificates.maxDuration", at: []string{"spec", "certificates", "maxDuration"}, value: "one year"},
	{name: "long-duration", kind: "SecurityPolicy", field: "spec.dataSharing.maxValidity", at: []string{"spec", "dataSharing", "maxValidity"}, value: "99999999999999h"},
	{name: "negative-duration", kind: "SecurityPolicy", field: "spec.certificates.maxDuration", at: []string{"spec", "certificates", "maxDuration"}, value: "-1h"},
	{name: "max-fraction", kind: "SecurityPolicy", field: "spec.resources.maxCPU", at: []string{"spec", "resources", "maxCPU"}, value: "1e1.5"},
	{name: "max-huge", kind: "SecurityPolicy", field: "spec.resources.maxMemory", at: []string{"spec", "resources", "maxMemory"}, value: "1e999999999"},
	{name: "quota-huge", kind: "Agency", field: "spec.quota.cpu", at: []string{"spec", "quota", "cpu"}, value: "1e999999999"},
	{name: "quota-fraction", kind: "Agency", field: "spec.quota.memory", at: []string{"spec", "quota", "memory"}, value: "1e.5"},
	{name: "zone", kind: "Agency", field: "spec.domains[0]", at: []string{"spec", "domains"}, value: []any{"*.gov.example"}},
	{name: "group", kind: "Agency", field: "spec.adminGroups[0]", at: []string{"spec", "adminGroups"}, value: []any{"system:masters"}},
	{name: "quantity-fraction", kind: "AgencyPortal", field: "spec.resources.limits.cpu", at: []string{"spec", "resources", "limits", "cpu"}, value: "1e1.5"},
	{name: "quantity-huge", kind: "AgencyPortal", field: "spec.resources.limits.cpu", at: []string{"spec", "resources", "limits", "cpu"}, value: "1e999999999"},
	{name: "quantity-tiny", kind: "AgencyPortal", field: "spec.resources.requests.memory", at: []string{"spec", "resources", "requests", "memory"}, value: "1e-999999999"},
	{name: "quantity-long", kind: "AgencyPortal", field: "spec.resources.limits.memory", at: []string{"spec", "resources", "limits", "memory"}, value: strings.Repeat("9", 500000)},
	{name: "quantity-negative", kind: "AgencyPortal", field: "spec.resources.limits.cpu", at: []string{"spec", "resources", "limits", "cpu"}, value: int64(-1)},
	{name: "quantity-none", kind: "AgencyPortal", field: "spec.resources.limits.memory", at: []string{"spec", "resources", "limits", "memory"}, value: "0"},
	{name: "image", kind: "AgencyPortal", field: "spec.image", at: []string{"spec", "image"}, value: "registry.gov/" + strings.Repeat("a/", 100000) + "a"},
	{name: "image-path", kind: "AgencyPortal", field: "spec.image", at: []string{"spec", "image"}, value: "registry.gov/../evil"},
	{name: "host", kind: "AgencyPortal", field: "spec.hostnames[0]", at: []string{"spec", "hostnames"}, value: []any{strings.Repeat("a.", 200) + "vn"}},
	{name: "probe", kind: "AgencyPortal", field: "spec.probes.livenessPath", at: []string{"spec", "probes", "livenessPath"}, value: "/a\r\nHost: b"},
	{name: "secret", kind: "AgencyPortal", field: "spec.env[0].valueFrom.secretKeyRef.name", at: []string{"spec", "env"}, value: []any{map[string]any{
		"name": "A", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "../kube-system/token", "key": "k"}}}}},
	{name: "port", kind: "AgencyPortal", field: "spec.port", at: []string{"spec", "port"}, value: int64(1 << 40)},
}

func many(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = fmt.Sprintf("r%d.example", i)
	}
	return out
}

// TestThreat18_BadPatterns sends values that do not parse, or that cost too
// much to work with, and sees afterwards that the operator still works: one
// object that it can't decode would blind it for the whole kind.
// Fails when quantities keep the pattern that Kubernetes generates; when
// durations have no pattern; when registries have none.
func TestThreat18_BadPatterns(t *testing.T) {
	operate(t)
	newAgency(t, "t18")
	for _, p := range patterns {
		t.Run(p.name, func(t *testing.T) {
			o := &unstructured.Unstructured{}
			var base client.Object
			switch p.kind {
			case "Agency":
				base = harness.Agency("t18-bad", "X18")
			case "SecurityPolicy":
				base = harness.Policy("t18-bad", "t18")
			default:
				base = harness.Portal("t18", "bad")
			}
			data, err := toUnstructured(base)
			if err != nil {
				t.Fatal(err)
			}
			o.Object = data
			o.SetAPIVersion(v1alpha1.GroupVersion.String())
			o.SetKind(p.kind)
			unstructured.RemoveNestedField(o.Object, "status")
			if err := unstructured.SetNestedField(o.Object, p.value, p.at...); err != nil {
				t.Fatal(err)
			}
			err = env.Admin.Create(t.Context(), o)
			if err == nil {
				_ = env.Admin.Delete(t.Context(), o)
				t.Fatalf("%v is accepted", clip(p.value))
			}
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), p.field) {
				t.Errorf("%v gives %s, want an invalid %s", clip(p.value), clip(err), p.field)
			}
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
				t.Errorf("it is stored: %v", err)
			}
		})
	}
	portal := harness.Portal("t18", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
}

func clip(v any) string {
	s := fmt.Sprint(v)
	return s[:min(len(s), 300)]
}

func toUnstructured(o client.Object) (map[string]any, error) {
	u := &unstructured.Unstructured{}
	err := env.Admin.Scheme().Convert(o, u, nil)
	return u.Object, err
}
