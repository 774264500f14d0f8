package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// ensure makes one desired object exist. It returns the object's entry for the
// inventory, nil when it is not in place.
func (r *round) ensure(ctx context.Context, p planned) (*v1alpha1.InventoryEntry, error) {
	want := p.object
	live, err := empty(want)
	if err != nil {
		return nil, err
	}
	// It is the cache's own, which nothing here changes.
	err = r.Client.Get(ctx, client.ObjectKeyFromObject(want), live, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return r.create(ctx, p)
	}
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if !r.ours(want, live) {
		r.notOurs(want, live)
		return nil, nil
	}
	return r.repair(ctx, p, live)
}

// ours reports whether an object is the owner's: by its mark, or, when the mark
// was stripped, by its UID.
func (r *round) ours(want, live object.Object) bool {
	return r.owner.Owns(live) || inInventory(r.recorded, want, live)
}

// had reports whether the owner's status says that there was such an object.
func (r *round) had(want object.Object) bool {
	return slices.ContainsFunc(r.recorded, func(e v1alpha1.InventoryEntry) bool { return entryKey(e) == key(want) })
}

func (r *round) create(ctx context.Context, p planned) (*v1alpha1.InventoryEntry, error) {
	if !r.mayCreate(p) {
		return nil, nil
	}
	want := p.object
	created := want.DeepCopyObject().(object.Object)
	err := r.Client.Create(ctx, created, client.FieldOwner(names.FieldOwner))
	switch {
	case err == nil:
		deed := Created
		if r.had(want) {
			deed = Restored
		}
		r.wrote(ctx, p, created)
		r.did(ctx, deed, p.row.GVK, want)
		return entryOf(want, created), nil
	case !apierrors.IsAlreadyExists(err):
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			r.res.Terminating = append(r.res.Terminating, "Namespace "+want.GetNamespace())
			return nil, nil
		}
		return nil, fmt.Errorf("create: %w", err)
	}
	// The name is taken by an object outside our cache: a foreign one, or our
	// own whose label was stripped. The UID tells.
	live, err := empty(want)
	if err != nil {
		return nil, err
	}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(want), live); err != nil {
		return nil, fmt.Errorf("read the object that has the name: %w", err)
	}
	if !r.ours(want, live) {
		r.notOurs(want, live)
		return nil, nil
	}
	return r.repair(ctx, p, live)
}

// notOurs notes an object in the way: somebody else's, or one that goes anyway,
// because it is being deleted or was made for an earlier owner of the same name,
// whose children the garbage collector removes.
func (r *round) notOurs(want, live object.Object) {
	earlier, _ := names.MarkedOwner(live)
	predecessor := earlier.Kind == r.owner.Kind && earlier.Name == r.owner.Name && earlier.Collects(live)
	if predecessor || live.GetDeletionTimestamp() != nil {
		r.res.Terminating = append(r.res.Terminating, key(want))
		return
	}
	r.res.Conflicts = append(r.res.Conflicts, conflictOf(want))
}

func (r *round) repair(ctx context.Context, p planned, live object.Object) (*v1alpha1.InventoryEntry, error) {
	want := p.object
	if live.GetDeletionTimestamp() != nil {
		return r.replaceTerminating(ctx, p, live)
	}
	merged, equal, err := merge(p.row, want, live)
	if err != nil {
		return nil, err
	}
	if equal {
		return entryOf(want, live), nil
	}
	if r.withdraw && widens(live, want) {
		r.res.Withheld = append(r.res.Withheld, key(want))
		if merged, equal, err = merge(p.row, narrowed(live, want), live); err != nil || equal {
			return entryOf(want, live), err
		}
	}
	// A PUT with the resource version that we compared: it repairs everything
	// that somebody added (an SSA would leave a foreign container in place) and
	// fails instead of overwriting what we have not seen.
	err = r.Client.Update(ctx, merged, client.FieldOwner(names.FieldOwner))
	if err == nil {
		r.wrote(ctx, p, merged)
		r.changed(ctx, p, live, merged)
		return entryOf(want, merged), nil
	}
	if apierrors.IsInvalid(err) {
		return r.replace(ctx, p, live, err)
	}
	return nil, fmt.Errorf("update: %w", err)
}

// replace makes an object anew whose update the API server refuses as invalid,
// if and only if a field differs that nobody can change and the API server
// would take the new one. Anything else leaves what is there, and the reason.
func (r *round) replace(ctx context.Context, p planned, live object.Object, refused error) (*v1alpha1.InventoryEntry, error) {
	var fixed []string
	if p.row.Fixed != nil {
		fixed = p.row.Fixed(p.object, live)
	}
	if len(fixed) == 0 {
		return nil, fmt.Errorf("update: %w", refused)
	}
	if err := r.tryCreate(ctx, p.object); err != nil && !p.row.Revoke {
		return nil, fmt.Errorf("replace, because %s can't be changed: %w", strings.Join(fixed, ", "), err)
	}
	if err := client.IgnoreNotFound(r.delete(ctx, live)); err != nil {
		return nil, fmt.Errorf("replace: %w", err)
	}
	// Nobody else removed it: what is made later is no restoration.
	removed := func() {
		r.did(ctx, Removed, p.row.GVK, live)
		delete(r.keep, key(p.object))
	}
	if r.withdraw {
		removed()
		r.res.Withheld = append(r.res.Withheld, key(p.object))
		return nil, nil
	}
	created := p.object.DeepCopyObject().(object.Object)
	switch err := r.Client.Create(ctx, created, client.FieldOwner(names.FieldOwner)); {
	case err == nil:
		r.changed(ctx, p, live, created)
		return entryOf(p.object, created), nil
	case apierrors.IsAlreadyExists(err):
		removed()
		r.res.Terminating = append(r.res.Terminating, key(p.object))
		return nil, nil
	default:
		removed()
		return nil, fmt.Errorf("create: %w", err)
	}
}

// tryCreate asks the API server whether it would take an object, under a name
// that it makes up, since the object's own is taken. Nothing is stored.
func (r *round) tryCreate(ctx context.Context, want object.Object) error {
	o := want.DeepCopyObject().(object.Object)
	o.SetGenerateName(o.GetName() + "-")
	o.SetName("")
	return r.Client.Create(ctx, o, client.DryRunAll, client.FieldOwner(names.FieldOwner), client.DisableReadYourWritesConsistency)
}

// replaceTerminating makes a guard again that somebody deleted while its
// workload lives. Until here its finalizer kept it in force; the namespace's
// or the portal's other guard covers the moment between the two writes.
func (r *round) replaceTerminating(ctx context.Context, p planned, live object.Object) (*v1alpha1.InventoryEntry, error) {
	want := p.object
	if !slices.Equal(live.GetFinalizers(), []string{names.GuardFinalizer}) || p.stage != child.StageGuard {
		r.res.Terminating = append(r.res.Terminating, key(want))
		return nil, nil
	}
	if ns, err := r.namespaceTerminates(ctx, want.GetNamespace()); err != nil || ns {
		r.res.Terminating = append(r.res.Terminating, "Namespace "+want.GetNamespace())
		return nil, err
	}
	// A guard that goes because its owner went, which the cache has not seen yet,
	// was deleted by nobody and still holds pods.
	if lives, err := r.ownerLives(ctx, r.owner); err != nil || !lives {
		r.res.Terminating = append(r.res.Terminating, key(want))
		return nil, err
	}
	if err := r.ReleaseGuard(ctx, live); err != nil {
		return nil, err
	}
	return r.create(ctx, p)
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
	return live.UID == owner.UID && (live.DeletionTimestamp == nil || owner.Kind == child.Agency), nil
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
