package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
)

// RemoveOrphans removes the children of an owner that no longer exists and that
// the garbage collector leaves alone: whoever deletes an object may ask for
// that, and its workload would run on under no policy. They are found in every
// namespace: whoever may edit an owner may also take its finalizer off, and
// traffic would stay open that nobody could close. Children that the garbage
// collector is sure to remove are left to it, and those of the living owner are
// not orphans.
func (a *Applier) RemoveOrphans(ctx context.Context, kind string, key client.ObjectKey, owner types.UID) error {
	orphans, err := a.orphans(names.Owner{Kind: kind, Namespace: key.Namespace, Name: key.Name, UID: owner})
	if err != nil || len(orphans) == 0 {
		return err
	}
	// The caches of two kinds need not be of one moment, so what would be lost
	// is decided by the API server.
	living := &metav1.PartialObjectMetadata{}
	living.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if err := a.Live.Get(ctx, key, living); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("recheck %s %s: %w", kind, key, err)
	} else if apierrors.IsNotFound(err) {
		living.UID = ""
	}
	var errs []error
	for _, o := range orphans {
		if o.GetLabels()[names.LabelOwnerUID] == string(living.UID) {
			continue
		}
		err := a.delete(ctx, o)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove orphaned %T %s: %w", o, o.GetName(), err))
			continue
		}
		row, _ := child.For(o)
		record(ctx, Change{Did: Removed, GVK: row.GVK, Namespace: o.GetNamespace(), Name: o.GetName()})
	}
	return errors.Join(errs...)
}

// orphans lists what earlier owners of a name left behind: what lets traffic
// pass first, then in the order of removal.
func (a *Applier) orphans(owner names.Owner) ([]client.Object, error) {
	var out []client.Object
	for _, row := range child.EmittedBy(owner.Kind) {
		objects, err := a.Marked(row.GVK.Kind, owner)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			earlier, marked := names.MarkedOwner(o)
			if marked && earlier.UID != owner.UID && !earlier.Collects(o) && o.GetDeletionTimestamp() == nil {
				out = append(out, o)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y client.Object) int { return cmp.Compare(closing(x), closing(y)) })
	return out, nil
}

// closing puts what lets traffic pass before everything else.
func closing(o client.Object) int {
	if child.Opens(o) {
		return 0
	}
	return 1
}

// Marked lists the objects of one kind that say that they were written for the
// owner or an earlier one of its name, wherever they are. It looks at the cache
// as it is: what the cache does not show yet is an event that is still to come,
// and waiting for it would hold up every round. They are the cache's own.
func (a *Applier) Marked(kind string, owner names.Owner) ([]client.Object, error) {
	out, err := a.Counts.Having(kind, names.IndexOwner, owner.Key())
	if err != nil {
		return nil, fmt.Errorf("list %s of %s: %w", kind, owner.Key(), err)
	}
	return out, nil
}
