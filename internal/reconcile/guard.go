package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// Guard reconciles the unreadable objects of a kind, and leaves all others to
// the next reconciler.
type Guard struct {
	// Client that Registry.Client has returned.
	Client client.Client
	Kind   string
	// Close takes down what an unreadable object left open; may be nil.
	Close func(ctx context.Context, owner names.Owner) error
	// Again is when Close looks again, where what it rests on is elsewhere; 0 for
	// when the object changes.
	Again time.Duration
	// Meanwhile is what is so until the object can be read, in a sentence for people.
	Meanwhile string
	// Gone takes down everything of an unreadable object that is being deleted.
	// The Finalizer is removed after it. Nil leaves the object to people.
	Gone      func(ctx context.Context, owner names.Owner) error
	Finalizer string
	Next      Inner
}

// Inner reconciles what can be read, and tells what happens to an object.
type Inner interface {
	reconcile.Reconciler
	// TellChanges says what was done to an object's children.
	TellChanges(ctx context.Context, obj client.Object, changes []apply.Change)
	// Warn says of an object what somebody should look at.
	Warn(obj client.Object, reason, note string)
}

// Reconcile implements reconcile.Reconciler.
func (g Guard) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	e, writer := unreadable.EntryOf(g.Client, g.Kind, req.NamespacedName)
	if e == nil {
		return g.Next.Reconcile(ctx, req)
	}
	ctx, done := apply.Recording(ctx)
	defer func() { g.Next.TellChanges(ctx, e.Object, done.Changes()) }()
	if g.Close != nil {
		if err := g.Close(ctx, names.OwnerOf(g.Kind, e.Object)); err != nil {
			return reconcile.Result{}, fmt.Errorf("close what cannot be read: %w", err)
		}
	}
	if e.Object.GetDeletionTimestamp() != nil && g.Gone != nil {
		if err := g.Gone(ctx, names.OwnerOf(g.Kind, e.Object)); err != nil {
			return reconcile.Result{}, fmt.Errorf("take down what cannot be read: %w", err)
		}
		return reconcile.Result{}, g.finalize(ctx, writer, e)
	}
	return reconcile.Result{RequeueAfter: g.Again}, g.report(ctx, writer, e)
}

func (g Guard) finalize(ctx context.Context, writer client.Client, e *unreadable.Entry) error {
	rest := slices.DeleteFunc(slices.Clone(e.Object.GetFinalizers()), func(f string) bool { return f == g.Finalizer })
	if len(rest) == len(e.Object.GetFinalizers()) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": rest, "resourceVersion": e.Object.GetResourceVersion()}})
	if err != nil {
		return fmt.Errorf("remove finalizer: %w", err)
	}
	return client.IgnoreNotFound(writer.Patch(ctx, e.Object.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.FieldOwner)))
}

// report says on the object itself that it cannot be read, when it does not say
// so yet.
func (g Guard) report(ctx context.Context, writer client.Client, e *unreadable.Entry) error {
	var have struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	conditions := []metav1.Condition{}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(e.Object.Object, &have) == nil {
		conditions = append(conditions, have.Status.Conditions...)
	}
	message := "The operator cannot read this object: " + e.Cause + ". " + g.Meanwhile + " Correct the field, or delete the object and apply it again."
	if !meta.SetStatusCondition(&conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonUnreadable, ObservedGeneration: e.Object.GetGeneration(),
		Message: message,
	}) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": e.Object.GetResourceVersion()}, "status": map[string]any{"conditions": conditions},
	})
	if err != nil {
		return fmt.Errorf("report what cannot be read: %w", err)
	}
	err = writer.Status().Patch(ctx, e.Object.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.FieldOwner))
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil // An event follows.
	case apierrors.IsInvalid(err):
		log.FromContext(ctx).Error(err, "Could not report on an object that cannot be read")
		return nil
	case err != nil:
		return fmt.Errorf("report what cannot be read: %w", err)
	}
	g.Next.Warn(e.Object, v1alpha1.ReasonUnreadable, message)
	return nil
}
