package integration

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// converged creates an agency with a policy and two portals and returns their
// children once everything is Ready.
func converged(t *testing.T, name, code string) {
	t.Helper()
	agency := harness.Agency(name, code)
	env.Create(t, agency)
	env.WaitReady(t, agency)
	fixed := harness.Portal(name, "fixed")
	scaled := harness.Portal(name, "scaled", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas = v1alpha1.Replicas{Min: 2, Max: ptr.To(int32(4))} })
	env.Create(t, fixed, scaled)
	env.WaitReady(t, fixed, scaled)
}

func snapshot(t *testing.T, agency string) string {
	t.Helper()
	s, err := env.Snapshot(t.Context(), harness.InAgency(agency))
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	return s
}

// sameAs waits until the agency's world is what it was.
func sameAs(t *testing.T, agency, want string) {
	t.Helper()
	harness.Eventually(t, func() error {
		got, err := env.Snapshot(t.Context(), harness.InAgency(agency))
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("the end state differs (-want +got):\n%s", diff)
		}
		return nil
	})
}

// TestRepair deletes and edits every child, one by one in random order, and
// sees each come back as it was.
// Fails for a kind of which vandalise changes nothing.
func TestRepair(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	converged(t, "repair", "A20")
	op.WaitQuiet(t, 2*time.Second)
	want := snapshot(t, "repair")
	children, err := env.Children(t.Context(), harness.InAgency("repair"))
	if err != nil {
		t.Fatal(err)
	}
	rand.Shuffle(len(children), func(i, j int) { children[i], children[j] = children[j], children[i] })
	for _, c := range children {
		kind := c.GetObjectKind().GroupVersionKind().Kind
		t.Run("edit "+kind+" "+c.GetName(), func(t *testing.T) {
			env.Edit(t, c, func() { vandalise(t, c) })
			sameAs(t, "repair", want)
		})
		t.Run("strip "+kind+" "+c.GetName(), func(t *testing.T) {
			env.Edit(t, c, func() {
				c.SetLabels(nil)
				c.SetOwnerReferences(nil)
			})
			sameAs(t, "repair", want)
		})
		if kind == "Namespace" {
			continue // deleting it takes the portals with it
		}
		t.Run("delete "+kind+" "+c.GetName(), func(t *testing.T) {
			if err := env.Admin.Delete(t.Context(), c); err != nil {
				t.Fatalf("delete: %v", err)
			}
			sameAs(t, "repair", want)
		})
	}
	op.WaitQuiet(t, 2*time.Second)
}

// vandalise changes what matters most in each kind.
func vandalise(t *testing.T, o client.Object) {
	t.Helper()
	switch x := o.(type) {
	case *corev1.Namespace:
		x.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
		delete(x.Labels, names.LabelAgency)
	case *corev1.ResourceQuota:
		x.Spec.Hard[corev1.ResourcePods] = resource.MustParse("100000")
	case *corev1.LimitRange:
		x.Spec.Limits = nil
	case *corev1.ServiceAccount:
		x.AutomountServiceAccountToken = ptr.To(true)
	case *corev1.Service:
		x.Spec.Selector = map[string]string{"app": "elsewhere"}
		x.Spec.ExternalIPs = []string{"192.0.2.9"}
	case *rbacv1.RoleBinding:
		x.Subjects = append(x.Subjects, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "system:authenticated"})
	case *networkingv1.NetworkPolicy:
		x.Spec.Ingress = append(x.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
		x.Spec.Egress = append(x.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
		x.Finalizers = nil
	case *appsv1.Deployment:
		x.Spec.Template.Spec.Containers = append(x.Spec.Template.Spec.Containers, corev1.Container{Name: "miner", Image: "evil.example/miner:1"})
		x.Spec.Template.Spec.AutomountServiceAccountToken = ptr.To(true)
	case *policyv1.PodDisruptionBudget:
		x.Spec.MaxUnavailable = ptr.To(intstr.FromString("100%"))
		x.Labels[names.LabelOwnerKind] = "Nobody"
	case *autoscalingv2.HorizontalPodAutoscaler:
		x.Spec.MaxReplicas = 40
		x.Labels[names.LabelOwnerKind] = "Nobody"
	default:
		t.Fatalf("test/integration/repair_test.go: vandalise changes nothing of a %T: add a case that changes what matters most in it", o)
	}
}

// TestForeignObjectIsLeftAlone has somebody else's Deployment, Service and
// guard in the portal's place before the portal comes.
func TestForeignObjectIsLeftAlone(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	agency := harness.Agency("foreign", "A21")
	env.Create(t, agency)
	env.WaitReady(t, agency)
	foreign := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "portal", Namespace: "agency-foreign"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(0)),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "old"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "old"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "old", Image: "old.example/app:1"}}},
			},
		},
	}
	env.Create(t, foreign)
	before := foreign.DeepCopy()
	portal := harness.Portal("foreign", "portal")
	env.Create(t, portal)
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.Spec, foreign.Spec); diff != "" || len(foreign.OwnerReferences) > 0 || foreign.Labels[names.LabelManagedBy] != "" {
		t.Errorf("the foreign Deployment was touched: %s %v", diff, foreign.ObjectMeta)
	}
	if err := env.Admin.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	env.WaitReady(t, portal)
}
