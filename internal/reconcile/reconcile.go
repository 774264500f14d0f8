// Package reconcile is the loop that all kinds share: fetch, run, and one
// deferred status patch that is left out when nothing changed.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/names"
)

// Object is a kind of the API.
type Object interface {
	client.Object
	GetStatusBase() *v1alpha1.StatusBase
}

// Loop reconciles one kind.
type Loop[T Object] struct {
	Client client.Client
	// New returns an empty object.
	New func() T
	// Finalizer that the kind needs before it writes anything; empty for none.
	Finalizer string
	// NeedsFinalizer tells which objects need it; nil means all.
	NeedsFinalizer func(obj T) bool
	// Run does the work and leaves what it found in the object's status. It
	// also runs for objects that are being deleted.
	Run func(ctx context.Context, obj T) (ctrl.Result, error)
	// Events takes what Announce returns; nil for none.
	Events events.Recorder
	// Announce compares what a round found with the object as it was before, and
	// returns what is worth telling people. It is asked only when the status was
	// written, so a converged object announces nothing. May be nil.
	Announce func(before, after T) []events.Event
	// Gone handles the key of an object that no longer exists; may be nil.
	Gone func(ctx context.Context, key client.ObjectKey) (ctrl.Result, error)
}

// ErrFinalized is returned by Run when it has removed its finalizer: there is
// no object left whose status could be written.
var ErrFinalized = errors.New("finalized")

// Reconcile runs one round.
func (l Loop[T]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := l.New()
	if err := l.Client.Get(ctx, req.NamespacedName, obj); err != nil {
		if apierrors.IsNotFound(err) && l.Gone != nil {
			return l.Gone(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if l.Finalizer != "" && obj.GetDeletionTimestamp() == nil && (l.NeedsFinalizer == nil || l.NeedsFinalizer(obj)) && !controllerutil.ContainsFinalizer(obj, l.Finalizer) {
		before := obj.DeepCopyObject().(T)
		controllerutil.AddFinalizer(obj, l.Finalizer)
		patch := client.MergeFromWithOptions(client.Object(before), client.MergeFromWithOptimisticLock{})
		if err := l.Client.Patch(ctx, obj, patch, client.FieldOwner(names.FieldOwner)); err != nil {
			return conflictIsRetry(fmt.Errorf("add finalizer: %w", err))
		}
	}
	before := obj.DeepCopyObject().(T)
	result, runErr := l.Run(ctx, obj)
	if errors.Is(runErr, ErrFinalized) {
		return ctrl.Result{}, nil
	}
	obj.GetStatusBase().ObservedGeneration = obj.GetGeneration()
	if !equality.Semantic.DeepEqual(before, obj) {
		patch := client.MergeFrom(client.Object(before))
		if err := l.Client.Status().Patch(ctx, obj, patch, client.FieldOwner(names.FieldOwner)); client.IgnoreNotFound(err) != nil {
			return conflictIsRetry(errors.Join(runErr, fmt.Errorf("patch status: %w", err)))
		}
		l.announce(before, obj)
	}
	if runErr != nil {
		return conflictIsRetry(runErr)
	}
	return result, nil
}

func (l Loop[T]) announce(before, after T) {
	if l.Events == nil || l.Announce == nil {
		return
	}
	for _, e := range l.Announce(before, after) {
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

func conflictIsRetry(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: retrySoon}, nil
	}
	return ctrl.Result{}, err
}
