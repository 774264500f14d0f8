package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
)

const (
	// maxObject is how large an object may get by its status, in bytes as the
	// operator sees it. etcd takes 1.5 MiB, with the managed fields that the
	// caches leave out.
	maxObject = 1200 << 10
	// shortMessage is how much of a condition's message is kept when the status
	// has to be small.
	shortMessage = 256
)

// ShrinkMessages shortens the messages of the conditions.
func ShrinkMessages[T Object](obj T) {
	conditions := obj.GetStatusBase().Conditions
	for i := range conditions {
		if m := conditions[i].Message; len(m) > shortMessage {
			conditions[i].Message = strings.ToValidUTF8(m[:shortMessage-3], "") + "..."
		}
	}
}

// ShrinkInventory drops the inventory: the owner's children are found by their
// marks too.
func ShrinkInventory[T Object](obj T) { obj.GetStatusBase().Inventory = nil }

// ShrinkBase makes smaller what the status of every kind has.
func ShrinkBase[T Object]() []func(T) { return []func(T){ShrinkMessages[T], ShrinkInventory[T]} }

// writeStatus stores what a round left in the object's status, if it differs
// from what was read. Its lock is the version that was read, so a status never
// speaks of a spec that it has not seen. One that is too large, or that the API
// server refuses, is made smaller step by step.
func (l Loop[T]) writeStatus(ctx context.Context, before, obj T) error {
	steps := l.Shrink
	if steps == nil {
		steps = ShrinkBase[T]()
	}
	for {
		if equality.Semantic.DeepEqual(before, obj) {
			return nil
		}
		err := errTooLarge
		if len(steps) == 0 || fits(obj) {
			err = l.patchStatus(ctx, before, obj.DeepCopyObject().(T))
		}
		if err == nil {
			l.announce(before, obj)
		}
		if err == nil || len(steps) == 0 || !refused(err) {
			return err
		}
		steps[0](obj)
		steps = steps[1:]
	}
}

func (l Loop[T]) patchStatus(ctx context.Context, before, obj T) error {
	patch := client.MergeFromWithOptions(client.Object(before), client.MergeFromWithOptimisticLock{})
	if err := l.Client.Status().Patch(ctx, obj, patch, client.FieldOwner(names.FieldOwner)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	return nil
}

var errTooLarge = errors.New("the status is too large to be stored")

// fits reports whether an object can be stored as it is, as far as that can be
// told here.
func fits(obj any) bool {
	data, err := json.Marshal(obj)
	return err == nil && len(data) <= maxObject
}

// refused reports whether a smaller status may be stored where this one was not.
func refused(err error) bool {
	return errors.Is(err, errTooLarge) || apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) ||
		// etcd's answer comes as an internal error.
		strings.Contains(err.Error(), "request is too large") || strings.Contains(err.Error(), "larger than max")
}
