package apply

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
)

// removalOrder: what scales and runs goes before what holds it.
var removalOrder = []string{
	"HorizontalPodAutoscaler", "Deployment", "Service", "PodDisruptionBudget", "ServiceAccount", "RoleBinding",
	"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy", "LimitRange", "ResourceQuota", "NetworkPolicy", "Namespace",
}

func (a *Applier) prune(ctx context.Context, owner names.Owner, keep map[string]v1alpha1.InventoryEntry, objects []desired.Object) error {
	wanted := keysOf(objects)
	stale := inventoryOf(keep)
	slices.SortStableFunc(stale, func(x, y v1alpha1.InventoryEntry) int {
		return slices.Index(removalOrder, x.Kind) - slices.Index(removalOrder, y.Kind)
	})
	for _, e := range stale {
		if wanted[entryKey(e)] {
			continue
		}
		if err := a.remove(ctx, owner, e, keep); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes one object of the inventory after rechecking on the API server
// that it still is the owner's. It leaves the inventory when it is gone or is
// somebody else's by now.
func (a *Applier) remove(ctx context.Context, owner names.Owner, e v1alpha1.InventoryEntry, keep map[string]v1alpha1.InventoryEntry) error {
	gvk, err := gvkOf(a.Client, e)
	if err != nil {
		return err
	}
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	err = a.Live.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.Name}, live)
	if apierrors.IsNotFound(err) {
		delete(keep, entryKey(e))
		return nil
	}
	if err != nil {
		return fmt.Errorf("recheck %s %s: %w", e.Kind, e.Name, err)
	}
	if live.UID != e.UID || !owner.Owns(live) {
		delete(keep, entryKey(e))
		return nil
	}
	if live.DeletionTimestamp == nil {
		if err := a.delete(ctx, live); err != nil {
			return fmt.Errorf("prune %s %s: %w", e.Kind, e.Name, err)
		}
	}
	if len(live.Finalizers) == 0 {
		delete(keep, entryKey(e))
	}
	return nil
}

// delete removes exactly the object that was looked at. It bypasses the
// read-your-writes bookkeeping of metadata objects, which would need a second
// cache of the same kind.
func (a *Applier) delete(ctx context.Context, o client.Object) error {
	err := a.Client.Delete(ctx, o, uidPrecondition(o), client.PropagationPolicy(metav1.DeletePropagationBackground), client.DisableReadYourWritesConsistency)
	return client.IgnoreNotFound(err)
}

// Teardown removes an owner's objects in the safe order while the owner itself
// is being deleted: openings, workloads, and nothing that holds them.
func (a *Applier) Teardown(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, guards []desired.Object) ([]v1alpha1.InventoryEntry, error) {
	inventory, err := a.unrecorded(ctx, owner, inventory)
	if err != nil {
		return inventory, err
	}
	keep := keepOf(inventory)
	if err := a.closeFirst(ctx, owner, keep, guards); err != nil {
		return inventoryOf(keep), err
	}
	err = a.prune(ctx, owner, keep, guards)
	return inventoryOf(keep), err
}
