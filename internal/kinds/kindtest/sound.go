package kindtest

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// AssertSound checks the objects of one owner.
func AssertSound(t *testing.T, owner metav1.Object, objects []object.Object) {
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

func assertMarked(t *testing.T, owner metav1.Object, o object.Object) {
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

// OpensAndServes returns the TCP ports that policies let in and those of the Service.
func OpensAndServes(objects []object.Object) (opened, served []int32) {
	for _, o := range objects {
		switch o := o.(type) {
		case *networkingv1.NetworkPolicy:
			for _, rule := range o.Spec.Ingress {
				for _, p := range rule.Ports {
					opened = append(opened, p.Port.IntVal)
				}
			}
		case *corev1.Service:
			for _, p := range o.Spec.Ports {
				served = append(served, p.Port)
			}
		}
	}
	slices.Sort(served)
	return opened, served
}

// NoEmptyPeers looks for what means everyone: an empty "from" or "to", and a rule
// without ports.
func NoEmptyPeers(t *testing.T, objects []object.Object) {
	t.Helper()
	for _, o := range objects {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		check := func(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
			if len(peers) == 0 || len(ports) == 0 {
				t.Errorf("%s has a rule for everyone", p.Name)
			}
			for _, peer := range peers {
				if peer.IPBlock == nil && (peer.NamespaceSelector == nil || peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName] == "" || peer.PodSelector == nil || len(peer.PodSelector.MatchLabels) == 0) {
					t.Errorf("%s has a peer without a name: %+v", p.Name, peer)
				}
			}
			for _, port := range ports {
				if port.Port == nil || port.Protocol == nil || port.EndPort != nil || port.Port.IntValue() < 1 {
					t.Errorf("%s opens %+v", p.Name, port)
				}
			}
		}
		if len(p.Spec.PodSelector.MatchLabels) == 0 {
			t.Errorf("%s selects all pods", p.Name)
		}
		for _, r := range p.Spec.Egress {
			check(r.To, r.Ports)
		}
		for _, r := range p.Spec.Ingress {
			check(r.From, r.Ports)
		}
	}
}
