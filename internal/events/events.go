// Package events records what happened to an object for the people concerned,
// as Kubernetes Events. They are bookkeeping: nothing is decided by them, and
// no write of the operator ever waits for one.
package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
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
	waiting = 1024
	// maxNote is the longest note that the API takes.
	maxNote = 1024
	// drain is how long a stopping operator goes on writing what waits.
	drain = 2 * time.Second
)

// Writer is a Recorder that creates Events, one after the other. Unlike the
// recorder of client-go it never joins two Events of different notes, and it
// writes nothing later on, so a converged system stays silent.
type Writer struct {
	client client.Client
	scheme *runtime.Scheme
	queue  chan *eventsv1.Event
	origin string
}

// NewWriter returns a Writer; a manager has to run it.
func NewWriter(c client.Client) *Writer {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "operator"
	}
	return &Writer{client: c, scheme: c.Scheme(), queue: make(chan *eventsv1.Event, waiting), origin: clip(host, 128)}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: only who
// reconciles records.
func (w *Writer) NeedLeaderElection() bool { return true }

// Start writes events until the context ends.
func (w *Writer) Start(ctx context.Context) error {
	for {
		select {
		case e := <-w.queue:
			w.write(ctx, e)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
			defer cancel()
			for {
				select {
				case e := <-w.queue:
					w.write(last, e)
				default:
					return nil
				}
			}
		}
	}
}

func (w *Writer) write(ctx context.Context, e *eventsv1.Event) {
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
	event, err := w.build(regarding, e)
	if err != nil {
		return
	}
	select {
	case w.queue <- event:
	default:
	}
}

func (w *Writer) build(o client.Object, e Event) (*eventsv1.Event, error) {
	gvk, err := apiutil.GVKForObject(o, w.scheme)
	if err != nil {
		return nil, fmt.Errorf("find the kind: %w", err)
	}
	namespace := o.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	// The name follows from what happened, so the same happening is recorded once.
	id := sha256.Sum256([]byte(strings.Join([]string{string(o.GetUID()), o.GetResourceVersion(), e.Reason, e.Action, e.Note}, "\x00")))
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: namespace, Name: clip(o.GetName(), 200) + "." + hex.EncodeToString(id[:8])},
		EventTime:           metav1.NowMicro(),
		ReportingController: controller, ReportingInstance: w.origin,
		Action: e.Action, Reason: e.Reason, Type: kind, Note: clip(e.Note, maxNote),
		Regarding: corev1.ObjectReference{
			APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
		},
	}, nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
