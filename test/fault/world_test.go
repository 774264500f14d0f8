package fault

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/test/harness"
)

// world is what one scenario is played in: an agency with a portal, and where it needs them another agency with a portal
// that provides. Nothing else in the cluster has a name that contains a or b.
type world struct {
	env    *harness.Env
	a, b   string
	n      int
	now    func() time.Time
	agency *v1alpha1.Agency
	portal *v1alpha1.AgencyPortal
	policy *v1alpha1.SecurityPolicy
	link   *v1alpha1.DataSharingLink
}

func newWorld(env *harness.Env, n int) *world {
	return &world{env: env, n: n, now: time.Now, a: fmt.Sprintf("qa%02dz", n), b: fmt.Sprintf("qb%02dz", n)}
}

// create makes an object that stays when the test ends, as the control plane does not.
func (w *world) create(t *testing.T, o client.Object) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := w.env.Admin.Create(t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		return nil
	})
}

func (w *world) patch(t *testing.T, o client.Object, patch string) {
	t.Helper()
	harness.Eventually(t, func() error {
		return w.env.Admin.Patch(t.Context(), o, harness.MergePatch(patch))
	})
}

func (w *world) remove(t *testing.T, o client.Object) {
	t.Helper()
	harness.Eventually(t, func() error { return client.IgnoreNotFound(w.env.Admin.Delete(t.Context(), o)) })
}

func (w *world) exists(t *testing.T, o client.Object) bool {
	t.Helper()
	return w.env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o) == nil
}

func small(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 1 }

// removable lets the agency be removed with everything in it.
func removable(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals }

func (w *world) makeAgency(t *testing.T) {
	t.Helper()
	w.agency = harness.Agency(w.a, fmt.Sprintf("Z91A%02d", w.n), removable)
	w.create(t, w.agency)
	w.env.WaitReady(t, w.agency)
}

func (w *world) makePortal(t *testing.T, modify ...func(*v1alpha1.AgencyPortal)) {
	t.Helper()
	w.portal = harness.Portal(w.a, "web", append([]func(*v1alpha1.AgencyPortal){small}, modify...)...)
	w.create(t, w.portal)
}

// makeBase is an agency with a portal that runs.
func makeBase(t *testing.T, w *world) {
	t.Helper()
	w.makeAgency(t)
	w.makePortal(t)
	w.portalReady(t)
}

// makeProvider is another agency with a portal that provides something.
func (w *world) makeProvider(t *testing.T, modify ...func(*v1alpha1.AgencyPortal)) {
	t.Helper()
	other := harness.Agency(w.b, fmt.Sprintf("Z91B%02d", w.n), removable)
	w.create(t, other)
	w.env.WaitReady(t, other)
	provider := harness.Portal(w.b, "api", append([]func(*v1alpha1.AgencyPortal){small}, modify...)...)
	w.create(t, provider)
	w.env.WaitReady(t, provider)
}

// makeLink is a direct link between the two agencies, approved or not.
func makeLink(approved bool) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		w.policy = harness.Policy("direct-"+w.a, "", func(s *v1alpha1.SecurityPolicy) {
			s.Spec.Selector.Agencies = []v1alpha1.AgencyName{v1alpha1.AgencyName(w.a), v1alpha1.AgencyName(w.b)}
			s.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
		})
		w.create(t, w.policy)
		w.makeProvider(t)
		makeBase(t, w)
		service := harness.Service(w.b, "svc", "api")
		w.create(t, service)
		w.env.WaitReady(t, service)
		w.link = harness.Link(w.a, "link", "web", w.b, "svc", func(l *v1alpha1.DataSharingLink) {
			l.Spec.ValidUntil = metav1.NewTime(time.Now().Add(24 * time.Hour).Truncate(time.Second))
		})
		w.create(t, w.link)
		harness.Eventually(t, func() error {
			if err := w.env.Admin.Get(t.Context(), client.ObjectKeyFromObject(w.link), w.link); err != nil {
				return err
			}
			if w.link.Status.SpecHash == "" {
				return fmt.Errorf("no scope: %s", conditionOf(w.link, v1alpha1.ConditionReady))
			}
			return nil
		})
		if approved {
			w.decide(t, "ok", v1alpha1.DecisionApprove)
			w.env.WaitReady(t, w.link)
		}
	}
}

func (w *world) decide(t *testing.T, name string, d v1alpha1.Decision) {
	t.Helper()
	a := harness.Approval(w.b, w.link, d)
	a.Name = name
	w.create(t, a)
}

// portalReady waits until the portal runs its newest spec, and no other pods.
func (w *world) portalReady(t *testing.T) {
	t.Helper()
	w.env.WaitReady(t, w.portal)
	w.settled(t)
}

func (w *world) settled(t *testing.T) {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.portal.Namespace, Name: w.portal.Name}}
	harness.Eventually(t, func() error {
		if err := w.env.Admin.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
			return err
		}
		pods := &corev1.PodList{}
		if err := w.env.Admin.List(t.Context(), pods, client.InNamespace(w.portal.Namespace), client.MatchingLabels{names.LabelPortal: w.portal.Name}); err != nil {
			return err
		}
		if d.Status.ObservedGeneration != d.Generation || d.Status.UpdatedReplicas != *d.Spec.Replicas || len(pods.Items) != int(*d.Spec.Replicas) {
			return fmt.Errorf("%s: %d pods, %d updated, want %d", w.a, len(pods.Items), d.Status.UpdatedReplicas, *d.Spec.Replicas)
		}
		return nil
	})
}

// nothingRuns waits until no workload of the portal is left.
func (w *world) nothingRuns(t *testing.T) {
	t.Helper()
	w.env.WaitCondition(t, w.portal, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, "")
	harness.Eventually(t, func() error {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.portal.Namespace, Name: w.portal.Name}}
		pods := &corev1.PodList{}
		if err := w.env.Admin.List(t.Context(), pods, client.InNamespace(w.portal.Namespace)); err != nil {
			return err
		}
		if w.exists(t, d) || len(pods.Items) > 0 {
			return fmt.Errorf("%s: the workload is still there, %d pods", w.a, len(pods.Items))
		}
		return nil
	})
}

// linkShut waits until the link has no policy, for the reason if one is named.
func (w *world) linkShut(t *testing.T, reason string) {
	t.Helper()
	if reason != "" {
		w.env.WaitCondition(t, w.link, v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
	}
	harness.Eventually(t, func() error {
		left, err := w.env.LinkPolicies(t.Context(), w.link)
		if err != nil || len(left) > 0 {
			return fmt.Errorf("%s: %d policies of the link are left (%w)", w.a, len(left), err)
		}
		return nil
	})
}

func conditionOf(o reconcile.Object, kind string) string {
	c := meta.FindStatusCondition(o.GetStatusBase().Conditions, kind)
	if c == nil {
		return "none"
	}
	return fmt.Sprintf("%s/%s: %s", c.Status, c.Reason, c.Message)
}

var (
	instants  = regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(Z|[+-][0-9:]{5})`)
	nameHash  = regexp.MustCompile(`-[0-9a-f]{10}-`)
	revisions = regexp.MustCompile(`(generation|revision|resourceVersion): "?[0-9]+"?`)
)

// has reports whether an object is part of the world.
func (w *world) has(o client.Object) bool {
	for _, name := range []string{o.GetName(), o.GetNamespace()} {
		if strings.Contains(name, w.a) || strings.Contains(name, w.b) {
			return true
		}
	}
	return false
}

// mask takes out of a text what differs from world to world and from run to run.
func (w *world) mask(text string) string {
	text = strings.NewReplacer(w.a, "AAA", w.b, "BBB", strings.ToUpper(w.a), "AAA", fmt.Sprintf("Z91A%02d", w.n), "CODE-A", fmt.Sprintf("Z91B%02d", w.n), "CODE-B").Replace(text)
	text = instants.ReplaceAllString(text, "TIME")
	text = revisions.ReplaceAllString(text, "$1: N")
	return nameHash.ReplaceAllString(text, "-HASH-")
}

// end is where a scenario ends, and how often each child came and went on the way.
type end struct {
	state string
	turns map[string]int
}

// end of the world, to be compared with that of another run.
func (w *world) end(t *testing.T, recorded []harness.Revision) end {
	t.Helper()
	state, err := w.env.Snapshot(t.Context(), func(o client.Object) bool {
		agency := o.GetLabels()[names.LabelAgency]
		return agency == w.a || agency == w.b || strings.HasSuffix(o.GetName(), w.a)
	})
	if err != nil {
		t.Fatal(err)
	}
	return end{w.mask(state), turnsOf(recorded, w)}
}

// wantEnd fails where a scenario's end, or what came and went on the way, differs from a run without a fault (O1, O2).
func wantEnd(t *testing.T, what string, want, got end) {
	t.Helper()
	if diff := cmp.Diff(want.state, got.state); diff != "" {
		t.Errorf("%s: the end differs (-without a fault +got):\n%s", what, diff)
	}
	if diff := cmp.Diff(want.turns, got.turns); diff != "" {
		t.Errorf("%s: children came and went more or less often (-without a fault +got):\n%s", what, diff)
	}
}
