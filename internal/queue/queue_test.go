package queue

import (
	"fmt"
	"strings"
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
	q := newQueue(newState(), inner, false)
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
	if !strings.HasPrefix(last(), "-200 after ") || strings.HasSuffix(last(), " 0s") {
		t.Errorf("beyond the share: %s", last())
	}
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
		q.AddWithOpts(priorityqueue.AddOpts{After: laterLook, Priority: &at}, r)
		if _, at, _ = q.GetWithPriority(); at != 0 {
			t.Errorf("after %d the next look has priority %d", priority, at)
		}
		// A race that was lost is run again soon, and closes as before.
		soon := Closing
		q.AddWithOpts(priorityqueue.AddOpts{After: laterLook / 5, Priority: &soon}, requestIn("agency-a", "again"))
		if _, at, _ = q.GetWithPriority(); at != Closing {
			t.Errorf("after a lost race what closes has priority %d", at)
		}
		q.ShutDown()
	}
}

// TestLookingBack: rounds that look back go after all others; what they find to do is
// retried like others', and none of them waits for ever behind others.
// Fails when the priority stays for a retry or a later look, or nothing is raised.
func TestLookingBack(t *testing.T) {
	inner := &recorder{}
	q := newQueue(newState(), inner, false)
	r, last := requestIn("agency-a", "p"), Last
	for name, c := range map[string]struct {
		o    priorityqueue.AddOpts
		want string
	}{
		"to look back":  {priorityqueue.AddOpts{After: LookBack}, "-150 after 1.000001ms"},
		"due at once":   {priorityqueue.AddOpts{After: time.Millisecond}, "0 after 1ms"},
		"a failure":     {priorityqueue.AddOpts{RateLimited: true}, "0 after 0s"},
		"a lost race":   {priorityqueue.AddOpts{After: 200 * time.Millisecond}, "0 after 200ms"},
		"due some time": {priorityqueue.AddOpts{After: time.Minute}, "0 after 1m0s"},
	} {
		c.o.Priority = &last
		q.AddWithOpts(c.o, r)
		if got := inner.added[len(inner.added)-1]; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	flood := Flood
	q.AddWithOpts(priorityqueue.AddOpts{After: time.Millisecond, Priority: &flood}, r)
	if got := inner.added[len(inner.added)-1]; got != "-200 after 1s" {
		t.Errorf("a flood's round that goes on at once: %s", got)
	}
	for i := range 2 * burst {
		q.AddWithOpts(priorityqueue.AddOpts{After: LookBack, Priority: &last}, requestIn("agency-loud", fmt.Sprint(i)))
	}
	if got := inner.added[len(inner.added)-1]; !strings.HasPrefix(got, "-200 after ") {
		t.Errorf("beyond the agency's share: %s", got)
	}
	clear(q.last)
	q.AddWithOpts(priorityqueue.AddOpts{After: LookBack, Priority: &last}, r)
	n := len(inner.added)
	start := time.Now()
	q.raise(start.Add(lastWait / 2))
	if len(inner.added) != n {
		t.Errorf("it is raised at once: %v", inner.added[n:])
	}
	q.raise(start.Add(2 * lastWait))
	q.raise(start.Add(3 * lastWait))
	if got := inner.added[n:]; len(got) != 1 || got[0] != "0 after 0s" {
		t.Errorf("raised: %v", got)
	}
	q.AddWithOpts(priorityqueue.AddOpts{After: LookBack, Priority: &last}, r)
	q.begins(r)
	n = len(inner.added)
	if q.raise(start.Add(9 * lastWait)); len(inner.added) != n {
		t.Error("what has begun is raised")
	}
	for i := range 2 * mostAtATime {
		q.last[requestIn("agency-b", fmt.Sprint(i))] = start
	}
	if q.raise(start.Add(11 * lastWait)); len(inner.added) != n+mostAtATime || len(q.last) != mostAtATime {
		t.Errorf("%d are raised at a time, and %d wait", len(inner.added)-n, len(q.last))
	}
}

// TestFlood: the more an agency asks for, the longer its requests are gathered, in a
// great flood those of its share too; whoever asks for little more than the share, or
// makes much at once, waits little.
// Fails when the wait is always the same, and when a great flood keeps its share.
func TestFlood(t *testing.T) {
	for name, tt := range map[string]struct {
		each        time.Duration // between two requests
		soon        float64       // how many of a second are not delayed
		least, most time.Duration
	}{
		"little more than the share": {66 * time.Millisecond, 10, minFloodDelay, 2 * time.Second},
		"thrice the share":           {33 * time.Millisecond, 10, 2 * time.Second, 4 * time.Second},
		"a great flood":              {10 * time.Millisecond, 0, 9 * time.Second, 11 * time.Second},
		"the greatest":               {time.Millisecond, 0, maxFloodDelay, maxFloodDelay},
	} {
		q := newQueue(newState(), &recorder{}, false)
		start, at := time.Now(), time.Duration(0)
		var soon, longest, shortest = 0, time.Duration(0), time.Hour
		for at < 40*time.Second {
			at += tt.each
			beyond, wait := q.share("loud", false, start.Add(at))
			switch {
			case at < 30*time.Second:
			case !beyond:
				soon++
			default:
				longest, shortest = max(longest, wait), min(shortest, wait)
			}
		}
		if got := float64(soon) / 10; got < tt.soon-1 || got > tt.soon+1 || shortest < tt.least || longest > tt.most {
			t.Errorf("%s: %.1f/s are not delayed, want %.1f; the others wait %s to %s, want %s to %s", name, got, tt.soon, shortest, longest, tt.least, tt.most)
		}
		if beyond, _ := q.share("loud", false, start.Add(at+30*time.Second)); beyond {
			t.Errorf("%s: after a pause it is still a flood", name)
		}
		if beyond, _ := q.share("calm", false, start.Add(at)); beyond {
			t.Errorf("%s: another agency is delayed", name)
		}
	}
	q := newQueue(newState(), &recorder{}, false)
	now, longest := time.Now(), time.Duration(0)
	for range 100 {
		_, wait := q.share("makes", false, now)
		longest = max(longest, wait)
	}
	if longest > 3*time.Second {
		t.Errorf("of a hundred at once some wait %s", longest)
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

// TestAddUnless: what may tell a request nothing is judged at once, and of one that is
// being worked on when that is done, before it can be handed out again.
// Fails when hold holds nothing, or what no round is worked on for, or without an end.
func TestAddUnless(t *testing.T) {
	inner := &recorder{}
	q, r := newQueue(newState(), inner, false), requestIn("agency-a", "web")
	wrote := false
	nothing := func(Request) bool { return wrote }
	add := func() { q.AddUnless(nothing, "a", priorityqueue.AddOpts{}, r) }
	add()
	if len(inner.added) != 1 {
		t.Fatalf("with no round at work: %v, want it added at once", inner.added)
	}
	q.state.begin(r)
	add()
	if len(inner.added) != 1 {
		t.Fatalf("while the round is at work: %v, want it held", inner.added)
	}
	wrote = true // The API server's answer comes after the event.
	q.done(r)
	if len(inner.added) != 1 {
		t.Errorf("what the round wrote: %v, want nothing added", inner.added)
	}
	q.state.begin(r)
	wrote = false
	for range mostHeld + 1 {
		add()
	}
	if len(inner.added) != 2 {
		t.Errorf("%d added, want what is beyond %d", len(inner.added)-1, mostHeld)
	}
	q.done(r)
	if len(inner.added) != 2+mostHeld {
		t.Errorf("%d of %d of what somebody else wrote are added", len(inner.added)-2, mostHeld)
	}
	q.done(r)
	add()
	if len(inner.added) != 3+mostHeld {
		t.Error("after the round it is not judged at once")
	}
}

// TestLookingBackIsPaced: many rounds that look back are ready one after the other, and
// none later than they are raised.
// Fails when waitLast does not ask the pace, or bounds nothing.
func TestLookingBackIsPaced(t *testing.T) {
	q, now := newQueue(newState(), &recorder{}, false), time.Now()
	var waits []time.Duration
	for i := range 2 * lastRate * int(lastWait/time.Second) {
		waits = append(waits, q.waitLast(requestIn("agency-a", fmt.Sprint(i)), now))
	}
	if got := waits[lastBurst-1]; got != LookBack {
		t.Errorf("the last of the first waits %s, want %s", got, LookBack)
	}
	if got, want := waits[lastBurst+lastRate-1], time.Second; got < want*9/10 || got > want*11/10 {
		t.Errorf("%d more wait for %s, want about %s", lastRate, got, want)
	}
	if got := waits[len(waits)-1]; got != lastWait {
		t.Errorf("the last of many waits %s, want %s", got, lastWait)
	}
	if got := q.waitLast(requestIn("agency-a", "later"), now.Add(lastWait+time.Second)); got != LookBack {
		t.Errorf("when all are ready one more waits %s, want %s", got, LookBack)
	}
}
