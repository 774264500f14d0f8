package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// round is one look at one owner.
type round struct {
	*Applier
	owner names.Owner
	// recorded is the inventory that the owner's status has, and what the owner
	// is found to have besides.
	recorded []v1alpha1.InventoryEntry
	// keep is the inventory as it becomes.
	keep map[string]v1alpha1.InventoryEntry
	// seen are the owner's network policies as the cache has them.
	seen    map[string]*networkingv1.NetworkPolicy
	wanted  map[string]bool
	planned []planned
	// asked says of desired objects whether they should be otherwise than before.
	asked map[string]wanted
	// withdraw is set when nothing new may be made any more that opens or runs.
	withdraw bool
	// closes is set when nothing is written, so that what is desired and opens too much
	// is closed.
	closes bool
	// about are the names that a round is about; nil for all.
	about []string
	// homeless is set when the owner's namespace is not there, or is not its own.
	homeless bool
	// failed is set when something failed in this round.
	failed bool
	res    child.Result
	errs   []error
}

// planned is a desired object with its place in the order.
type planned struct {
	object object.Object
	row    child.Row
	stage  child.Stage
}

// begin plans a round. An object of a kind that is not in the table is refused,
// and nothing new is made beside it: its place in the order is not known.
func (a *Applier) begin(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, objects []object.Object) *round {
	r := &round{Applier: a, owner: owner, recorded: inventory, keep: keepOf(inventory), seen: map[string]*networkingv1.NetworkPolicy{}, wanted: keysOf(objects), withdraw: withdrawOnly(ctx)}
	for _, o := range objects {
		row, err := child.Of(o.GetObjectKind().GroupVersionKind().GroupKind())
		if err != nil {
			r.fail("apply", kindOf(o), o.GetNamespace(), o.GetName(), err)
			continue
		}
		r.planned = append(r.planned, planned{o, row, row.StageOf(o)})
	}
	slices.SortStableFunc(r.planned, func(x, y planned) int {
		return cmp.Or(cmp.Compare(x.stage, y.stage), strings.Compare(key(x.object), key(y.object)))
	})
	return r
}

// fail notes a child that could not be written or removed.
func (r *round) fail(doing, kind, namespace, name string, err error) {
	f := &child.Failure{Doing: doing, Kind: kind, Namespace: namespace, Name: name, Err: err}
	r.res.Failures = append(r.res.Failures, f)
	r.broken(f)
}

// broken notes that something failed: from here on the round only withdraws.
func (r *round) broken(err error) {
	r.errs = append(r.errs, err)
	r.withdraw, r.failed = true, true
}

func (r *round) finish() (child.Result, error) {
	r.res.Inventory = inventoryOf(r.keep)
	return r.res, errors.Join(r.errs...)
}

// find adds to the inventory what the owner has and no status names: the
// operator may have died, or the API server been away, between the write of a
// child and that of the status, or the status may be too large to be stored.
func (r *round) find() {
	for _, row := range child.EmittedBy(r.owner.Kind) {
		objects, err := r.Marked(row.GVK.Kind, r.owner)
		if err != nil {
			r.broken(err)
			continue
		}
		for _, o := range objects {
			if !r.owner.Owns(o) {
				continue
			}
			e := v1alpha1.InventoryEntry{Group: row.GVK.Group, Kind: row.GVK.Kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID()}
			r.keep[entryKey(e)] = e
			if p, ok := o.(*networkingv1.NetworkPolicy); ok {
				r.seen[entryKey(e)] = p
			}
		}
	}
	r.recorded = inventoryOf(r.keep)
}

// ensureAll writes the desired objects, stage by stage. While a stage is not
// complete the later ones are only tightened: a suspension must not wait for a
// Service that the API server refuses.
func (r *round) ensureAll(ctx context.Context) {
	for i, p := range r.planned {
		if i > 0 && p.stage != r.planned[i-1].stage && !r.res.Complete() {
			r.withdraw = true
		}
		entry, err := r.ensure(ctx, p)
		if entry == nil && p.stage == child.StageNamespace {
			r.homeless = true
		}
		if err != nil {
			o := p.object
			r.fail("apply", kindOf(o), o.GetNamespace(), o.GetName(), err)
			continue
		}
		if entry != nil {
			r.keep[entryKey(*entry)] = *entry
		}
	}
}

// mayCreate reports whether an object may be made in this round: guards always,
// but in a namespace that is not the owner's.
func (r *round) mayCreate(p planned) bool {
	if !r.withdraw || p.stage == child.StageGuard && !r.homeless {
		return true
	}
	r.res.Withheld = append(r.res.Withheld, key(p.object))
	return false
}

func (r *round) unknownKind(e v1alpha1.InventoryEntry, err error) {
	r.fail("remove", e.Kind, e.Namespace, e.Name, fmt.Errorf("the inventory names it, and this version of the operator does not know it; remove it by hand or go back to the version that made it: %w", err))
}
