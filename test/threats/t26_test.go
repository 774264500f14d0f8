package threats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// recording is every revision of the pods, Deployments and network policies of a
// namespace. Revisions are counted for all kinds alike, so the events of several
// watches can be put into the order in which they happened.
type recording struct {
	mu     sync.Mutex
	events []revision
	first  map[string]metav1.Object
	// podsOnly leaves out Deployments, where they can make no pods.
	podsOnly bool
}

type revision struct {
	number  uint64
	deleted bool
	object  metav1.Object
}

func objectKey(o metav1.Object) string { return fmt.Sprintf("%T %s", o, o.GetName()) }

// record watches an agency's namespace from now on until the test ends.
func record(t *testing.T, agency string) *recording {
	t.Helper()
	cfg := env.ControlPlane.AdminConfig()
	cfg.QPS = -1
	c, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{first: map[string]metav1.Object{}}
	ns := names.Namespace(agency)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	pods, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	policies, err := c.NetworkingV1().NetworkPolicies(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	deployments, err := c.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range deployments.Items {
		r.first[objectKey(&deployments.Items[i])] = &deployments.Items[i]
	}
	for i := range pods.Items {
		r.first[objectKey(&pods.Items[i])] = &pods.Items[i]
	}
	for i := range policies.Items {
		r.first[objectKey(&policies.Items[i])] = &policies.Items[i]
	}
	podWatch, err := c.CoreV1().Pods(ns).Watch(ctx, metav1.ListOptions{ResourceVersion: pods.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	policyWatch, err := c.NetworkingV1().NetworkPolicies(ns).Watch(ctx, metav1.ListOptions{ResourceVersion: policies.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	deploymentWatch, err := c.AppsV1().Deployments(ns).Watch(ctx, metav1.ListOptions{ResourceVersion: deployments.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []watch.Interface{podWatch, policyWatch, deploymentWatch} {
		go func() {
			for e := range w.ResultChan() {
				o, ok := e.Object.(metav1.Object)
				if !ok {
					continue
				}
				n, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
				if err != nil {
					continue
				}
				r.mu.Lock()
				r.events = append(r.events, revision{number: n, deleted: e.Type == watch.Deleted, object: o})
				r.mu.Unlock()
			}
		}()
	}
	return r
}

// alwaysGuarded replays the recording and fails at the first revision that has
// a portal's pod, or a Deployment that can make one, which a deny-all of its
// portal and the namespace's default deny do not hold.
func (r *recording) alwaysGuarded(t *testing.T) {
	t.Helper()
	time.Sleep(200 * time.Millisecond) // the last events are on their way
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.events, func(a, b revision) int { return int(a.number) - int(b.number) }) //nolint:gosec // revisions of one test
	world := r.first
	pods := 0
	for _, e := range r.events {
		if e.deleted {
			delete(world, objectKey(e.object))
		} else {
			world[objectKey(e.object)] = e.object
		}
		for _, o := range world {
			workload := podLabelsOf(o)
			portal := workload[names.LabelPortal]
			if _, pod := o.(*corev1.Pod); portal == "" || r.podsOnly && !pod {
				continue
			}
			pods++
			var holding []string
			for _, o := range world {
				if np, ok := o.(*networkingv1.NetworkPolicy); ok && denies(np) && selects(np, workload) {
					holding = append(holding, np.Name)
				}
			}
			want := []string{"default-deny", portal + "-deny"}
			slices.Sort(holding)
			slices.Sort(want)
			if !slices.Equal(holding, want) {
				t.Fatalf("revision %d: %s (deleted %v) is held by %v, want %v", e.number, objectKey(o), o.GetDeletionTimestamp(), holding, want)
			}
		}
	}
	if pods == 0 {
		t.Error("the recording has no pod of a portal: the test does not reach what it is for")
	}
}

func denies(np *networkingv1.NetworkPolicy) bool {
	return len(np.Spec.Ingress) == 0 && len(np.Spec.Egress) == 0 && len(np.Spec.PolicyTypes) == 2
}

func selects(np *networkingv1.NetworkPolicy, pod map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(&np.Spec.PodSelector)
	return err == nil && s.Matches(labels.Set(pod))
}

// podLabelsOf returns the labels of a pod, or of those that a Deployment makes.
func podLabelsOf(o metav1.Object) map[string]string {
	switch o := o.(type) {
	case *corev1.Pod:
		return o.Labels
	case *appsv1.Deployment:
		return o.Spec.Template.Labels
	default:
		return nil
	}
}

// gonePods waits until an agency has no pods.
func gonePods(t *testing.T, agency string) {
	t.Helper()
	harness.Eventually(t, func() error {
		if pods := podsOf(t, agency); len(pods) > 0 {
			return fmt.Errorf("pod %s is still there", pods[0].Name)
		}
		return nil
	})
}

// TestThreat26_Offboarding removes a portal and then an agency with two, of
// which one pod takes long to end, and looks at every revision of pods and policies from first to last.
// Fails when the guards have no finalizer; when offboard releases them before
// the pods are gone; when network policies come after the Deployment.
func TestThreat26_Offboarding(t *testing.T) {
	operate(t)
	agency := newAgency(t, "t26", func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	log := record(t, "t26")
	one, two, three := harness.Portal("t26", "one"), harness.Portal("t26", "two"), harness.Portal("t26", "three")
	env.Create(t, one, two, three)
	env.WaitReady(t, one, two, three)
	if err := mallory(t, "t26").Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		for _, p := range policiesOf(t, "t26") {
			if p.Labels[names.LabelPortal] == "one" {
				return fmt.Errorf("policy %s of the removed portal is still there", p.Name)
			}
		}
		return nil
	})
	// One pod takes its time to end, as on a node that does not answer.
	slow := podsOf(t, "t26")[0]
	release := hold(t, &slow)
	if err := env.Admin.Delete(t.Context(), agency); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if n := len(podsOf(t, "t26")); n != 1 {
			return fmt.Errorf("%d pods, want the one that is held", n)
		}
		return nil
	})
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-t26"}}
	never(t, 3*time.Second, func() error {
		if harness.Stored(t, env, ns).DeletionTimestamp != nil {
			return errors.New("the namespace is removed while a portal's pod lives")
		}
		return nil
	})
	release()
	env.WaitGone(t, agency)
	absent(t, ns)
	log.alwaysGuarded(t)
}

// TestThreat26_WorkloadOutlivesPortal removes a portal whose Deployment and
// ServiceAccount are held by a finalizer, so that its pods come back after they are gone for a moment.
// Fails when the guards of a portal that is gone are released as soon as it has
// no pods, though its Deployment can still make some.
func TestThreat26_WorkloadOutlivesPortal(t *testing.T) {
	operate(t)
	agency := newAgency(t, "u26")
	portal := harness.Portal("u26", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	log := record(t, "u26")
	release := hold(t, &appsv1.Deployment{ObjectMeta: in("u26", "portal")})
	releaseAccount := hold(t, &corev1.ServiceAccount{ObjectMeta: in("u26", "portal")}) // without it no pod can be made
	if err := env.Admin.Delete(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if harness.Stored(t, env, &networkingv1.NetworkPolicy{ObjectMeta: in("u26", "portal-deny")}).DeletionTimestamp == nil {
			return errors.New("the guard is not deleted yet")
		}
		return nil
	})
	// For a moment the quota lets no pod come back: the ReplicaSet goes on trying.
	env.Merge(t, agency, `{"spec":{"quota":{"pods":0}}}`)
	harness.Eventually(t, func() error {
		if pods := harness.Stored(t, env, &corev1.ResourceQuota{ObjectMeta: in("u26", "agency-quota")}).Spec.Hard.Pods(); !pods.IsZero() {
			return fmt.Errorf("the quota is %s pods", pods)
		}
		return nil
	})
	harness.Eventually(t, func() error {
		pods := podsOf(t, "u26")
		for i := range pods {
			_ = env.Admin.Delete(t.Context(), &pods[i], client.GracePeriodSeconds(0))
		}
		if len(pods) > 0 {
			return errors.New("there are pods")
		}
		return nil
	})
	time.Sleep(time.Second)
	env.Merge(t, agency, `{"spec":{"quota":{"pods":10}}}`)
	harness.Eventually(t, func() error {
		if len(podsOf(t, "u26")) == 0 {
			return errors.New("the ReplicaSet has not made a pod again")
		}
		return nil
	})
	release()
	releaseAccount()
	gonePods(t, "u26")
	harness.Eventually(t, func() error {
		if n := len(policiesOf(t, "u26")); n != 1 {
			return fmt.Errorf("%d network policies, want the default deny", n)
		}
		return nil
	})
	log.alwaysGuarded(t)
}

// TestThreat26_OrphanedWorkload deletes portals and tells the garbage collector
// to leave the rest alone, which every tenant may: with the operator down, and
// by a finalizer that the portal has had from its creation.
// Fails when children without a portal are not removed.
func TestThreat26_OrphanedWorkload(t *testing.T) {
	operate(t)
	newAgency(t, "v26")
	attacker := mallory(t, "v26")
	asked := harness.Portal("v26", "asked", small)
	marked := harness.Portal("v26", "marked", small, func(p *v1alpha1.AgencyPortal) { p.Finalizers = []string{metav1.FinalizerOrphanDependents} })
	for _, p := range []*v1alpha1.AgencyPortal{asked, marked} {
		if err := attacker.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	env.WaitReady(t, asked, marked)
	log := record(t, "v26")
	stopOperator(t)
	if err := attacker.Delete(t.Context(), asked, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	if err := attacker.Delete(t.Context(), marked); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, asked)
	env.WaitGone(t, marked)
	operate(t)
	gonePods(t, "v26")
	for _, name := range []string{"asked", "marked"} {
		absent(t, &appsv1.Deployment{ObjectMeta: in("v26", name)})
	}
	harness.Eventually(t, func() error {
		if n := len(policiesOf(t, "v26")); n != 1 {
			return fmt.Errorf("%d network policies, want the default deny", n)
		}
		return nil
	})
	log.alwaysGuarded(t)
}
