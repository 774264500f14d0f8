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
	// storeLimit is what etcd takes at most, unless it is told otherwise.
	storeLimit = 1536 << 10
	// metadataBytes is what people may write into the metadata, by the admission
	// policy platform-metadata. The caches leave it out.
	metadataBytes = 576 << 10
	// managedBytes is what the API server notes in the metadata of who wrote a
	// status. Its large lists are atomic, so that they stand there once.
	managedBytes = 96 << 10
	// spareBytes is left for what comes: a finalizer, a suspension, the time of the
	// deletion. An object that fills the store can be closed by nobody.
	spareBytes = 128 << 10
	// maxObject is how large spec and status of an object may get by its status.
	maxObject = storeLimit - metadataBytes - managedBytes - spareBytes
)

// writeStatus stores what a round left in the object's status, if it differs
// from what was read. Its lock is the version that was read, so a status never
// speaks of a spec that it has not seen. One that is too large, or that the API
// server refuses, is made smaller step by step.
func (l Loop[T]) writeStatus(ctx context.Context, before, obj T) error {
	steps := shrink(obj)
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
		steps[0]()
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

// fits reports whether an object can be stored as it is, with room to spare,
// whatever its metadata is.
func fits(obj client.Object) bool {
	bare := obj.DeepCopyObject().(client.Object)
	bare.SetLabels(nil)
	bare.SetAnnotations(nil)
	bare.SetOwnerReferences(nil)
	bare.SetManagedFields(nil)
	data, err := json.Marshal(bare)
	return err == nil && len(data) <= maxObject
}

// refused reports whether a smaller status may be stored where this one was not.
func refused(err error) bool {
	return errors.Is(err, errTooLarge) || apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) ||
		// etcd's answer comes as an internal error.
		strings.Contains(err.Error(), "request is too large") || strings.Contains(err.Error(), "larger than max")
}
