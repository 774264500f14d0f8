package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// said is how soon a fault must stand in a condition, and healed how soon after its end the portal must be Ready, on a
// machine that does nothing else.
const (
	said   = 10 * time.Second
	healed = 10 * time.Second
)

// roomy is a bound with the room that -room gives it.
func roomy(d time.Duration) time.Duration { return time.Duration(*room) * d }

// outage is long enough for an unbounded back-off to wait for minutes.
const outage = 45 * time.Second

// within waits for at most d, and returns how long it took.
func within(t *testing.T, d time.Duration, what string, check func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		err := check()
		if err == nil {
			took := time.Since(begin).Round(10 * time.Millisecond)
			t.Logf("%s after %s", what, took)
			return took
		}
		if time.Since(begin) > d {
			t.Fatalf("%s: not within %s: %v", what, d, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestFullQuota makes portals while a quota admits no Deployment: the condition names the quota, others are unaffected,
// and it heals by itself when there is room. The other agency's portal, made meanwhile, is the run without a fault.
// Fails when the back-off grows to minutes: the portal is not healed in time.
func TestFullQuota(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	w, other := newWorld(env, 0), newWorld(env, 1)
	recorded := record(t, env, w, other)
	w.makeAgency(t)
	other.makeAgency(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace(w.a), Name: "full"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/deployments.apps": resource.MustParse("0")}},
	}
	w.create(t, quota)
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(quota), quota); err != nil || len(quota.Status.Hard) == 0 {
			return fmt.Errorf("the quota is not in force (%w)", err)
		}
		return nil
	})
	w.makePortal(t)
	within(t, roomy(said), "the quota is named", func() error { return w.portalSays("quota") })
	other.makePortal(t)
	other.portalReady(t)
	time.Sleep(outage)
	w.remove(t, quota)
	within(t, roomy(healed), "healed", func() error { return w.portalIs(metav1.ConditionTrue) })
	w.settled(t)
	op.WaitQuiet(t, *quiet)
	recorded.endsAlike(t, "after a full quota", other, w)
	recorded.guarded(t)
	recorded.opensOnly(t)
}

// TestRightsTakenAway takes the right to write Deployments from the operator for a while, but in the namespace of another
// agency: the condition names the right, and meanwhile the other agency gets a portal and a change of it, and a new agency
// becomes Ready. The other agency's portal is the run without a fault.
// Fails when the back-off grows to minutes: the portal is not healed in time.
func TestRightsTakenAway(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	w, other, third := newWorld(env, 0), newWorld(env, 1), newWorld(env, 2)
	recorded := record(t, env, w, other, third)
	w.makeAgency(t)
	other.makeAgency(t)
	other.grantDeployments(t)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "govplatform-manager-role"}}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(role), role); err != nil {
		t.Fatal(err)
	}
	saved := role.DeepCopy()
	for i := range role.Rules {
		if slices.Contains(role.Rules[i].Resources, "deployments") {
			role.Rules[i].Verbs = []string{"get", "list", "watch"}
		}
	}
	if err := env.Admin.Update(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	w.makePortal(t)
	within(t, roomy(said), "the missing right is named", func() error { return w.portalSays("forbidden") })
	other.makePortal(t)
	other.portalReady(t)
	for _, image := range []string{otherImage, harness.Image} {
		other.patch(t, other.portal, `{"spec":{"image":"`+image+`"}}`)
		other.portalReady(t)
	}
	third.makeAgency(t)
	time.Sleep(outage)
	if err := w.portalSays("forbidden"); err != nil {
		t.Errorf("the right is not missing any more: %v", err)
	}
	role.Rules = saved.Rules
	if err := env.Admin.Update(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	within(t, roomy(healed), "healed", func() error { return w.portalIs(metav1.ConditionTrue) })
	w.settled(t)
	op.WaitQuiet(t, *quiet)
	recorded.endsAlike(t, "after a right was missing", other, w)
	recorded.guarded(t)
	recorded.opensOnly(t)
}

// grantDeployments gives the operator the right to write Deployments in the agency's namespace, whatever its ClusterRole says.
func (w *world) grantDeployments(t *testing.T) {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: names.Namespace(w.a), Name: "operator-deployments"}
	w.create(t, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"*"}}}})
	w.create(t, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: harness.OperatorNamespace, Name: harness.OperatorServiceAccount}},
	})
}

// TestNamespaceEnds has an administrator delete the namespace of a living agency, and the guards in it, while a pod in it
// takes its time to go: it ends, its workloads first, and is made anew with everything.
// Fails when a namespace that is being deleted does not wait for its pods: the held pod has no guards.
func TestNamespaceEnds(t *testing.T) {
	env := start(t)
	env.Operator(t, harness.OperatorOptions{})
	w := newWorld(env, 0)
	makeBase(t, w)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(w.a)}}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(ns), ns); err != nil {
		t.Fatal(err)
	}
	recorded := record(t, env, w)
	old := ns.UID
	letGo := w.holdPod(t)
	w.remove(t, ns)
	letGo()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(ns), ns); err != nil || ns.UID == old {
			return fmt.Errorf("the namespace has not been made anew; the agency says %s (%w)", w.agencySays(t), err)
		}
		return nil
	})
	env.WaitReady(t, w.agency)
	// A namespace that is being deleted takes no pods, whatever Deployment is still in it.
	recorded.podsOnly = true
	recorded.guarded(t)
}

// heldFor is how long a pod that is to go stays: the operator looks at it more than once.
const heldFor = 5 * time.Second

// holdPod keeps a pod of the portal from going. The returned function waits until it is to go, which is some seconds after
// the end of its namespace began, deletes the guards, and lets the pod go a while later. By itself Kubernetes, which takes
// pods first, would not touch the guards before.
func (w *world) holdPod(t *testing.T) (letGo func()) {
	t.Helper()
	pods := &corev1.PodList{}
	if err := w.env.Admin.List(t.Context(), pods, client.InNamespace(w.portal.Namespace), client.MatchingLabels{names.LabelPortal: w.portal.Name}); err != nil || len(pods.Items) == 0 {
		t.Fatalf("%d pods (%v)", len(pods.Items), err)
	}
	pod := &pods.Items[0]
	w.patch(t, pod, `{"metadata":{"finalizers":["fault.example/held"]}}`)
	return func() {
		t.Helper()
		harness.Eventually(t, func() error {
			if err := w.env.Admin.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil || pod.DeletionTimestamp == nil {
				return fmt.Errorf("the pod does not go (%w): the test does not reach what it is for", err)
			}
			return nil
		})
		for _, name := range []string{"default-deny", names.Child(w.portal.Name, "deny")} {
			w.remove(t, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.portal.Namespace, Name: name}})
		}
		time.Sleep(heldFor)
		w.patch(t, pod, `{"metadata":{"finalizers":null}}`)
	}
}

func (w *world) agencySays(t *testing.T) string {
	t.Helper()
	if err := w.env.Admin.Get(t.Context(), client.ObjectKeyFromObject(w.agency), w.agency); err != nil {
		return err.Error()
	}
	return conditionOf(w.agency, v1alpha1.ConditionReady)
}

// portalSays returns an error until the portal's Ready condition has the word.
func (w *world) portalSays(word string) error {
	if err := w.readPortal(); err != nil {
		return err
	}
	if got := conditionOf(w.portal, v1alpha1.ConditionReady); !strings.Contains(got, word) {
		return fmt.Errorf("the portal says %s", got)
	}
	return nil
}

func (w *world) portalIs(status metav1.ConditionStatus) error {
	if err := w.readPortal(); err != nil {
		return err
	}
	if got := conditionOf(w.portal, v1alpha1.ConditionReady); !strings.HasPrefix(got, string(status)) {
		return fmt.Errorf("the portal says %s", got)
	}
	return nil
}

func (w *world) readPortal() error {
	return w.env.Admin.Get(context.Background(), client.ObjectKeyFromObject(w.portal), w.portal)
}
