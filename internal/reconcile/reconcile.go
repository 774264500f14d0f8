// Package reconcile is the loop that all kinds share: fetch, run, and one
// deferred status patch that is left out when nothing changed.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/queue"
)

// Sooner returns the shorter of two delays, of which 0 is none.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Object is an object of one of the API's kinds.
type Object = kinds.Object

// Loop reconciles one kind.
type Loop[T Object] struct {
	Client client.Client
	// New returns an empty object.
	New func() T
	// Finalizer that the kind needs before it writes anything; empty for none.
	Finalizer string
	// NeedsFinalizer tells which objects need it; nil means all.
	NeedsFinalizer func(obj T) bool
	// First closes what must be closed by the caches as they are, before anything is
	// read that waits until they have seen the operator's own writes; may be nil. The
	// round goes on whatever it returns, and fails in the end.
	First func(ctx context.Context, key client.ObjectKey) error
	// Run does the work and leaves what it found in the object's status. It
	// also runs for objects that are being deleted.
	Run func(ctx context.Context, obj T) (ctrl.Result, error)
	// Events takes what Announce returns; nil for none.
	Events events.Recorder
	// Announce compares what a round found with the object as it was before, and
	// returns what is worth telling people. It is asked only when the status was
	// written, so a converged object announces nothing. May be nil.
	Announce func(before, after T) []events.Event
	// Announced are the conditions whose changes Announce tells in words of its own;
	// those of all others are told as they are.
	Announced []string
	// Echoes takes what the rounds of the kind wrote, whose events are then left out; the
	// round that follows such a one comes after everything else. Nil for a kind whose
	// every event counts.
	Echoes *apply.Echoes
	// Gone handles the key of an object that no longer exists; may be nil.
	Gone func(ctx context.Context, key client.ObjectKey) (ctrl.Result, error)
}

// ErrFinalized is returned by Run when it has removed its finalizer: there is
// no object left whose status could be written.
var ErrFinalized = errors.New("finalized")

// Reconcile runs one round. What can't be written about the object, be it the
// finalizer or the status, never keeps the round from closing: without its
// finalizer it only withdraws, and a status that fails comes after.
func (l Loop[T]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, done := apply.Recording(ctx)
	var about client.Object
	// Told before the status is written, in the order in which it happened, and however the round ends.
	tell := sync.OnceFunc(func() { l.TellChanges(ctx, about, done.Changes()) })
	defer tell()
	// What a round wrote that failed, or that nothing records, is seen by its events.
	recorded := false
	defer func() {
		if !recorded {
			l.Echoes.Forget(done)
		}
	}()
	var firstErr error
	if l.First != nil {
		firstErr = l.First(ctx, req.NamespacedName)
	}
	obj := l.New()
	if err := l.Client.Get(ctx, req.NamespacedName, obj); err != nil {
		if apierrors.IsNotFound(err) && l.Gone != nil {
			return l.Gone(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	about = obj
	obj, finalizerErr := l.addFinalizer(ctx, obj)
	if apierrors.IsNotFound(finalizerErr) {
		// The object went meanwhile, which is an event that is still to come.
		return ctrl.Result{RequeueAfter: retrySoon}, nil
	}
	if finalizerErr != nil {
		ctx = apply.WithdrawOnly(ctx)
	}
	before := obj.DeepCopyObject().(T)
	about = before
	result, runErr := l.Run(ctx, obj)
	tell()
	if errors.Is(runErr, ErrFinalized) {
		return ctrl.Result{}, nil
	}
	obj.GetStatusBase().ObservedGeneration = obj.GetGeneration()
	status, statusErr := l.writeStatus(ctx, before, obj)
	recorded = !status.cut && errors.Join(runErr, firstErr, finalizerErr, statusErr) == nil
	return outcome(l.verified(result, status.wrote || len(done.Changes()) > 0, recorded), runErr, firstErr, finalizerErr, statusErr)
}

// soon is when a round goes on whose event is left out; it keeps its place in the queue.
const soon = 2 * queue.LookBack

// verified asks for a round after one that wrote, of which no event will come. It looks
// whether all is as it should be now, so it comes after all that has something to do,
// unless there is a time at which something is due, or something is on no record.
func (l Loop[T]) verified(result ctrl.Result, wrote, recorded bool) ctrl.Result {
	if l.Echoes == nil || !wrote {
		return result
	}
	if result.RequeueAfter != 0 || !recorded {
		result.RequeueAfter = Sooner(result.RequeueAfter, soon)
		return result
	}
	last := queue.Last
	return ctrl.Result{RequeueAfter: queue.LookBack, Priority: &last}
}

// addFinalizer gives an object the finalizer that it needs. When that fails the
// object is returned as it was.
func (l Loop[T]) addFinalizer(ctx context.Context, obj T) (T, error) {
	needs := l.Finalizer != "" && obj.GetDeletionTimestamp() == nil && (l.NeedsFinalizer == nil || l.NeedsFinalizer(obj))
	if !needs || controllerutil.ContainsFinalizer(obj, l.Finalizer) {
		return obj, nil
	}
	before := obj.DeepCopyObject().(T)
	controllerutil.AddFinalizer(obj, l.Finalizer)
	patch := client.MergeFromWithOptions(client.Object(before), client.MergeFromWithOptimisticLock{})
	if err := l.Client.Patch(ctx, obj, patch, client.FieldOwner(names.FieldOwner)); err != nil {
		return before, fmt.Errorf("add finalizer: %w", err)
	}
	return obj, nil
}

func (l Loop[T]) announce(before, after T) {
	if l.Events == nil {
		return
	}
	told := conditionEvents(before.GetStatusBase().Conditions, after.GetStatusBase().Conditions, l.Announced)
	if l.Announce != nil {
		told = append(l.Announce(before, after), told...)
	}
	for _, e := range told {
		l.Events.Record(after, e)
	}
}

// Finalize removes a finalizer, and with it the object.
func Finalize(ctx context.Context, c client.Client, obj client.Object, finalizer string) error {
	before, ok := obj.DeepCopyObject().(client.Object)
	if !ok || !controllerutil.RemoveFinalizer(obj, finalizer) {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, obj, patch, client.FieldOwner(names.FieldOwner)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove finalizer: %w", err)
	}
	return ErrFinalized
}

// retrySoon is the delay after a write that lost a race. Losing one is normal,
// so it is neither logged as an error nor backed off.
const retrySoon = 200 * time.Millisecond

// outcome tells the queue what to do next. An error is retried with back-off,
// and a lost race never hides it; if races were all that failed, the round is
// repeated soon.
func outcome(result ctrl.Result, errs ...error) (ctrl.Result, error) {
	err := errors.Join(errs...)
	switch {
	case err == nil:
		return result, nil
	case onlyConflicts(err):
		return ctrl.Result{RequeueAfter: retrySoon}, nil
	default:
		return ctrl.Result{}, err
	}
}

// onlyConflicts reports whether every error in a tree of them is a lost race.
func onlyConflicts(err error) bool {
	for err != nil {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				if !onlyConflicts(e) {
					return false
				}
			}
			return true
		}
		if status, ok := err.(apierrors.APIStatus); ok {
			return status.Status().Reason == metav1.StatusReasonConflict
		}
		err = errors.Unwrap(err)
	}
	return false
}
