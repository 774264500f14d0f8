// Package events records what happened to an object for the people concerned,
// as Kubernetes Events. They are bookkeeping: nothing is decided by them, and
// no write of the operator ever waits for one.
package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/internal/metrics"
)

// Event is one happening.
type Event struct {
	// Warning marks what somebody should look at.
	Warning bool
	// Reason in CamelCase, for machines, e.g. LinkOpened.
	Reason string
	// Action that was taken, in CamelCase, e.g. Open.
	Action string
	// Note for people.
	Note string
	// About is the object that the event is shown for; nil for the one that was
	// reconciled.
	About client.Object
	// Key tells this happening from an equal one at the same version of the object.
	Key string
	// Suspect marks what may turn out to be somebody's doing that should be looked at.
	Suspect bool
	// Resolve finds out what else there is to tell, and returns what is recorded; may be
	// nil. It is called when the event is written, so it may ask the API server.
	Resolve func(context.Context) Event
}

// Recorder takes events. It never blocks and never fails.
type Recorder interface {
	Record(regarding client.Object, e Event)
}

// Discard takes events and forgets them.
type Discard struct{}

// Record implements Recorder.
func (Discard) Record(client.Object, Event) {}

const (
	// controller that Events name as their origin.
	controller = "platform.gov.vn/operator"
	// waiting is how many events may wait to be written. A burst beyond it is
	// dropped: what counts stands in the status.
	waiting = 8192
	// paceBurst events that nobody needs to look at are written as they come, and then
	// paceRate a second, while there is other work: one for each of a thousand new portals
	// would cost the API server a seventh of what it has for the portals themselves.
	paceBurst, paceRate = 20, 5
	// paceMost is how long an event waits for its turn: after minutes the API server has
	// forgotten who had changed a child.
	paceMost = time.Minute
	// paceLook is how often it is looked meanwhile whether the work is done.
	paceLook = 100 * time.Millisecond
	// maxNote is the longest note that the API takes.
	maxNote = 1024
	// drain is how long a stopping operator goes on writing what waits.
	drain = 2 * time.Second
	// Each object may have a burst of events, and then one in every so often, and more
	// of those that somebody should look at; and so may all objects of a namespace
	// together. Nobody's flood of changes becomes a flood of events, nor pushes
	// others' out.
	burst          = 25
	warningBurst   = 200
	interval       = 10 * time.Second
	namespaceBurst = 400
	namespaceRate  = time.Second
	// objects is how many of them are remembered for that.
	objects = 1 << 15
)

// Writer is a Recorder that creates Events, those that somebody should look at by
// themselves and each kind one after the other. Unlike the recorder of client-go it
// never joins two Events of different notes, and it writes nothing later on, so a
// converged system stays silent.
type Writer struct {
	// Busy reports whether there is work that Events would delay; nil for never.
	Busy   func() bool
	client client.Client
	scheme *runtime.Scheme
	// urgent are those that somebody should look at: they wait for nothing.
	urgent, queue chan happening
	origin        string
	pace          *rate.Limiter
	mu            sync.Mutex
	rates         *lru.Cache
}

// happening is an event that waits to be written.
type happening struct {
	Event
	regarding corev1.ObjectReference
	at        metav1.MicroTime
}

// NewWriter returns a Writer; a manager has to run it.
func NewWriter(c client.Client) *Writer {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "operator"
	}
	return &Writer{
		client: c, scheme: c.Scheme(), origin: clip(host, 128),
		urgent: make(chan happening, waiting), queue: make(chan happening, waiting),
		pace: rate.NewLimiter(paceRate, paceBurst), rates: lru.New(objects),
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: only who
// reconciles records.
func (w *Writer) NeedLeaderElection() bool { return true }

// Start writes events until the context ends, and then for a little what waits.
func (w *Writer) Start(ctx context.Context) error {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, cancel) })()
	var both sync.WaitGroup
	both.Go(func() { w.writeAll(ctx, writing, w.urgent, func(happening) {}) })
	both.Go(func() { w.writeAll(ctx, writing, w.queue, func(h happening) { w.paced(ctx, h) }) })
	both.Wait()
	return nil
}

// writeAll writes the events of a queue, and when the context is over those that wait.
func (w *Writer) writeAll(ctx, writing context.Context, queue <-chan happening, wait func(happening)) {
	for ctx.Err() == nil {
		select {
		case h := <-queue:
			wait(h)
			w.write(writing, h)
		case <-ctx.Done():
		}
	}
	for writing.Err() == nil {
		select {
		case h := <-queue:
			w.write(writing, h)
		default:
			return
		}
	}
	for range len(queue) {
		metrics.EventDropped()
	}
}

// paced waits until an event is due that nobody needs to look at.
func (w *Writer) paced(ctx context.Context, h happening) {
	for w.Busy != nil && w.Busy() && time.Since(h.at.Time) < paceMost && !w.pace.Allow() {
		select {
		case <-time.After(paceLook):
		case <-ctx.Done():
			return
		}
	}
}

func (w *Writer) write(ctx context.Context, h happening) {
	if h.Resolve != nil {
		key := h.Key
		h.Event = h.Resolve(ctx)
		h.Key = key
	}
	e := w.build(h)
	err := w.client.Create(ctx, e)
	// The namespace may be going, and the same happening may have been recorded by a replica before this one.
	if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		log.FromContext(ctx).Info("Could not record an event", "reason", e.Reason, "namespace", e.Regarding.Namespace, "name", e.Regarding.Name, "error", err.Error())
	}
}

// Record implements Recorder.
func (w *Writer) Record(regarding client.Object, e Event) {
	if e.About != nil {
		regarding = e.About
	}
	gvk, err := apiutil.GVKForObject(regarding, w.scheme)
	if err != nil {
		return
	}
	h := happening{Event: e, at: metav1.NowMicro(), regarding: corev1.ObjectReference{
		APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Namespace: regarding.GetNamespace(), Name: regarding.GetName(),
		UID: regarding.GetUID(), ResourceVersion: regarding.GetResourceVersion(),
	}}
	queue, urgent := w.queue, e.Warning || e.Suspect
	if urgent {
		queue = w.urgent
	}
	// What a child was changed by is found out later, and may have to be looked at.
	if !w.allowed(h.regarding, urgent || e.Resolve != nil) {
		metrics.EventDropped()
		return
	}
	select {
	case queue <- h:
	default:
		metrics.EventDropped()
	}
}

// allowed reports whether an object, and its namespace, may have another event by now.
func (w *Writer) allowed(o corev1.ObjectReference, urgent bool) bool {
	type key struct {
		about  corev1.ObjectReference
		urgent bool
	}
	o.ResourceVersion = ""
	most := burst
	if urgent {
		most = warningBurst
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := func(k key, every time.Duration, most int) *rate.Limiter {
		if l, ok := w.rates.Get(k); ok {
			return l.(*rate.Limiter)
		}
		l := rate.NewLimiter(rate.Every(every), most)
		w.rates.Add(k, l)
		return l
	}
	if !limit(key{o, urgent}, interval, most).Allow() {
		return false
	}
	// Objects of the whole cluster are written by few, and none of them is another's flood.
	return o.Namespace == "" || limit(key{corev1.ObjectReference{Namespace: o.Namespace}, urgent}, namespaceRate, namespaceBurst).Allow()
}

func (w *Writer) build(h happening) *eventsv1.Event {
	o := h.regarding
	namespace := o.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	kind := corev1.EventTypeNormal
	if h.Warning {
		kind = corev1.EventTypeWarning
	}
	// The name follows from what happened, so the same happening is recorded once.
	id := sha256.Sum256([]byte(strings.Join([]string{string(o.UID), o.ResourceVersion, h.Reason, h.Action, h.Note, h.Key}, "\x00")))
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: namespace, Name: clip(o.Name, 200) + "." + hex.EncodeToString(id[:8])},
		EventTime:           h.at,
		ReportingController: controller, ReportingInstance: w.origin,
		Action: h.Action, Reason: h.Reason, Type: kind, Note: clip(h.Note, maxNote), Regarding: o,
	}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
