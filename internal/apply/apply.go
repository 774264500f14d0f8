// Package apply is the only one that writes children: it creates, repairs and
// prunes the objects of one owner, restrictive ones first, and never touches
// what it can't prove to be the owner's.
package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
)

// Applier writes children.
type Applier struct {
	// Client reads from the cache and writes to the API server. Its reads must
	// see its own writes, else a child would be created twice.
	Client client.Client
	// Live reads from the API server itself. It is used only where the cache
	// can't tell: a name that is taken by an object outside the cache.
	Live client.Reader
}

// Conflict is an object with a name that we need and that is not ours.
type Conflict struct {
	Kind, Namespace, Name string
}

// String names the object.
func (c Conflict) String() string {
	if c.Namespace == "" {
		return c.Kind + " " + c.Name
	}
	return c.Kind + " " + c.Namespace + "/" + c.Name
}

// Result is what one round of Apply did and found.
type Result struct {
	// Inventory to keep in the owner's status: what is there, and what could not
	// be removed yet.
	Inventory []v1alpha1.InventoryEntry
	// Conflicts are the foreign objects in the way, sorted.
	Conflicts []Conflict
	// Changed are the kinds that were written.
	Changed []string
	// Terminating are objects that go away before they can be made again.
	Terminating []string
}

// Complete tells whether everything desired is in place.
func (r Result) Complete() bool { return len(r.Conflicts) == 0 && len(r.Terminating) == 0 }

// How often a name that is taken is looked at again. Foreign objects are outside
// the cache, so their going is no event; what goes by itself goes soon.
const (
	conflictRetry    = 15 * time.Second
	terminatingRetry = time.Second
)

// RetryAfter returns when to look again, 0 for not before an event.
func (r Result) RetryAfter() time.Duration {
	switch {
	case len(r.Terminating) > 0:
		return terminatingRetry
	case len(r.Conflicts) > 0:
		return conflictRetry
	default:
		return 0
	}
}

// Message names the conflicts and the remedy, empty without conflicts.
func (r Result) Message() string {
	if len(r.Conflicts) == 0 {
		return ""
	}
	parts := make([]string, len(r.Conflicts))
	for i, c := range r.Conflicts {
		parts[i] = c.String()
	}
	if len(parts) == 1 {
		return parts[0] + " exists and was not created for this object; it is left alone. Remove or rename it."
	}
	return strings.Join(parts, ", ") + " exist and were not created for this object; they are left alone. Remove or rename them."
}

// stage orders writes: what restricts comes before what runs.
func stage(o desired.Object) int {
	switch o.GetObjectKind().GroupVersionKind().Kind {
	case "Namespace":
		return 0
	case "NetworkPolicy", "ResourceQuota", "LimitRange", "ValidatingAdmissionPolicy":
		if opens(o) {
			// Openings come after the guards, and before the workload that needs
			// names to start.
			return 2
		}
		return 1
	case "Deployment", "HorizontalPodAutoscaler":
		return 4
	default:
		return 3
	}
}

// opens tells a policy that lets traffic pass from one that only denies.
func opens(o desired.Object) bool {
	p, ok := o.(*networkingv1.NetworkPolicy)
	return ok && desired.Opens(p)
}

// Apply makes the desired objects of an owner exist exactly as given and
// removes what the inventory has beyond them. A stage begins only when the one
// before it is complete; nothing is pruned after a failure.
func (a *Applier) Apply(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, objects []desired.Object) (Result, error) {
	inventory, err := a.unrecorded(ctx, owner, inventory)
	if err != nil {
		return Result{Inventory: inventory}, err
	}
	keep := keepOf(inventory)
	if err := a.closeFirst(ctx, owner, keep, objects); err != nil {
		return Result{Inventory: inventoryOf(keep)}, err
	}
	res, err := a.Ensure(ctx, owner, inventoryOf(keep), objects)
	if err != nil || !res.Complete() {
		return res, err
	}
	keep = keepOf(res.Inventory)
	err = a.prune(ctx, owner, keep, objects)
	res.Inventory = inventoryOf(keep)
	return res, err
}

// Ensure is Apply without removing anything.
func (a *Applier) Ensure(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, objects []desired.Object) (res Result, err error) {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(x, y desired.Object) int {
		return cmp.Or(stage(x)-stage(y), strings.Compare(key(x), key(y)))
	})
	keep := keepOf(inventory)
	defer func() { res.Inventory = inventoryOf(keep) }()
	for i, o := range sorted {
		if i > 0 && stage(o) != stage(sorted[i-1]) && !res.Complete() {
			return res, nil
		}
		entry, err := a.ensure(ctx, owner, inventory, o, &res)
		if err != nil {
			return res, fmt.Errorf("apply %s: %w", key(o), err)
		}
		if entry != nil {
			keep[entryKey(*entry)] = *entry
		}
	}
	return res, nil
}

func keepOf(inventory []v1alpha1.InventoryEntry) map[string]v1alpha1.InventoryEntry {
	keep := make(map[string]v1alpha1.InventoryEntry, len(inventory))
	for _, e := range inventory {
		keep[entryKey(e)] = e
	}
	return keep
}

// closeFirst removes openings that are no longer desired before anything else
// happens, so that no revision is looser than both the old and the new state.
func (a *Applier) closeFirst(ctx context.Context, owner names.Owner, keep map[string]v1alpha1.InventoryEntry, objects []desired.Object) error {
	wanted := keysOf(objects)
	for _, e := range inventoryOf(keep) {
		if e.Kind != "NetworkPolicy" || wanted[entryKey(e)] {
			continue
		}
		var p networkingv1.NetworkPolicy
		err := a.Client.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.Name}, &p)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read NetworkPolicy %s: %w", e.Name, err)
		}
		if err != nil || !opens(&p) {
			continue
		}
		if err := a.remove(ctx, owner, e, keep); err != nil {
			return err
		}
	}
	return nil
}

func (a *Applier) ensure(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, want desired.Object, res *Result) (*v1alpha1.InventoryEntry, error) {
	live, err := newLike(want)
	if err != nil {
		return nil, err
	}
	err = a.Client.Get(ctx, client.ObjectKeyFromObject(want), live)
	if apierrors.IsNotFound(err) {
		return a.create(ctx, owner, inventory, want, res)
	}
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if !owner.Owns(live) && !inInventory(inventory, want, live) {
		notOurs(owner, want, live, res)
		return nil, nil
	}
	return a.repair(ctx, owner, inventory, want, live, res)
}

func (a *Applier) create(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, want desired.Object, res *Result) (*v1alpha1.InventoryEntry, error) {
	created := want.DeepCopyObject().(desired.Object)
	err := a.Client.Create(ctx, created, client.FieldOwner(names.FieldOwner))
	switch {
	case err == nil:
		res.Changed = append(res.Changed, kindOf(want))
		return entryOf(want, created), nil
	case !apierrors.IsAlreadyExists(err):
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			res.Terminating = append(res.Terminating, "Namespace "+want.GetNamespace())
			return nil, nil
		}
		return nil, fmt.Errorf("create: %w", err)
	}
	// The name is taken by an object outside our cache: a foreign one, or our
	// own whose label was stripped. The UID tells.
	live, err := newLike(want)
	if err != nil {
		return nil, err
	}
	if err := a.Live.Get(ctx, client.ObjectKeyFromObject(want), live); err != nil {
		return nil, fmt.Errorf("read the object that has the name: %w", err)
	}
	if !owner.Owns(live) && !inInventory(inventory, want, live) {
		notOurs(owner, want, live, res)
		return nil, nil
	}
	return a.repair(ctx, owner, inventory, want, live, res)
}

// notOurs notes an object in the way: somebody else's, or one that goes anyway,
// because it is being deleted or was made for an earlier owner of the same name,
// whose children the garbage collector removes.
func notOurs(owner names.Owner, want, live desired.Object, res *Result) {
	l := live.GetLabels()
	predecessor := l[names.LabelOwnerKind] == owner.Kind && l[names.LabelOwnerName] == owner.Name && len(live.GetOwnerReferences()) > 0
	if predecessor || live.GetDeletionTimestamp() != nil {
		res.Terminating = append(res.Terminating, key(want))
		return
	}
	res.Conflicts = append(res.Conflicts, conflictOf(want))
}

func (a *Applier) repair(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, want, live desired.Object, res *Result) (*v1alpha1.InventoryEntry, error) {
	if live.GetDeletionTimestamp() != nil {
		return a.replaceTerminating(ctx, owner, inventory, want, live, res)
	}
	merged, equal, err := merge(want, live)
	if err != nil {
		return nil, err
	}
	if equal {
		return entryOf(want, live), nil
	}
	// A PUT with the resource version that we compared: it repairs everything
	// that somebody added (an SSA would leave a foreign container in place) and
	// fails instead of overwriting what we have not seen.
	if err := a.Client.Update(ctx, merged, client.FieldOwner(names.FieldOwner)); err != nil {
		if apierrors.IsInvalid(err) && immutable(want) {
			return nil, a.recreate(ctx, want, live, res)
		}
		return nil, fmt.Errorf("update: %w", err)
	}
	res.Changed = append(res.Changed, kindOf(want))
	return entryOf(want, merged), nil
}

// immutable kinds have fields that can't be changed back; they are replaced.
func immutable(o desired.Object) bool {
	k := kindOf(o)
	return k == "RoleBinding" || k == "Deployment"
}

func (a *Applier) recreate(ctx context.Context, want, live desired.Object, res *Result) error {
	if err := a.delete(ctx, live); err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	res.Terminating = append(res.Terminating, key(want))
	return nil
}

// replaceTerminating makes a guard again that somebody deleted while its
// workload lives. Until here its finalizer kept it in force; the namespace's
// or the portal's other guard covers the moment between the two writes.
func (a *Applier) replaceTerminating(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry, want, live desired.Object, res *Result) (*v1alpha1.InventoryEntry, error) {
	if !slices.Equal(live.GetFinalizers(), []string{names.GuardFinalizer}) {
		res.Terminating = append(res.Terminating, key(want))
		return nil, nil
	}
	if ns, err := a.namespaceTerminates(ctx, want.GetNamespace()); err != nil || ns {
		res.Terminating = append(res.Terminating, "Namespace "+want.GetNamespace())
		return nil, err
	}
	// A guard that goes because its owner went, which the cache has not seen yet,
	// was deleted by nobody and still holds pods.
	if lives, err := a.ownerLives(ctx, owner); err != nil || !lives {
		res.Terminating = append(res.Terminating, key(want))
		return nil, err
	}
	if err := a.ReleaseGuard(ctx, live); err != nil {
		return nil, err
	}
	return a.create(ctx, owner, inventory, want, res)
}

// ownerLives asks the API server itself whether the owner exists and its guards
// are to stay. Those of an agency do while it goes, until its portals are gone.
func (a *Applier) ownerLives(ctx context.Context, owner names.Owner) (bool, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(owner.Kind))
	if err := a.Live.Get(ctx, client.ObjectKey{Namespace: owner.Namespace, Name: owner.Name}, live); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("read the owner: %w", err)
	}
	return live.UID == owner.UID && (live.DeletionTimestamp == nil || owner.Kind == "Agency"), nil
}

func (a *Applier) namespaceTerminates(ctx context.Context, name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	var ns corev1.Namespace
	// Live: with a stale cache, the end of a namespace looks like tampering.
	if err := a.Live.Get(ctx, client.ObjectKey{Name: name}, &ns); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	return ns.DeletionTimestamp != nil, nil
}

// ReleaseGuard takes our finalizer off a guard that is being deleted.
func (a *Applier) ReleaseGuard(ctx context.Context, guard client.Object) error {
	next := guard.DeepCopyObject().(client.Object)
	if !controllerutil.RemoveFinalizer(next, names.GuardFinalizer) {
		return nil
	}
	if err := a.Client.Update(ctx, next, client.FieldOwner(names.FieldOwner)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("release %s: %w", guard.GetName(), err)
	}
	return nil
}

func newLike(o desired.Object) (desired.Object, error) {
	fresh, ok := o.DeepCopyObject().(desired.Object)
	if !ok {
		return nil, fmt.Errorf("%T is no object of the API", o)
	}
	return empty(fresh)
}

func conflictOf(o desired.Object) Conflict {
	return Conflict{Kind: kindOf(o), Namespace: o.GetNamespace(), Name: o.GetName()}
}

func kindOf(o desired.Object) string { return o.GetObjectKind().GroupVersionKind().Kind }

func key(o desired.Object) string {
	gvk := o.GetObjectKind().GroupVersionKind()
	return strings.Join([]string{gvk.Kind, o.GetNamespace(), o.GetName()}, "/")
}

func entryKey(e v1alpha1.InventoryEntry) string {
	return strings.Join([]string{e.Kind, e.Namespace, e.Name}, "/")
}

func entryOf(want, live desired.Object) *v1alpha1.InventoryEntry {
	gvk := want.GetObjectKind().GroupVersionKind()
	return &v1alpha1.InventoryEntry{Group: gvk.Group, Kind: gvk.Kind, Namespace: want.GetNamespace(), Name: want.GetName(), UID: live.GetUID()}
}

func inInventory(inventory []v1alpha1.InventoryEntry, want, live desired.Object) bool {
	e := entryOf(want, live)
	return slices.Contains(inventory, *e)
}

func keysOf(objects []desired.Object) map[string]bool {
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

// gvkOf returns the kind of an inventory entry at the version that we write.
func gvkOf(c client.Client, e v1alpha1.InventoryEntry) (schema.GroupVersionKind, error) {
	mapping, err := c.RESTMapper().RESTMapping(schema.GroupKind{Group: e.Group, Kind: e.Kind})
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("resolve %s: %w", e.Kind, err)
	}
	return mapping.GroupVersionKind, nil
}

func uidPrecondition(o metav1.Object) client.Preconditions {
	uid := o.GetUID()
	return client.Preconditions{UID: &uid}
}
