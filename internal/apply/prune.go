package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/object"
)

// stale is what the owner has and should not have, in the order of removal. An
// entry of a kind that the table does not have is kept and reported.
func (r *round) stale() []staleEntry {
	var out []staleEntry
	for _, e := range inventoryOf(r.keep) {
		if r.wanted[entryKey(e)] {
			continue
		}
		row, err := child.Of(schema.GroupKind{Group: e.Group, Kind: e.Kind})
		if err != nil {
			r.unknownKind(e, err)
			continue
		}
		out = append(out, staleEntry{e, row})
	}
	slices.SortStableFunc(out, func(x, y staleEntry) int { return cmp.Compare(x.row.Removal, y.row.Removal) })
	return out
}

type staleEntry struct {
	v1alpha1.InventoryEntry
	row child.Row
}

// closeOpenings removes openings that are no longer desired before anything
// else happens, so that no revision is looser than both the old and the new
// state. All of them go at once: each request waits its turn at a loaded API
// server.
func (r *round) closeOpenings(ctx context.Context) {
	var due []v1alpha1.InventoryEntry
	for _, e := range inventoryOf(r.keep) {
		if e.Kind != "NetworkPolicy" || r.wanted[entryKey(e)] && !r.closes || r.about != nil && !slices.Contains(r.about, e.Name) {
			continue
		}
		due = append(due, e)
	}
	outcomes := make([]removal, len(due))
	var all sync.WaitGroup
	for i, e := range due {
		all.Go(func() {
			// A panic here would end the operator, and not the round alone.
			defer func() {
				if p := recover(); p != nil {
					outcomes[i] = removal{doing: "close", err: fmt.Errorf("panic: %v", p)}
				}
			}()
			outcomes[i] = r.closeOpening(ctx, e)
		})
	}
	all.Wait()
	for i, e := range due {
		r.note(ctx, e, outcomes[i])
	}
}

// closeOpening removes one opening. What the cache shows is removed as it is
// there and in no other version; where that is not the present one, or the cache
// has none, the API server itself is asked: the cache may be late, and closing
// does not wait for it.
func (r *round) closeOpening(ctx context.Context, e v1alpha1.InventoryEntry) removal {
	if p := r.seen[entryKey(e)]; p != nil && p.DeletionTimestamp == nil && len(p.Finalizers) == 0 {
		if !child.Opens(p) || !r.beyond(p) {
			// A late cache may not show that somebody opened it.
			return r.closeLive(ctx, e)
		}
		version := p.ResourceVersion
		precondition := uidPrecondition(p)
		precondition.ResourceVersion = &version
		switch err := r.deleteIf(ctx, p, precondition); {
		case err == nil:
			return removal{deleted: true, gone: true}
		case apierrors.IsNotFound(err):
			return removal{gone: true}
		}
	}
	return r.closeLive(ctx, e)
}

// closeLive is closeOpening by what the API server has.
func (r *round) closeLive(ctx context.Context, e v1alpha1.InventoryEntry) removal {
	var p networkingv1.NetworkPolicy
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.Name}, &p)
	switch {
	case apierrors.IsNotFound(err):
		return removal{gone: true}
	case err != nil:
		return removal{doing: "read before removal", err: err}
	case child.Opens(&p) && r.beyond(&p):
		return r.removeLive(ctx, e, &p)
	default:
		return removal{}
	}
}

// removal is what came of removing one object.
type removal struct {
	// deleted is set when this round asked for it to go.
	deleted bool
	// gone is set when the inventory need not name it any more.
	gone bool
	// doing is what failed, by err.
	doing string
	err   error
}

// note takes what came of a removal into the round.
func (r *round) note(ctx context.Context, e v1alpha1.InventoryEntry, what removal) {
	if what.deleted {
		row, _ := child.Of(schema.GroupKind{Group: e.Group, Kind: e.Kind})
		r.did(ctx, Removed, row.GVK, &metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name})
	}
	if what.gone {
		delete(r.keep, entryKey(e))
	}
	if what.err != nil {
		r.fail(what.doing, e.Kind, e.Namespace, e.Name, what.err)
	}
}

// beyond reports whether a policy opens what no desired one of its name does: of other
// pods, or to or from other peers.
func (r *round) beyond(live *networkingv1.NetworkPolicy) bool {
	i := slices.IndexFunc(r.planned, func(p planned) bool { return key(p.object) == "NetworkPolicy/"+live.Namespace+"/"+live.Name })
	if i < 0 {
		return true
	}
	want, ok := r.planned[i].object.(*networkingv1.NetworkPolicy)
	return !ok || opensMore(live, want)
}

// opensMore reports whether one policy opens what another does not: other pods, or to
// or from other peers.
func opensMore(p, than *networkingv1.NetworkPolicy) bool {
	return child.Opens(p) && (!equality.Semantic.DeepEqual(p.Spec.PodSelector, than.Spec.PodSelector) || !within(peersOf(p), peersOf(than)))
}

// widens reports whether a network policy would open more than it does.
func widens(live, want object.Object) bool {
	l, ok1 := live.(*networkingv1.NetworkPolicy)
	w, ok2 := want.(*networkingv1.NetworkPolicy)
	return ok1 && ok2 && opensMore(w, l)
}

// narrowed is a policy as it should be, but for what it does not open yet.
func narrowed(live, want object.Object) object.Object {
	l, ok1 := live.(*networkingv1.NetworkPolicy)
	w, ok2 := want.DeepCopyObject().(*networkingv1.NetworkPolicy)
	if !ok1 || !ok2 {
		return want
	}
	var open [2][]networkingv1.NetworkPolicyPeer
	if equality.Semantic.DeepEqual(l.Spec.PodSelector, w.Spec.PodSelector) {
		open = peersOf(l)
	}
	// A rule that has no peers left goes: without any it would be for all of them.
	closes := func(i int, peers *[]networkingv1.NetworkPolicyPeer) bool {
		if len(*peers) == 0 {
			return !has(open[i], networkingv1.NetworkPolicyPeer{})
		}
		*peers = slices.DeleteFunc(*peers, func(p networkingv1.NetworkPolicyPeer) bool { return !has(open[i], p) })
		return len(*peers) == 0
	}
	ingress, egress := w.Spec.Ingress, w.Spec.Egress
	w.Spec.Ingress, w.Spec.Egress = nil, nil
	for _, rule := range ingress {
		if !closes(0, &rule.From) {
			w.Spec.Ingress = append(w.Spec.Ingress, rule)
		}
	}
	for _, rule := range egress {
		if !closes(1, &rule.To) {
			w.Spec.Egress = append(w.Spec.Egress, rule)
		}
	}
	return w
}

// peersOf are the peers of a policy's rules, by direction. A rule without peers is
// for all of them.
func peersOf(p *networkingv1.NetworkPolicy) (out [2][]networkingv1.NetworkPolicyPeer) {
	add := func(i int, peers []networkingv1.NetworkPolicyPeer) {
		if len(peers) == 0 {
			peers = []networkingv1.NetworkPolicyPeer{{}}
		}
		out[i] = append(out[i], peers...)
	}
	for _, rule := range p.Spec.Ingress {
		add(0, rule.From)
	}
	for _, rule := range p.Spec.Egress {
		add(1, rule.To)
	}
	return out
}

func within(some, all [2][]networkingv1.NetworkPolicyPeer) bool {
	for i := range some {
		for _, peer := range some[i] {
			if !has(all[i], peer) {
				return false
			}
		}
	}
	return true
}

func has(peers []networkingv1.NetworkPolicyPeer, peer networkingv1.NetworkPolicyPeer) bool {
	return slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool { return equality.Semantic.DeepEqual(p, peer) })
}

// prune removes what is no longer desired. After a failure, or while something
// is in the way, only what lets something run or somebody act goes: what holds
// the rest may be needed.
func (r *round) prune(ctx context.Context) {
	for _, e := range r.stale() {
		if (r.failed || len(r.res.Conflicts)+len(r.res.Terminating) > 0) && !e.row.Grants {
			continue
		}
		r.remove(ctx, e)
	}
}

// remove deletes one object of the inventory after rechecking on the API server
// that it still is the owner's. It leaves the inventory when it is gone or is
// somebody else's by now.
func (r *round) remove(ctx context.Context, e staleEntry) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(e.row.GVK)
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.Name}, live)
	switch {
	case apierrors.IsNotFound(err):
		r.note(ctx, e.InventoryEntry, removal{gone: true})
	case err != nil:
		r.note(ctx, e.InventoryEntry, removal{doing: "read before removal", err: err})
	default:
		r.note(ctx, e.InventoryEntry, r.removeLive(ctx, e.InventoryEntry, live))
	}
}

// removeLive removes an object as the API server has it, if it still is the
// owner's, and changes nothing of the round.
func (r *round) removeLive(ctx context.Context, e v1alpha1.InventoryEntry, live client.Object) removal {
	if live.GetUID() != e.UID || !r.owner.Owns(live) {
		return removal{gone: true}
	}
	due := live.GetDeletionTimestamp() == nil
	if due {
		err := r.delete(ctx, live)
		if apierrors.IsNotFound(err) {
			return removal{gone: true}
		}
		if err != nil {
			return removal{doing: "remove", err: err}
		}
	}
	return removal{deleted: due, gone: len(live.GetFinalizers()) == 0}
}

// delete removes exactly the object that was looked at. It bypasses the
// read-your-writes bookkeeping of metadata objects, which would need a second
// cache of the same kind. What is gone already is not found.
func (a *Applier) delete(ctx context.Context, o client.Object) error {
	return a.deleteIf(ctx, o, uidPrecondition(o))
}

func (a *Applier) deleteIf(ctx context.Context, o client.Object, p client.Preconditions) error {
	return a.Client.Delete(ctx, o, p, client.PropagationPolicy(metav1.DeletePropagationBackground), client.DisableReadYourWritesConsistency) //nolint:wrapcheck // wrapped by the caller
}
