package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

// recorder is a queue that remembers what is added.
type recorder struct {
	priorityqueue.PriorityQueue[Request]
	added []string
}

func (r *recorder) AddWithOpts(o priorityqueue.AddOpts, requests ...Request) {
	priority := 0
	if o.Priority != nil {
		priority = *o.Priority
	}
	for range requests {
		r.added = append(r.added, fmt.Sprintf("%d after %s", priority, o.After))
	}
}

func requestIn(namespace, name string) Request {
	return Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// TestShares fails when AddCaused does not look at the shares.
func TestShares(t *testing.T) {
	inner := &recorder{}
	q := newQueue(&state{inFlight: map[Request]time.Time{}}, inner, false)
	last := func() string { return inner.added[len(inner.added)-1] }
	want := func(what, want string) {
		t.Helper()
		if diff := cmp.Diff(want, last()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for i := range 5 * burst {
		q.Add(requestIn("agency-loud", fmt.Sprint(i)))
	}
	want("beyond the share", "-200 after 1s")
	q.Add(requestIn("agency-quiet", "a"))
	want("another agency", "0 after 0s")
	closing := Closing
	q.AddCaused("loud", priorityqueue.AddOpts{Priority: &closing}, requestIn("agency-quiet", "a"))
	want("what closes", "100 after 0s")
	for range 5 * closingBurst {
		q.AddCaused("loud", priorityqueue.AddOpts{Priority: &closing}, requestIn("agency-quiet", "a"))
	}
	want("closing beyond the share", "0 after 0s")
	q.AddCaused("", priorityqueue.AddOpts{Priority: &closing}, requestIn("agency-loud", "a"))
	want("closing by the platform", "100 after 0s")
	q.AddAfter(requestIn("agency-loud", "a"), time.Minute)
	want("a delay of its own", "0 after 1m0s")
}

// TestBackoff fails with the limiter of controller-runtime.
func TestBackoff(t *testing.T) {
	l := NewSet().Options("x", 1).RateLimiter
	for range 40 {
		if after := l.When(requestIn("", "a")); after > maxBackoff {
			t.Fatalf("a retry after %s, want at most %s", after, maxBackoff)
		}
	}
}

// TestSetKnowsWhatRuns follows one controller's workers.
func TestSetKnowsWhatRuns(t *testing.T) {
	s := NewSet()
	o := s.Options("portal", 1)
	q := o.NewQueue("portal", o.RateLimiter)
	defer q.ShutDown()
	if diff := cmp.Diff([]string{"portal"}, s.Stopped()); diff != "" {
		t.Errorf("before a worker asks (-want +got):\n%s", diff)
	}
	q.Add(requestIn("agency-a", "a"))
	r, _ := q.Get()
	if got := s.Stopped(); got != nil {
		t.Errorf("stopped: %v", got)
	}
	time.Sleep(2 * time.Millisecond)
	if diff := cmp.Diff([]string{"portal"}, s.Stuck(time.Millisecond)); diff != "" {
		t.Errorf("stuck (-want +got):\n%s", diff)
	}
	q.Done(r)
	if got := s.Stuck(0); got != nil {
		t.Errorf("stuck: %v", got)
	}
}
