// Package apply is the only one that writes children: it creates, repairs and
// prunes the objects of one owner, restrictive ones first, and never touches
// what it can't prove to be the owner's.
package apply

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/read"
)

// Applier writes children.
type Applier struct {
	// Client reads from the cache and writes to the API server. Its reads must
	// see its own writes, else a child would be created twice.
	Client client.Client
	// Live reads from the API server itself. It is used only where the cache
	// can't tell: a name that is taken by an object outside the cache.
	Live client.Reader
	// Counts has what the caches hold by its owner.
	Counts read.Tally
	// Echoes takes what rounds wrote; nil for nobody who wants to know.
	Echoes *Echoes
	// Wanted remembers what owners should have; nil for not.
	Wanted *Wanted
}

type withdrawKey struct{}

// WithdrawOnly returns a context in which rounds close, remove and tighten, and
// make nothing new that opens or runs: for when something that must precede
// what is made, such as the owner's finalizer, is not there. It is in the
// context so that no kind can forget it.
func WithdrawOnly(ctx context.Context) context.Context {
	return context.WithValue(ctx, withdrawKey{}, true)
}

func withdrawOnly(ctx context.Context) bool {
	only, _ := ctx.Value(withdrawKey{}).(bool)
	return only
}

// Apply makes the desired objects of an owner exist exactly as given and
// removes what it has beyond them, whether an inventory names it or not. A
// stage begins only when the one before it is complete; after a failure the
// rest of the round makes nothing new, and removes only what lets something
// pass, run or act.
func (a *Applier) Apply(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, objects []object.Object) (child.Result, error) {
	r := a.begin(ctx, owner, inventory, objects)
	r.compareWanted()
	r.find()
	r.closeOpenings(ctx)
	r.ensureAll(ctx)
	r.prune(ctx)
	return r.finish()
}

// Ensure is Apply without removing anything.
func (a *Applier) Ensure(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, objects []object.Object) (child.Result, error) {
	r := a.begin(ctx, owner, inventory, objects)
	r.ensureAll(ctx)
	return r.finish()
}

// Teardown removes an owner's objects in the safe order while the owner itself
// is being deleted: openings, workloads, and nothing that holds them.
func (a *Applier) Teardown(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, guards []object.Object) ([]v1alpha1.InventoryEntry, error) {
	r := a.begin(ctx, owner, inventory, guards)
	r.find()
	r.closeOpenings(ctx)
	r.prune(ctx)
	res, err := r.finish()
	return res.Inventory, err
}

// Close removes what an owner has that opens something, but for what is wanted, and
// nothing else: for when what the owner should have is not known, and what it may
// not have is.
func (a *Applier) Close(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, wanted []object.Object) (child.Result, error) {
	return a.Withdraw(ctx, owner, inventory, nil, wanted)
}

// Withdraw is Close of what has one of some names; nil for all.
func (a *Applier) Withdraw(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, about []string, wanted []object.Object) (child.Result, error) {
	r := a.begin(ctx, owner, inventory, wanted)
	r.closes, r.about = true, about
	r.find()
	r.closeOpenings(ctx)
	return r.finish()
}

func conflictOf(o object.Object) child.Conflict {
	return child.Conflict{Kind: kindOf(o), Namespace: o.GetNamespace(), Name: o.GetName()}
}

func kindOf(o object.Object) string { return o.GetObjectKind().GroupVersionKind().Kind }

func key(o object.Object) string {
	gvk := o.GetObjectKind().GroupVersionKind()
	return strings.Join([]string{gvk.Kind, o.GetNamespace(), o.GetName()}, "/")
}

func entryKey(e v1alpha1.InventoryEntry) string {
	return strings.Join([]string{e.Kind, e.Namespace, e.Name}, "/")
}

func entryOf(want, live object.Object) *v1alpha1.InventoryEntry {
	gvk := want.GetObjectKind().GroupVersionKind()
	return &v1alpha1.InventoryEntry{Group: gvk.Group, Kind: gvk.Kind, Namespace: want.GetNamespace(), Name: want.GetName(), UID: live.GetUID()}
}

func inInventory(inventory []v1alpha1.InventoryEntry, want, live object.Object) bool {
	e := entryOf(want, live)
	return slices.Contains(inventory, *e)
}

func keepOf(inventory []v1alpha1.InventoryEntry) map[string]v1alpha1.InventoryEntry {
	keep := make(map[string]v1alpha1.InventoryEntry, len(inventory))
	for _, e := range inventory {
		keep[entryKey(e)] = e
	}
	return keep
}

func keysOf(objects []object.Object) map[string]bool {
	out := map[string]bool{}
	for _, o := range objects {
		out[key(o)] = true
	}
	return out
}

func inventoryOf(keep map[string]v1alpha1.InventoryEntry) []v1alpha1.InventoryEntry {
	out := make([]v1alpha1.InventoryEntry, 0, len(keep))
	for _, e := range keep {
		out = append(out, e)
	}
	slices.SortFunc(out, func(x, y v1alpha1.InventoryEntry) int { return strings.Compare(entryKey(x), entryKey(y)) })
	return out
}

func uidPrecondition(o metav1.Object) client.Preconditions {
	uid := o.GetUID()
	return client.Preconditions{UID: &uid}
}
