package desired

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestInvariants holds what every golden case must hold, whatever it is about.
func TestInvariants(t *testing.T) {
	eachCase(t, func(t *testing.T, _ string, w world) {
		before := w.subject.DeepCopyObject()
		first := w.build()
		if diff := gocmp.Diff(string(marshal(t, first)), string(marshal(t, w.build()))); diff != "" {
			t.Errorf("built twice, the results differ:\n%s", diff)
		}
		if !equality.Semantic.DeepEqual(before, w.subject) {
			t.Errorf("the builder changed its input:\n%s", gocmp.Diff(before, w.subject))
		}
		assertSound(t, w.subject, first.objects)
	})
}

// assertSound checks the objects of one owner.
func assertSound(t *testing.T, owner metav1.Object, objects []Object) {
	t.Helper()
	var guarded, opened, runs bool
	for _, o := range objects {
		assertMarked(t, owner, o)
		switch o := o.(type) {
		case *networkingv1.NetworkPolicy:
			assertClosed(t, o)
			deny := len(o.Spec.Ingress)+len(o.Spec.Egress) == 0
			guarded = guarded || deny && slices.Contains(o.Finalizers, names.GuardFinalizer)
			opened = opened || !deny
		case *appsv1.Deployment:
			runs = runs || *cmpOr(o.Spec.Replicas, 1) > 0
			assertRestricted(t, o)
		case *corev1.Service:
			if o.Spec.Type != corev1.ServiceTypeClusterIP || len(o.Spec.ExternalIPs) > 0 {
				t.Errorf("Service %s is reachable from outside: %+v", o.Name, o.Spec)
			}
		case *corev1.ServiceAccount:
			if o.AutomountServiceAccountToken == nil || *o.AutomountServiceAccountToken {
				t.Errorf("ServiceAccount %s mounts its token", o.Name)
			}
		}
	}
	if (runs || opened) && !guarded {
		t.Error("something runs or opens without a policy that denies the rest")
	}
}

func assertMarked(t *testing.T, owner metav1.Object, o Object) {
	t.Helper()
	kind := o.GetObjectKind().GroupVersionKind().Kind
	if kind == "" {
		t.Errorf("%T %s has no kind", o, o.GetName())
	}
	l := o.GetLabels()
	want := map[string]string{names.LabelManagedBy: names.ManagedBy, names.LabelOwnerUID: string(owner.GetUID()), names.LabelOwnerName: owner.GetName()}
	for k, v := range want {
		if l[k] != v {
			t.Errorf("%s %s has label %s=%q, want %q", kind, o.GetName(), k, l[k], v)
		}
	}
	for k, v := range l {
		if errs := append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...); len(errs) > 0 {
			t.Errorf("%s %s has label %s=%q: %v", kind, o.GetName(), k, v, errs)
		}
	}
	// Owner references work inside one namespace, or one scope, only.
	sameScope := owner.GetNamespace() == o.GetNamespace() && kind != "Namespace"
	if refs := o.GetOwnerReferences(); sameScope != (len(refs) == 1 && refs[0].UID == owner.GetUID()) {
		t.Errorf("%s %s/%s has owner references %+v, owner is in %q", kind, o.GetNamespace(), o.GetName(), refs, owner.GetNamespace())
	}
}

// assertClosed: no empty "from" or "to", which would mean everybody, and no
// peer but pods of a namespace that is selected by its name.
func assertClosed(t *testing.T, p *networkingv1.NetworkPolicy) {
	t.Helper()
	if len(p.Spec.PolicyTypes) != 2 {
		t.Errorf("%s isolates %v only", p.Name, p.Spec.PolicyTypes)
	}
	check := func(direction string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
		if len(peers) == 0 || len(ports) == 0 {
			t.Errorf("%s: %s without peers or ports opens to all", p.Name, direction)
		}
		for _, peer := range peers {
			if peer.IPBlock != nil || peer.NamespaceSelector == nil || peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName] == "" {
				t.Errorf("%s: %s peer %+v does not name its namespace", p.Name, direction, peer)
			}
		}
	}
	for _, r := range p.Spec.Ingress {
		check("ingress", r.From, r.Ports)
	}
	for _, r := range p.Spec.Egress {
		check("egress", r.To, r.Ports)
	}
}

// assertRestricted holds a pod template to the restricted Pod Security Standard
// and to what the platform adds to it.
func assertRestricted(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	restricted := []v1alpha1.SecurityPolicy{{Spec: v1alpha1.SecurityPolicySpec{PodSecurity: v1alpha1.PodSecurityRestricted, Resources: &v1alpha1.ResourceControl{RequireLimits: true}}}}
	for _, f := range policy.Evaluate(restricted, control.Workload{Template: d.Spec.Template, PodSecurityVersion: "latest"}) {
		t.Errorf("Deployment %s is not restricted: %s", d.Name, f.Found)
	}
	for k, v := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[k] != v {
			t.Errorf("Deployment %s does not select its own pods", d.Name)
		}
	}
	seen := map[string]bool{}
	for _, c := range d.Spec.Template.Spec.Containers {
		if !*cmpOr(c.SecurityContext.ReadOnlyRootFilesystem, false) {
			t.Errorf("container %s may write its root file system", c.Name)
		}
		for _, e := range c.Env {
			if seen[e.Name] {
				t.Errorf("container %s has two variables %s", c.Name, e.Name)
			}
			seen[e.Name] = true
		}
	}
}

func cmpOr[T any](p *T, fallback T) *T {
	if p == nil {
		return &fallback
	}
	return p
}

// FuzzAgencyPortal builds portals of random fields and holds them to the same
// invariants as the golden cases.
func FuzzAgencyPortal(f *testing.F) {
	f.Add("registry.gov.example/mof/tax:1", "thue.mof.example.gov.vn", "DB_PASSWORD", int32(2), int32(6), int32(8080), uint16(0x0000))
	f.Add("", "", "", int32(0), int32(-1), int32(0), uint16(0xffff))
	f.Add("nginx", "mof.example.gov.vn", "PORT", int32(50), int32(1), int32(70000), uint16(0x5a5a))
	f.Fuzz(func(t *testing.T, image, host, env string, minimum, maximum, port int32, bits uint16) {
		in := fuzzInput(image, host, env, minimum, maximum, port, bits)
		before := in.Portal.DeepCopy()
		out := AgencyPortal(in)
		if !equality.Semantic.DeepEqual(out, AgencyPortal(in)) {
			t.Error("built twice, the results differ")
		}
		if !equality.Semantic.DeepEqual(before, in.Portal) {
			t.Error("the builder changed its input")
		}
		assertSound(t, in.Portal, out.Objects)
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
func assertScaled(t *testing.T, out PortalOutput) {
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

func fuzzInput(image, host, env string, minimum, maximum, port int32, bits uint16) PortalInput {
	on := func(bit int) bool { return bits>>bit&1 == 1 }
	p := &v1alpha1.AgencyPortal{
		ObjectMeta: metav1.ObjectMeta{Name: "tax-filing", Namespace: "agency-finance", UID: "uid-1"},
		Spec: v1alpha1.AgencyPortalSpec{Image: image, Port: port, Replicas: v1alpha1.Replicas{Min: minimum}, Exposure: v1alpha1.ExposureInternal,
			Env: []v1alpha1.EnvVar{{Name: env, Value: host}}},
	}
	in := PortalInput{Settings: settings.Default(), Portal: p, NamespaceGuarded: on(0),
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
