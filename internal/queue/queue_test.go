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

// TestLaterIsOrdinary: what is looked at again later goes with all others, whatever its
// last look was for.
// Fails when the priority stays: what has closed once goes before all others for ever.
func TestLaterIsOrdinary(t *testing.T) {
	for _, priority := range []int{Closing, Flood} {
		o := NewSet().Options("portal", 1)
		q, ok := o.NewQueue("portal", o.RateLimiter).(*Queue)
		if !ok {
			t.Fatal("the set makes no queue of its own")
		}
		r := requestIn("agency-a", "once")
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, r)
		got, at, _ := q.GetWithPriority()
		q.Done(got)
		q.AddWithOpts(priorityqueue.AddOpts{After: time.Millisecond, Priority: &at}, r)
		if _, at, _ = q.GetWithPriority(); at != 0 {
			t.Errorf("after %d the next look has priority %d", priority, at)
		}
		q.ShutDown()
	}
}

// TestLastingFlood: the longer a flood lasts, the longer its requests are gathered, the
// agency's share among them; whoever pauses is no flood any more.
// Fails when the share goes on, or the wait stays the same.
func TestLastingFlood(t *testing.T) {
	q := newQueue(&state{inFlight: map[Request]time.Time{}}, &recorder{}, false)
	start := time.Now()
	var at time.Duration
	second := func() (soon int, longest time.Duration) {
		for range 100 {
			at += 10 * time.Millisecond
			beyond, wait := q.share("loud", false, start.Add(at))
			if !beyond {
				soon++
			} else {
				longest = max(longest, wait)
			}
		}
		return soon, longest
	}
	if soon, wait := second(); soon < burst || wait != minFloodDelay {
		t.Errorf("in the first second %d are not delayed, and the others up to %s", soon, wait)
	}
	for at < 10*time.Second {
		second()
	}
	if soon, wait := second(); soon > 0 || wait < 9*time.Second {
		t.Errorf("after ten seconds %d are not delayed, and the others up to %s", soon, wait)
	}
	for at < 30*time.Second {
		second()
	}
	if _, wait := second(); wait != maxFloodDelay {
		t.Errorf("after half a minute they wait up to %s", wait)
	}
	at += 5 * time.Second
	if beyond, _ := q.share("loud", false, start.Add(at)); beyond {
		t.Error("after a pause it is still a flood")
	}
	if beyond, _ := q.share("calm", false, start.Add(at)); beyond {
		t.Error("another agency is delayed")
	}
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

// TestThreat42_ClosingOvertakesAFlood fills a real queue with one agency's
// requests, of which each is for another object. What another agency asks for
// waits behind no more of them than the agency's share, and what closes behind
// none.
// Fails when AddCaused does not look at the shares, or drops the priority.
func TestThreat42_ClosingOvertakesAFlood(t *testing.T) {
	o := NewSet().Options("portal", 1)
	q, ok := o.NewQueue("portal", o.RateLimiter).(*Queue)
	if !ok {
		t.Fatal("the set makes no queue of its own")
	}
	defer q.ShutDown()
	for i := range 5000 {
		q.Add(requestIn("agency-loud", fmt.Sprint(i)))
	}
	q.Add(requestIn("agency-calm", "edited"))
	closing := Closing
	q.AddCaused("calm", priorityqueue.AddOpts{Priority: &closing}, requestIn("agency-calm", "suspended"))
	var order []string
	for len(order) < 1000 {
		r, _ := q.Get()
		order = append(order, r.Namespace+"/"+r.Name)
		q.Done(r)
		if r.Name == "edited" {
			break
		}
	}
	if order[0] != "agency-calm/suspended" {
		t.Errorf("the first is %s, want what closes", order[0])
	}
	// A machine that is slow to fill the queue lets some more in: ten a second.
	if most := 10 * burst; order[len(order)-1] != "agency-calm/edited" || len(order) > most {
		t.Errorf("another agency's request came after %d of the flood, want at most %d", len(order), most)
	}
}
