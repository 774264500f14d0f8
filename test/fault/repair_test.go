package fault

import (
	"errors"
	"fmt"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/test/harness"
)

// repaired is how soon a child must be as it was, on a machine that does nothing else.
const repaired = 5 * time.Second

// harms are what is done to a child.
var harms = []struct {
	name string
	do   func(*harness.Env, *testing.T, client.Object) error
}{
	{"delete", func(env *harness.Env, t *testing.T, o client.Object) error { return env.Admin.Delete(t.Context(), o) }},
	{"strip", func(env *harness.Env, t *testing.T, o client.Object) error {
		o.SetLabels(nil)
		o.SetOwnerReferences(nil)
		return env.Admin.Update(t.Context(), o)
	}},
	{"change", func(env *harness.Env, t *testing.T, o client.Object) error {
		change(o)
		return env.Admin.Update(t.Context(), o)
	}},
}

// change makes a child of any kind say something else: it restricts less, gives more, or runs another program. It reports
// whether it knows the kind.
func change(o client.Object) bool {
	switch o := o.(type) {
	case *autoscalingv2.HorizontalPodAutoscaler:
		o.Spec.MaxReplicas = 40
	case *appsv1.Deployment:
		o.Spec.Template.Spec.Containers[0].Image = otherImage
	case *corev1.Service:
		o.Spec.Selector = map[string]string{"app": "evil"}
	case *policyv1.PodDisruptionBudget:
		o.Spec.MaxUnavailable = ptr.To(intstr.FromString("100%"))
	case *corev1.ServiceAccount:
		o.AutomountServiceAccountToken = ptr.To(true)
	case *rbacv1.RoleBinding:
		o.Subjects = append(o.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "mallory"})
	case *rbacv1.Role:
		o.Rules = append(o.Rules, rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}})
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		o.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
	case *admissionv1.ValidatingAdmissionPolicy:
		o.Spec.Validations = []admissionv1.Validation{{Expression: "true"}}
	case *corev1.LimitRange:
		o.Spec.Limits[0].Default = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("7Gi")}
	case *corev1.ResourceQuota:
		o.Spec.Hard[corev1.ResourcePods] = resource.MustParse("9k")
	case *networkingv1.NetworkPolicy:
		o.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		o.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	case *corev1.Namespace:
		o.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	default:
		return false
	}
	return true
}

// everyKind makes a world that has a child of every kind that the operator emits.
func everyKind(t *testing.T, w *world) {
	t.Helper()
	makeLink(true)(t, w)
	w.patch(t, w.portal, `{"spec":{"replicas":{"max":2}}}`)
	w.patch(t, w.policy, `{"spec":{"images":{"allowedRegistries":["registry.platform.example.gov.vn"]}}}`)
	w.portalReady(t)
	w.env.WaitReady(t, w.policy, w.link)
}

// TestRepairSoon deletes each child, strips it of its marks and changes what it says, one after the other, and measures how
// soon all is as it was: within 5 s, times -room. Every kind that the operator emits has to be among them, with a change. What was deleted comes back once (O2), and
// nothing is written afterwards (O3).
//
// An object is deleted before it is made anew, so while a guard is made anew one of the two has to hold (O5). A policy that an
// administrator opens is open until it is repaired: how long is measured, and no oracle can hold meanwhile.
// Fails when the marks that an object had are no reason to look at it: one that lost them is not repaired in time.
func TestRepairSoon(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	w := newWorld(env, 0)
	everyKind(t, w)
	op.WaitQuiet(t, rest)
	r := newRepair(t, w)
	r.wantEveryKind(t)
	recorded := record(t, env, w)
	recorded.oneGuard = true
	turns := map[string]int{}
	for _, c := range r.children {
		for _, harm := range harms {
			_, ns := c.(*corev1.Namespace)
			_, policy := c.(*networkingv1.NetworkPolicy)
			if ns && harm.name == "delete" || policy && harm.name == "change" {
				continue
			}
			if harm.name == "delete" {
				turns[w.mask("DELETED "+harness.ObjectKey(c))]++
				turns[w.mask("ADDED "+harness.ObjectKey(c))]++
			}
			r.mends(t, c, harm.name, harm.do)
		}
	}
	op.WaitQuiet(t, *quiet)
	wantEnd(t, "after repairs", end{turns: turns}, end{turns: turnsOf(recorded.Revisions(t), w)})
	recorded.guarded(t)
	recorded.opensOnly(t)
	for _, c := range r.children {
		if _, policy := c.(*networkingv1.NetworkPolicy); policy {
			r.mends(t, c, "change", harms[2].do)
		}
	}
	op.WaitQuiet(t, *quiet)
	for _, harm := range harms {
		t.Logf("%s: mended after %s at most (%s)", harm.name, r.slowest[harm.name], r.which[harm.name])
	}
}

// repair is a world whose children are harmed and mended.
type repair struct {
	world    *world
	children []client.Object
	want     string
	// slowest is how long the slowest repair took, and which it was, by harm.
	slowest map[string]time.Duration
	which   map[string]string
}

func newRepair(t *testing.T, w *world) *repair {
	t.Helper()
	r := &repair{world: w, slowest: map[string]time.Duration{}, which: map[string]string{}}
	var err error
	if r.want, err = w.env.Snapshot(t.Context(), r.mine); err != nil {
		t.Fatal(err)
	}
	if r.children, err = w.env.Children(t.Context(), r.mine); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *repair) mine(o client.Object) bool { return ours(o) && r.world.has(o) }

// wantEveryKind fails for a kind that the operator emits and that the world does not have, or that nothing changes.
func (r *repair) wantEveryKind(t *testing.T) {
	t.Helper()
	have := map[string]bool{}
	for _, c := range r.children {
		kind := c.GetObjectKind().GroupVersionKind().Kind
		have[kind] = true
		if o, ok := c.DeepCopyObject().(client.Object); !ok || !change(o) {
			t.Errorf("test/fault/repair_test.go: change changes nothing of a %s: add a case that changes what matters most in it", kind)
		}
	}
	for _, row := range child.Rows() {
		if !have[row.GVK.Kind] {
			t.Errorf("test/fault/repair_test.go: the world of everyKind has no %s, so it is not tried: make there what emits one", row.GVK.Kind)
		}
	}
}

// mends harms a child and waits until all is as it was.
func (r *repair) mends(t *testing.T, c client.Object, harm string, do func(*harness.Env, *testing.T, client.Object) error) {
	t.Helper()
	env := r.world.env
	var harmed types.UID
	var before string
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		harmed, before = c.GetUID(), text(t, c)
		return do(env, t, c)
	})
	if harm != "delete" && text(t, c) == before {
		t.Errorf("%s %s: no oracle sees it: the test does not reach what it is for", harm, harness.ObjectKey(c))
	}
	took := within(t, roomy(repaired), harm+" "+harness.ObjectKey(c), func() error {
		got, err := env.Snapshot(t.Context(), r.mine)
		if err != nil || got != r.want {
			return fmt.Errorf("it is not as it was (%w)", err)
		}
		if harm != "delete" {
			return nil
		}
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		if c.GetUID() == harmed {
			return errors.New("it was not deleted")
		}
		return nil
	})
	if took > r.slowest[harm] {
		r.slowest[harm], r.which[harm] = took, harness.ObjectKey(c)
	}
}

func text(t *testing.T, o client.Object) string {
	t.Helper()
	out, err := harness.ChildText(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
