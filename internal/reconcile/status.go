package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
	// brim is how large they may get by what goes last: most objects have little
	// metadata, and the time of a deletion still fits.
	brim = storeLimit - 32<<10
)

// writeStatus stores what a round left in the object's status, if it differs
// from what was read. Its lock is the version that was read, so a status never
// speaks of a spec that it has not seen. One that is too large is made smaller step
// by step. A field that the API server does not take stays as it was stored, and is
// the round's error: nothing else is left out for it.
func (l Loop[T]) writeStatus(ctx context.Context, before, obj T) (stored, error) {
	steps := shrink(obj)
	var was stored
	next := func() { steps[0].take(); steps = steps[1:]; was.cut = true }
	var refused error
	for !equality.Semantic.DeepEqual(statusOf(before), statusOf(obj)) {
		if len(steps) > 0 && sizeOf(obj) > steps[0].most {
			next()
			continue
		}
		wrote, err := l.patchStatus(ctx, before, obj.DeepCopyObject().(T))
		switch {
		case err == nil:
			was.wrote = wrote
			l.announce(before, obj)
			return was, refused
		case refusedForSize(err) && len(steps) > 0:
			next()
		case refused == nil && apierrors.IsInvalid(err) && putBack(before, obj, err):
			refused = err
		default:
			return was, errors.Join(refused, err)
		}
	}
	return was, refused
}

// stored is what became of a status.
type stored struct {
	// wrote is set when it is another one now, cut when a part of it was left out.
	wrote, cut bool
}

// patchStatus stores a status, and reports whether that is another one then.
func (l Loop[T]) patchStatus(ctx context.Context, before, obj T) (wrote bool, _ error) {
	patch := client.MergeFromWithOptions(client.Object(before), client.MergeFromWithOptimisticLock{})
	if err := l.Client.Status().Patch(ctx, obj, patch, client.FieldOwner(names.FieldOwner)); client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("patch status: %w", err)
	}
	if wrote = obj.GetResourceVersion() != before.GetResourceVersion(); wrote {
		l.Echoes.Add(ctx, l.kind(), client.ObjectKeyFromObject(obj), obj)
	}
	return wrote, nil
}

// statusOf is the status of an object: nothing else of it is the round's to change.
func statusOf(obj Object) any {
	return reflect.ValueOf(obj).Elem().FieldByName("Status").Addr().Interface()
}

// sizeOf returns how many bytes an object takes without what the caches leave out.
func sizeOf(obj client.Object) int {
	bare := obj.DeepCopyObject().(client.Object)
	bare.SetLabels(nil)
	bare.SetAnnotations(nil)
	bare.SetOwnerReferences(nil)
	bare.SetManagedFields(nil)
	data, err := json.Marshal(bare)
	if err != nil {
		return 0
	}
	return len(data)
}

// refusedForSize reports whether a smaller status may be stored where this one was not.
func refusedForSize(err error) bool {
	return apierrors.IsRequestEntityTooLargeError(err) ||
		// etcd's answer comes as an internal error.
		strings.Contains(err.Error(), "request is too large") || strings.Contains(err.Error(), "larger than max")
}
