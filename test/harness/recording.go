package harness

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/controllers"
)

// Revision is one change of one object. Revisions are counted for all kinds alike, so
// the events of several watches can be put into the order in which they happened.
type Revision struct {
	Number uint64
	Type   watch.EventType
	Object client.Object
	// Seen is when the watch told of it.
	Seen time.Time
	// relisted is set where a list told of it.
	relisted bool
}

// Objects are what exists at a revision, by ObjectKey.
type Objects map[string]client.Object

// ObjectKey names an object among those of all kinds.
func ObjectKey(o client.Object) string {
	return fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName())
}

// Recording is every revision of some kinds from the moment at which it began.
type Recording struct {
	take   func(client.Object) bool
	cancel context.CancelFunc
	group  sync.WaitGroup
	first  Objects

	mu     sync.Mutex
	events []Revision
	// gaps counts how often a watch could not be taken up where it had ended, as after a
	// restart of the API server: what changed meanwhile is one revision then.
	gaps     int
	failures []string
}

// Record watches the kinds, given as empty lists, until the test ends, and notes the
// objects that take accepts.
func (e *Env) Record(t *testing.T, take func(client.Object) bool, kinds ...client.ObjectList) *Recording {
	t.Helper()
	s, err := controllers.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	cfg := e.ControlPlane.AdminConfig()
	cfg.QPS = -1
	c, err := client.NewWithWatch(cfg, client.Options{Scheme: s})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Recording{take: take, cancel: cancel, first: Objects{}}
	t.Cleanup(r.Stop)
	for _, list := range kinds {
		if err := c.List(ctx, list); err != nil {
			t.Fatal(err)
		}
		known, err := objectsOf(list)
		if err != nil {
			t.Fatal(err)
		}
		for key, o := range known {
			if take(o) {
				r.first[key] = o
			}
		}
		f := &follower{recording: r, client: c, list: list, known: known, version: list.GetResourceVersion()}
		r.group.Go(func() { f.run(ctx) })
	}
	return r
}

// Stop ends the recording; it may be called again.
func (r *Recording) Stop() {
	r.cancel()
	r.group.Wait()
}

func objectsOf(list client.ObjectList) (Objects, error) {
	out := Objects{}
	err := meta.EachListItem(list, func(o runtime.Object) error {
		if c, ok := o.DeepCopyObject().(client.Object); ok {
			out[ObjectKey(c)] = c
		}
		return nil
	})
	return out, err
}

// follower watches one kind.
type follower struct {
	recording *Recording
	client    client.WithWatch
	list      client.ObjectList
	known     Objects
	version   string
}

// run takes a watch that ends up again where it was, or, where the server no longer has
// that, with a list.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := f.client.Watch(ctx, f.list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: f.version}})
		lost := apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
		if err == nil {
			lost = f.drain(w)
			w.Stop()
		}
		if lost {
			f.relist(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// drain notes the events of a watch until it ends. It reports whether the server said
// that it lost the place.
func (f *follower) drain(w watch.Interface) (lost bool) {
	for e := range w.ResultChan() {
		o, ok := e.Object.(client.Object)
		if !ok || e.Type == watch.Error {
			return true
		}
		f.version = o.GetResourceVersion()
		if e.Type == watch.Deleted {
			delete(f.known, ObjectKey(o))
		} else {
			f.known[ObjectKey(o)] = o
		}
		f.recording.note(false, e.Type, f.version, o)
	}
	return false
}

// relist notes what changed since the last event.
func (f *follower) relist(ctx context.Context) {
	if err := f.client.List(ctx, f.list); err != nil {
		return
	}
	now, err := objectsOf(f.list)
	if err != nil {
		return
	}
	f.recording.mu.Lock()
	f.recording.gaps++
	f.recording.mu.Unlock()
	f.version = f.list.GetResourceVersion()
	for key, old := range f.known {
		if o := now[key]; o == nil || o.GetUID() != old.GetUID() {
			f.recording.note(true, watch.Deleted, f.version, old)
		}
	}
	for key, o := range now {
		switch old := f.known[key]; {
		case old == nil || old.GetUID() != o.GetUID():
			f.recording.note(true, watch.Added, f.version, o)
		case old.GetResourceVersion() != o.GetResourceVersion():
			f.recording.note(true, watch.Modified, f.version, o)
		}
	}
	f.known = now
}

func (r *Recording) note(relisted bool, kind watch.EventType, version string, o client.Object) {
	if !r.take(o) {
		return
	}
	n, err := strconv.ParseUint(version, 10, 64)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failures = append(r.failures, err.Error())
		return
	}
	r.events = append(r.events, Revision{Number: n, Type: kind, Object: o, Seen: time.Now(), relisted: relisted})
}

// Revisions returns every revision so far in order, after a moment for those that are on
// their way.
func (r *Recording) Revisions(t *testing.T) []Revision {
	t.Helper()
	time.Sleep(300 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.failures {
		t.Error(f)
	}
	if r.gaps > 0 {
		t.Logf("%d watches of the recording were taken up with a list", r.gaps)
	}
	return ordered(r.events)
}

// ordered returns revisions in their order. What lists told of has one number, that of the last list: each list is of
// another moment, and what one kind was at a moment between two of them nobody knows.
func ordered(events []Revision) []Revision {
	out := slices.Clone(events)
	slices.SortStableFunc(out, func(a, b Revision) int { return cmp.Compare(a.Number, b.Number) })
	for i := 0; i < len(out); {
		last := i
		for j := i; j < len(out) && out[i].relisted; j++ {
			if out[j].relisted && out[j].Seen.Sub(out[i].Seen) < oneGap {
				last = j
			}
		}
		for j := i; j < last; j++ {
			out[j].Number = out[last].Number
		}
		i = last + 1
	}
	return out
}

// oneGap is longer than it takes until all watches that an outage ended are taken up again, and shorter than what lies
// between two outages.
const oneGap = 15 * time.Second

// Replay visits the world at every revision, the first included, until visit returns
// false.
func (r *Recording) Replay(t *testing.T, visit func(n uint64, world Objects) bool) {
	t.Helper()
	r.Walk(t, func(change Revision, _ client.Object, world Objects) bool { return visit(change.Number, world) })
}

// Walk visits the world at every revision with the change that made it and the object
// that it replaced, nil for none, until visit returns false. The first visit is of the
// world at the beginning, with a change that has no object.
func (r *Recording) Walk(t *testing.T, visit func(change Revision, before client.Object, world Objects) bool) {
	t.Helper()
	world := maps.Clone(r.first)
	if !visit(Revision{}, nil, world) {
		return
	}
	events := r.Revisions(t)
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].Number == events[0].Number {
			n++
		}
		before := make([]client.Object, n)
		for i, e := range events[:n] {
			before[i] = world.change(e)
		}
		for i, e := range events[:n] {
			if !visit(e, before[i], world) {
				return
			}
		}
		events = events[n:]
	}
}

// change makes a change, and returns the object that it replaced.
func (o Objects) change(e Revision) (before client.Object) {
	key := ObjectKey(e.Object)
	before = o[key]
	if e.Type == watch.Deleted {
		delete(o, key)
	} else {
		o[key] = e.Object
	}
	return before
}
