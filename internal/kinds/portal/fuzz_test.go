package portal

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// FuzzAgencyPortal builds portals of random fields and holds them to the same
// invariants as the golden cases.
func FuzzAgencyPortal(f *testing.F) {
	f.Add("registry.gov.example/mof/tax:1", "thue.mof.example.gov.vn", "DB_PASSWORD", int32(2), int32(6), int32(8080), uint16(0x0000))
	f.Add("", "", "", int32(0), int32(-1), int32(0), uint16(0xffff))
	f.Add("nginx", "mof.example.gov.vn", "PORT", int32(50), int32(1), int32(70000), uint16(0x5a5a))
	f.Fuzz(func(t *testing.T, image, host, env string, minimum, maximum, port int32, bits uint16) {
		in := fuzzInput(image, host, env, minimum, maximum, port, bits)
		before := in.Portal.DeepCopy()
		out := Decide(in)
		if !equality.Semantic.DeepEqual(out, Decide(in)) {
			t.Error("built twice, the results differ")
		}
		if !equality.Semantic.DeepEqual(before, in.Portal) {
			t.Error("the builder changed its input")
		}
		kindtest.AssertSound(t, in.Portal, out.Objects)
		assertScaled(t, out)
		if out.Running != nil && out.Running != &in.Portal.Spec && len(policy.Blocking(out.Findings)) == 0 {
			t.Error("a spec that nothing blocks does not run")
		}
		if (out.Running == &in.Portal.Spec) != (len(out.Blockers) == 0) {
			t.Errorf("the spec runs: %v, with blockers %+v", out.Running == &in.Portal.Spec, out.Blockers)
		}
	})
}

// assertScaled: a disruption budget from two pods on, an autoscaler for a range.
func assertScaled(t *testing.T, out Output) {
	t.Helper()
	var budget, autoscaler, deployment bool
	for _, o := range out.Objects {
		switch o := o.(type) {
		case *policyv1.PodDisruptionBudget:
			budget = true
		case *autoscalingv2.HorizontalPodAutoscaler:
			autoscaler = true
			if o.Spec.MaxReplicas <= *o.Spec.MinReplicas {
				t.Errorf("autoscaler from %d to %d", *o.Spec.MinReplicas, o.Spec.MaxReplicas)
			}
		case *appsv1.Deployment:
			deployment = true
		}
	}
	if deployment != (out.Running != nil) {
		t.Errorf("Deployment is built: %v, spec runs: %v", deployment, out.Running != nil)
	}
	if out.Running == nil && (budget || autoscaler) {
		t.Error("nothing runs, and something scales it")
	}
	if out.Running != nil && budget != (out.Running.Replicas.Min >= 2) {
		t.Errorf("disruption budget is built: %v, pods %d", budget, out.Running.Replicas.Min)
	}
}

func fuzzInput(image, host, env string, minimum, maximum, port int32, bits uint16) Input {
	on := func(bit int) bool { return bits>>bit&1 == 1 }
	p := &v1alpha1.AgencyPortal{
		ObjectMeta: metav1.ObjectMeta{Name: "tax-filing", Namespace: "agency-finance", UID: "uid-1"},
		Spec: v1alpha1.AgencyPortalSpec{Image: image, Port: port, Replicas: v1alpha1.Replicas{Min: minimum}, Exposure: v1alpha1.ExposureInternal,
			Env: []v1alpha1.EnvVar{{Name: env, Value: host}}},
	}
	in := Input{Settings: settings.Default(), Portal: p, NamespaceGuarded: on(0),
		Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "finance", UID: "uid-2"}, Spec: v1alpha1.AgencySpec{Domains: []v1alpha1.DNSName{"mof.example.gov.vn"}, Suspended: on(1)}}}
	if on(2) {
		p.Spec.Replicas.Max = &maximum
	}
	if host != "" {
		p.Spec.Hostnames = []v1alpha1.DNSName{v1alpha1.DNSName(host)}
	}
	if on(3) {
		p.Spec.Exposure = v1alpha1.ExposureInternet
	}
	if on(4) {
		p.Spec.Scope = v1alpha1.ScopeNational
	}
	if on(5) {
		p.Status.Inventory = []v1alpha1.InventoryEntry{{Group: "apps", Kind: "Deployment", Namespace: p.Namespace, Name: p.Name, UID: "d-1"}}
	}
	if on(6) {
		p.Status.LastCompliant = p.Spec.DeepCopy()
		p.Status.LastCompliant.Image = "registry.gov.example/mof/tax"
	}
	if on(7) {
		in.Policies = append(in.Policies, v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: v1alpha1.SecurityPolicySpec{
			Images: &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example"}}}})
	}
	if on(8) {
		in.Policies = append(in.Policies, v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: v1alpha1.SecurityPolicySpec{
			Selector:  v1alpha1.PolicySelector{SecurityLevels: []v1alpha1.SecurityLevel{4}},
			Isolation: &v1alpha1.IsolationControl{RuntimeClassName: "gvisor", NodePool: "sensitive"}, Logging: &v1alpha1.LoggingControl{RetentionMonths: 6}}})
	}
	if on(9) {
		in.Agency = nil
	}
	if on(10) {
		in.OneStopHolder, p.Spec.Components = "old-tax", []v1alpha1.Component{v1alpha1.ComponentOneStop}
	}
	if on(11) {
		in.OlderSiblings = 1000
	}
	if on(12) && host != "" {
		in.HostnameHolders = map[v1alpha1.DNSName]string{v1alpha1.DNSName(host): "agency-health/old"}
	}
	return in
}
