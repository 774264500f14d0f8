package model

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers"
)

// reaction is how long the operator may take, on a busy machine, to close what
// is no longer consented to. It decides on what it has seen, so in that time it
// may also finish an opening that it had begun. While it is down it closes
// nothing, and opens nothing.
const reaction = 5 * time.Second

func lists() []client.ObjectList {
	return []client.ObjectList{
		&v1alpha1.DataSharingLinkList{}, &v1alpha1.DataSharingApprovalList{}, &v1alpha1.AgencyList{},
		&v1alpha1.DataServiceList{}, &v1alpha1.AgencyPortalList{}, &networkingv1.NetworkPolicyList{},
	}
}

func each(t *testing.T, list client.ObjectList, f func(client.Object)) {
	t.Helper()
	if err := meta.EachListItem(list, func(o runtime.Object) error {
		if c, ok := o.DeepCopyObject().(client.Object); ok {
			f(c)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func podsAndPolicies(ctx context.Context, t *testing.T) ([]corev1.Namespace, []corev1.Pod, []networkingv1.NetworkPolicy) {
	t.Helper()
	var namespaces corev1.NamespaceList
	var pods corev1.PodList
	var policies networkingv1.NetworkPolicyList
	for _, l := range []client.ObjectList{&namespaces, &pods, &policies} {
		if err := env.Admin.List(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	return namespaces.Items, pods.Items, policies.Items
}

// happening is one revision of one object.
type happening struct {
	revision uint64
	gone     bool
	added    bool
	object   client.Object
	at       time.Time // when it was seen, by the real clock
	now      time.Time // and by the operator's
}

// recorder keeps every revision of what consent rests on, from the revision at
// which it was started.
type recorder struct {
	t      *testing.T
	clock  func() time.Time
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	pending  []happening
	failures []string

	state   *state
	hashes  map[string]string
	consent map[types.UID]time.Time
	outages [][2]time.Time

	revisions, created, rests int
}

// record starts a watch for every kind, each from the revision of its list.
func record(t *testing.T, clock func() time.Time) *recorder {
	t.Helper()
	scheme, err := controllers.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewWithWatch(env.ControlPlane.AdminConfig(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &recorder{t: t, clock: clock, cancel: cancel, state: newState(), hashes: map[string]string{}, consent: map[types.UID]time.Time{}}
	t.Cleanup(r.stop)
	for _, list := range lists() {
		if err := c.List(ctx, list); err != nil {
			t.Fatal(err)
		}
		each(t, list, r.state.set)
		w, err := c.Watch(ctx, list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
		if err != nil {
			t.Fatal(err)
		}
		r.group.Go(func() { r.follow(w) })
	}
	return r
}

func (r *recorder) follow(w watch.Interface) {
	defer w.Stop()
	for e := range w.ResultChan() {
		o, ok := e.Object.(client.Object)
		if !ok || e.Type != watch.Added && e.Type != watch.Modified && e.Type != watch.Deleted {
			r.mu.Lock()
			r.failures = append(r.failures, fmt.Sprintf("the watch broke: %+v", e))
			r.mu.Unlock()
			return
		}
		revision, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
		r.mu.Lock()
		if err != nil {
			r.failures = append(r.failures, err.Error())
		}
		r.pending = append(r.pending, happening{revision: revision, gone: e.Type == watch.Deleted, added: e.Type == watch.Added, object: o, at: time.Now(), now: r.clock()})
		r.mu.Unlock()
	}
}

func (r *recorder) stop() {
	r.cancel()
	r.group.Wait()
}

// caughtUp judges every revision since the last time, in their order.
func (r *recorder) caughtUp(t *testing.T, _ *state) {
	t.Helper()
	time.Sleep(300 * time.Millisecond)
	r.mu.Lock()
	events := r.pending
	r.pending = nil
	for _, f := range r.failures {
		t.Error(f)
	}
	r.mu.Unlock()
	slices.SortStableFunc(events, func(a, b happening) int { return cmp.Compare(a.revision, b.revision) })
	// The operator writes the hash of a spec after it has acted on it.
	for _, e := range events {
		if l, ok := e.object.(*v1alpha1.DataSharingLink); ok && l.Status.SpecHash != "" && l.Status.ObservedGeneration == l.Generation {
			r.hashes[generation(l)] = l.Status.SpecHash
		}
	}
	for _, e := range events {
		r.judge(t, e)
	}
}

func generation(l *v1alpha1.DataSharingLink) string { return fmt.Sprintf("%s/%d", l.UID, l.Generation) }

// why says why a link must be shut at the present revision.
func (r *recorder) why(l *v1alpha1.DataSharingLink, now time.Time) string {
	switch hash := r.hashes[generation(l)]; {
	case !now.Before(l.Spec.ValidUntil.Time):
		return "the link has expired"
	case hash == "":
		return "nobody has seen its present spec"
	default:
		return r.state.consented(l, hash)
	}
}

func (r *recorder) judge(t *testing.T, e happening) {
	t.Helper()
	r.revisions++
	// What the state before this revision allowed, it allowed until now.
	for _, l := range r.state.links {
		if r.why(l, e.now) == "" {
			r.consent[l.UID] = e.at
		}
	}
	if e.gone {
		r.state.remove(e.object)
	} else {
		r.state.set(e.object)
	}
	p, isPolicy := e.object.(*networkingv1.NetworkPolicy)
	isNew := isPolicy && e.added && ofLink(p)
	if isNew {
		r.created++
	}
	for _, q := range r.state.policies {
		why := "its link does not exist"
		if l := r.state.linkOf(q); l != nil {
			why = r.why(l, e.now)
		}
		if why == "" {
			continue
		}
		uid := types.UID(q.Labels["platform.gov.vn/owner-uid"])
		last, ever := r.consent[uid]
		created := isNew && keyOf(q) == keyOf(p)
		switch late := e.at.Sub(last) - r.downDuring(last, e.at); {
		case !ever:
			t.Errorf("revision %d: policy %s exists, and its link was never consented to: %s", e.revision, keyOf(q), why)
		case created && late > reaction:
			t.Errorf("revision %d: policy %s was created %s after consent went: %s", e.revision, keyOf(q), late, why)
		case late > reaction:
			t.Errorf("revision %d: policy %s is still there %s after consent went: %s", e.revision, keyOf(q), late, why)
		}
	}
}

// outage notes a time in which no operator ran.
func (r *recorder) outage(from, to time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outages = append(r.outages, [2]time.Time{from, to})
}

func (r *recorder) downDuring(from, to time.Time) time.Duration {
	var sum time.Duration
	for _, o := range r.outages {
		begin, end := o[0], o[1]
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		if end.After(begin) {
			sum += end.Sub(begin)
		}
	}
	return sum
}
