package watches

import (
	"cmp"
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/queue"
)

type workQueue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// mapping is not a handler.Funcs, which hides the queue behind one of its own.
type mapping struct {
	f MapFunc
	// children is set when the objects are what the operator writes: the state of what
	// runs has a share of its own, so that an agency with much of it edits as ever.
	children bool
	// own are the writes that tell their owner nothing.
	own      *apply.Echoes
	delay    time.Duration
	priority int
}

// Create implements handler.EventHandler.
func (m mapping) Create(ctx context.Context, e event.CreateEvent, q workQueue) {
	if e.IsInInitialList && m.priority == handler.LowPriority {
		// All objects of the controller's kind that are there then come by themselves, and
		// are looked at after every cache is filled, so this tells nothing new. To find for
		// each object all that it concerns would take as long as to look at them.
		return
	}
	priority := m.priority
	switch {
	case e.IsInInitialList:
		priority = min(priority, handler.LowPriority)
	case m.delay == 0 && Closes(nil, e.Object):
		priority = queue.Closing
	}
	m.add(ctx, q, priority, e.Object, e.Object)
}

// Update implements handler.EventHandler.
func (m mapping) Update(ctx context.Context, e event.UpdateEvent, q workQueue) {
	m.add(ctx, q, m.urgency(Closes(e.ObjectOld, e.ObjectNew)), e.ObjectNew, e.ObjectOld, e.ObjectNew)
}

// Delete implements handler.EventHandler.
func (m mapping) Delete(ctx context.Context, e event.DeleteEvent, q workQueue) {
	m.add(ctx, q, m.urgency(Closes(e.Object, nil)), nil, e.Object)
}

// Generic implements handler.EventHandler.
func (m mapping) Generic(ctx context.Context, e event.GenericEvent, q workQueue) {
	m.add(ctx, q, m.priority, nil, e.Object)
}

// urgency of an event. What waits to be counted closes nothing.
func (m mapping) urgency(closes bool) int {
	if closes && m.delay == 0 {
		return queue.Closing
	}
	return m.priority
}

// add enqueues what objects map to. What is written may be an owner's own write; what is
// deleted, or of an unknown kind of event, is nobody's: nil.
func (m mapping) add(ctx context.Context, q workQueue, priority int, written client.Object, objects ...client.Object) {
	var requests []ctrl.Request
	seen := map[ctrl.Request]bool{}
	for _, o := range objects {
		for _, req := range m.f(ctx, o) {
			if !seen[req] {
				seen[req] = true
				requests = append(requests, req)
			}
		}
	}
	own := func(req ctrl.Request) bool { return m.own.Take(req.NamespacedName, written) }
	o := priorityqueue.AddOpts{After: m.delay, Priority: &priority}
	cause := causeOf(objects[0])
	if m.children {
		cause = ownerOf(objects[0])
	}
	for _, req := range requests {
		if q, ok := q.(*queue.Queue); ok && m.own != nil && written != nil {
			q.AddUnless(own, cause, o, req)
			continue
		}
		if own(req) {
			continue
		}
		switch q := q.(type) {
		case *queue.Queue:
			q.AddCaused(cause, o, req)
		case priorityqueue.PriorityQueue[ctrl.Request]:
			q.AddWithOpts(o, req)
		default:
			q.AddAfter(req, m.delay)
		}
	}
}

// ownerOf returns the share of what the operator wrote for an agency's objects, wherever
// it lies: half of a link's policies lie with its provider.
func ownerOf(o client.Object) string {
	agency, ok := names.AgencyOf(cmp.Or(o.GetLabels()[names.LabelOwnerNamespace], o.GetNamespace()))
	if !ok {
		return ""
	}
	return agency + "/children"
}

// causeOf returns the agency in whose hands an object is; empty for what only
// the platform's own people write.
func causeOf(o client.Object) string {
	if agency, ok := names.AgencyOf(o.GetNamespace()); ok {
		return agency
	}
	return ""
}
