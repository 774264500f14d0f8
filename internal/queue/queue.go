// Package queue holds the queues of the controllers: what closes goes first, one
// agency's flood delays nobody else, and retries stay close together.
package queue

import (
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/govplatform/govplatform/internal/names"
)

const (
	// Closing is the priority of what closes, stops or withdraws.
	Closing = 100
	// Last is the priority of rounds that look whether what was done is as it should be.
	// Their retries are like others'.
	Last = -150
	// LookBack is how soon these are asked for; nothing else is after just that.
	LookBack = time.Millisecond + time.Nanosecond
	// lastWait is after how long they are like all others, so many of them a second.
	lastWait    = 30 * time.Second
	mostAtATime = 50
	// So many are ready a second, and at once: at the end of a fan-out they would be
	// in the way of its last writes, for whose answers the workers wait.
	lastRate, lastBurst = 100, 20
	// Flood is the priority of what an agency asks for beyond its share.
	Flood = -200

	// maxBackoff bounds the retries: what was in the way may be gone at any
	// moment, and nothing says so.
	maxBackoff = 8 * time.Second
	minBackoff = 5 * time.Millisecond

	// An agency's share of one controller: requests a second, and at once.
	share, burst = 10, 50
	// closingShare and closingBurst are its share of requests that close. They
	// are never delayed, but beyond it they stand in the row with all others.
	closingShare, closingBurst = 20, 100
	// A flood's requests for one object are gathered into one: each costs the API
	// server several writes, which all others wait for. They wait the longer, within
	// these bounds, the more the agency asks for: waitOfShare for as much as its share.
	minFloodDelay, maxFloodDelay, waitOfShare = time.Second, 15 * time.Second, time.Second
	// From so many shares on the agency's own share is gathered too.
	greatFlood = 5
	// rateWindow is over how long it is measured what an agency asks for.
	rateWindow = 5 * time.Second
	// laterLook is the least delay of a look that is no retry of what closes.
	laterLook = time.Second
	// mostHeld bounds how many events wait for the end of one round.
	mostHeld = 100
	// buckets bounds how many agencies are remembered by one controller.
	buckets = 1 << 12
)

// Request of a controller.
type Request = reconcile.Request

// Queue is the queue of one controller.
type Queue struct {
	priorityqueue.PriorityQueue[Request]
	state *state
	// ofAgencies is set when the requests themselves name agencies.
	ofAgencies bool
	mu         sync.Mutex
	shares     *lru.Cache
	// last is since when rounds wait that look back, and raised when it was looked
	// whether they wait for too long.
	last   map[Request]time.Time
	raised time.Time
	// lastPace says when the next of them is ready.
	lastPace *rate.Limiter
}

func newQueue(st *state, inner priorityqueue.PriorityQueue[Request], ofAgencies bool) *Queue {
	return &Queue{PriorityQueue: inner, state: st, ofAgencies: ofAgencies, shares: lru.New(buckets), last: map[Request]time.Time{}, lastPace: rate.NewLimiter(lastRate, lastBurst)}
}

// waitLast notes since when a round waits that looks back, and returns when it is ready.
func (q *Queue) waitLast(r Request, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, waits := q.last[r]; !waits {
		q.last[r] = now
	}
	turn := q.lastPace.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > lastWait {
		// It is raised by then.
		turn.CancelAt(now)
	}
	return min(max(wait, LookBack), lastWait)
}

// raise has the rounds that look back wait like others that have waited for long. The
// workers ask for it as long as there is work, and without any nothing waits.
func (q *Queue) raise(now time.Time) {
	var due []Request
	q.mu.Lock()
	if now.Sub(q.raised) >= time.Second {
		q.raised = now
		for r, since := range q.last {
			if now.Sub(since) >= lastWait {
				due = append(due, r)
			}
		}
		slices.SortFunc(due, func(a, b Request) int { return q.last[a].Compare(q.last[b]) })
		due = due[:min(len(due), mostAtATime)]
		for _, r := range due {
			delete(q.last, r)
		}
	}
	q.mu.Unlock()
	if len(due) > 0 {
		q.PriorityQueue.AddWithOpts(priorityqueue.AddOpts{}, due...)
	}
}

func (q *Queue) begins(r Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.last, r)
}

// Add implements workqueue.TypedInterface.
func (q *Queue) Add(r Request) { q.AddWithOpts(priorityqueue.AddOpts{}, r) }

// AddAfter implements workqueue.TypedDelayingInterface.
func (q *Queue) AddAfter(r Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, r)
}

// AddRateLimited implements workqueue.TypedRateLimitingInterface.
func (q *Queue) AddRateLimited(r Request) { q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, r) }

// AddWithOpts adds requests that the objects that they name have caused.
func (q *Queue) AddWithOpts(o priorityqueue.AddOpts, requests ...Request) {
	for _, r := range requests {
		q.AddCaused(q.agencyOf(r), o, r)
	}
}

// agencyOf returns the agency that a request is about; empty when it is about
// what only the platform's own people write.
func (q *Queue) agencyOf(r Request) string {
	if r.Namespace == "" && q.ofAgencies {
		return r.Name
	}
	agency, _ := names.AgencyOf(r.Namespace)
	return agency
}

// AddCaused adds requests that an agency has caused; empty for the platform's
// own people. Beyond an agency's share they wait, and behind all others. Rounds that look
// back are a part of what it asks for.
func (q *Queue) AddCaused(agency string, o priorityqueue.AddOpts, requests ...Request) {
	closing := o.Priority != nil && *o.Priority >= Closing
	back := o.Priority != nil && *o.Priority == Last && o.After == LookBack && !o.RateLimited
	if p := o.Priority; p != nil {
		switch {
		case *p <= Flood && o.After > 0 && o.After < minFloodDelay:
			// It would bring forward what is gathered.
			o.After = minFloodDelay
		case *p <= Flood && o.After > 0, *p >= Closing && o.After >= laterLook, *p == Last && !back:
			// It was a flood's when it was looked at last, or closed, or looked back: a look
			// later does none of that.
			o.Priority = nil
		}
	}
	var beyond bool
	var wait time.Duration
	if agency != "" && !o.RateLimited && (o.After <= 0 || back) {
		beyond, wait = q.share(agency, closing, time.Now())
	}
	switch {
	case beyond && closing:
		ordinary := 0
		o.Priority, o.After = &ordinary, 0
	case beyond:
		flood := Flood
		o.Priority, o.After = &flood, wait
	case back:
		for _, r := range requests {
			o.After = q.waitLast(r, time.Now())
			q.PriorityQueue.AddWithOpts(o, r)
		}
		return
	}
	q.PriorityQueue.AddWithOpts(o, requests...)
}

// AddUnless is AddCaused of an event that may tell a request nothing. Of one that is being
// worked on that is known when it is done: the API server shows a write to the watches
// before its answer is here. Nothing is lost by it, since no request is handed out twice.
func (q *Queue) AddUnless(nothing func(Request) bool, agency string, o priorityqueue.AddOpts, r Request) {
	add := func() {
		if !nothing(r) {
			q.AddCaused(agency, o, r)
		}
	}
	if !q.state.hold(r, add) {
		add()
	}
}

type shareKey struct {
	agency  string
	closing bool
}

// lane is what one agency has of a controller.
type lane struct {
	*rate.Limiter
	// asked is how many requests a second there were of late, at the time at.
	asked float64
	at    time.Time
}

// count adds one request and returns how many a second there were of late. What was
// long ago counts less and less.
func (l *lane) count(now time.Time) float64 {
	if passed := now.Sub(l.at); passed > 0 {
		l.asked *= math.Exp(-passed.Seconds() / rateWindow.Seconds())
		l.at = now
	}
	l.asked += 1 / rateWindow.Seconds()
	return l.asked
}

// share takes one request from an agency's share, and reports whether it is beyond it,
// and how long it waits then.
func (q *Queue) share(agency string, closing bool, now time.Time) (beyond bool, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(shareKey{agency, closing})
	shares := l.count(now) / float64(l.Limit())
	wait = time.Duration(shares * float64(waitOfShare))
	return !l.AllowN(now, 1) || !closing && shares >= greatFlood, min(max(wait, minFloodDelay), maxFloodDelay)
}

func (q *Queue) lane(key shareKey) *lane {
	if l, ok := q.shares.Get(key); ok {
		return l.(*lane)
	}
	l := &lane{Limiter: rate.NewLimiter(share, burst)}
	if key.closing {
		l.Limiter = rate.NewLimiter(closingShare, closingBurst)
	}
	q.shares.Add(key, l)
	return l
}

// GetWithPriority implements priorityqueue.PriorityQueue. A worker that asks for
// its first request has started.
func (q *Queue) GetWithPriority() (r Request, priority int, shutdown bool) {
	q.state.workerWaits()
	q.raise(time.Now())
	r, priority, shutdown = q.PriorityQueue.GetWithPriority()
	if !shutdown {
		q.begins(r)
		q.state.begin(r)
	}
	return r, priority, shutdown
}

// Get implements workqueue.TypedInterface.
func (q *Queue) Get() (r Request, shutdown bool) {
	r, _, shutdown = q.GetWithPriority()
	return r, shutdown
}

// Done implements workqueue.TypedInterface.
func (q *Queue) Done(r Request) {
	q.done(r)
	q.PriorityQueue.Done(r)
}

// done judges what came while a request was worked on.
func (q *Queue) done(r Request) {
	for _, judge := range q.state.end(r) {
		judge()
	}
}
