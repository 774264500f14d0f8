package queue

import (
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

// Set holds the queues of all controllers and knows which of them run.
type Set struct {
	mu     sync.Mutex
	states map[string]*state
	queues map[string]*Queue
	// early are requests for controllers that have no queue yet.
	early map[string]map[Request]bool
}

// NewSet returns a set without controllers.
func NewSet() *Set {
	return &Set{states: map[string]*state{}, queues: map[string]*Queue{}, early: map[string]map[Request]bool{}}
}

// Of returns the set that a manager brings along; nil when it has none.
func Of(mgr any) *Set {
	if m, ok := mgr.(interface{ Queues() *Set }); ok {
		return m.Queues()
	}
	return nil
}

// Options returns the options of a controller with a queue of the set; with
// those of controller-runtime when the set is nil.
func (s *Set) Options(name string, concurrency int) controller.Options {
	o := controller.Options{MaxConcurrentReconciles: concurrency}
	if s == nil {
		return o
	}
	st := newState()
	s.mu.Lock()
	s.states[name] = st
	s.mu.Unlock()
	o.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[Request](minBackoff, maxBackoff)
	o.NewQueue = func(controllerName string, limiter workqueue.TypedRateLimiter[Request]) workqueue.TypedRateLimitingInterface[Request] {
		q := newQueue(st, priorityqueue.New(controllerName, func(o *priorityqueue.Opts[Request]) { o.RateLimiter = limiter }), name == "agency")
		s.opened(name, q)
		return q
	}
	return o
}

func (s *Set) opened(name string, q *Queue) {
	s.mu.Lock()
	early := s.early[name]
	s.queues[name] = q
	delete(s.early, name)
	s.mu.Unlock()
	for r := range early {
		q.Add(r)
	}
}

// Enqueue adds a request from outside the watches to a controller's queue, which
// need not exist yet.
func (s *Set) Enqueue(name string, r Request) {
	s.mu.Lock()
	q := s.queues[name]
	if q == nil {
		if s.early[name] == nil {
			s.early[name] = map[Request]bool{}
		}
		s.early[name][r] = true
	}
	s.mu.Unlock()
	if q != nil {
		q.Add(r)
	}
}

// Running reports of every controller whether its workers have started.
func (s *Set) Running() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]bool, len(s.states))
	for name, st := range s.states {
		out[name] = st.isRunning()
	}
	return out
}

// Stopped names the controllers whose workers have not started, sorted.
func (s *Set) Stopped() []string {
	var out []string
	for name, running := range s.Running() {
		if !running {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Busy reports whether any controller works on a request.
func (s *Set) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.states {
		if st.works() {
			return true
		}
	}
	return false
}

// Stuck names the controllers with a worker that has been busy with one request
// for longer than the limit, sorted.
func (s *Set) Stuck(limit time.Duration) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name, st := range s.states {
		if st.longest() > limit {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// state of one controller.
type state struct {
	mu       sync.Mutex
	running  bool
	inFlight map[Request]time.Time
	// held is what is to be judged when a request is done that is being worked on.
	held map[Request][]func()
}

func newState() *state {
	return &state{inFlight: map[Request]time.Time{}, held: map[Request][]func(){}}
}

func (s *state) isRunning() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

func (s *state) workerWaits() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
}

func (s *state) begin(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight[r] = time.Now()
}

// end notes that a request is done, and returns what waited for that.
func (s *state) end(r Request) []func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held[r]
	delete(s.inFlight, r)
	delete(s.held, r)
	return held
}

// hold has something done when a request is done, and reports whether it will be: it is
// being worked on, and not too much waits for it.
func (s *state) hold(r Request, then func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, works := s.inFlight[r]; !works || len(s.held[r]) >= mostHeld {
		return false
	}
	s.held[r] = append(s.held[r], then)
	return true
}

func (s *state) works() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inFlight) > 0
}

func (s *state) longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out time.Duration
	for _, since := range s.inFlight {
		out = max(out, time.Since(since))
	}
	return out
}
