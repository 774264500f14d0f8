package watches

import (
	"context"
	"reflect"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/govplatform/govplatform/internal/queue"
)

// Builder makes a controller as controller-runtime's does, but one that is told of an
// object once, however much it watches its kind for. There each Watches is told by itself,
// over two channels and with a context of its own; with a dozen of them for portals that
// was a third of the time between a start's full caches and its first round.
type Builder struct {
	b     *builder.Builder
	heard []*heard
}

// Controller begins a controller of a name, which looks at so many objects at once, with
// the queue that the manager has for it.
func Controller(mgr ctrl.Manager, name string, concurrency int) *Builder {
	return &Builder{b: ctrl.NewControllerManagedBy(mgr).Named(name).WithOptions(queue.Of(mgr).Options(name, concurrency))}
}

// For is the kind that the controller reconciles.
func (b *Builder) For(o client.Object, passing ...predicate.Predicate) *Builder {
	b.b.For(o, builder.WithPredicates(passing...))
	return b
}

// Watches has a handler told of the events of a kind that all of the predicates pass. The
// handlers of a kind are told one after the other, in this order: write first what closes,
// and last what looks at many objects.
func (b *Builder) Watches(o client.Object, h handler.EventHandler, passing ...predicate.Predicate) *Builder {
	return b.watches(o, false, h, passing)
}

// WatchesMetadata is Watches for kinds of which the caches hold the metadata alone.
func (b *Builder) WatchesMetadata(o client.Object, h handler.EventHandler, passing ...predicate.Predicate) *Builder {
	return b.watches(o, true, h, passing)
}

func (b *Builder) watches(o client.Object, metadata bool, h handler.EventHandler, passing []predicate.Predicate) *Builder {
	for _, k := range b.heard {
		if k.metadata == metadata && reflect.TypeOf(k.kind) == reflect.TypeOf(o) {
			k.ears = append(k.ears, ear{h, predicate.And(passing...)})
			return b
		}
	}
	b.heard = append(b.heard, &heard{kind: o, metadata: metadata, ears: []ear{{h, predicate.And(passing...)}}})
	return b
}

// WatchesRawSource adds a source that is no kind of the manager's cache.
func (b *Builder) WatchesRawSource(s source.Source) *Builder {
	b.b.WatchesRawSource(s)
	return b
}

// Complete adds the controller to the manager.
func (b *Builder) Complete(r reconcile.Reconciler) error {
	for _, k := range b.heard {
		if k.metadata {
			b.b.WatchesMetadata(k.kind, k)
		} else {
			b.b.Watches(k.kind, k)
		}
	}
	return b.b.Complete(r) //nolint:wrapcheck // it names the controller
}

// heard is all that hears of one kind.
type heard struct {
	kind     client.Object
	metadata bool
	ears     []ear
}

// ear is a handler, and what passes to it.
type ear struct {
	handler handler.EventHandler
	passes  predicate.Predicate
}

// tell has each handler told of an event that passes to it.
func (k *heard) tell(passes func(predicate.Predicate) bool, hears func(handler.EventHandler)) {
	for _, ear := range k.ears {
		if passes(ear.passes) {
			hears(ear.handler)
		}
	}
}

// Create implements handler.EventHandler.
func (k *heard) Create(ctx context.Context, e event.CreateEvent, q workQueue) {
	k.tell(func(p predicate.Predicate) bool { return p.Create(e) }, func(h handler.EventHandler) { h.Create(ctx, e, q) })
}

// Update implements handler.EventHandler.
func (k *heard) Update(ctx context.Context, e event.UpdateEvent, q workQueue) {
	k.tell(func(p predicate.Predicate) bool { return p.Update(e) }, func(h handler.EventHandler) { h.Update(ctx, e, q) })
}

// Delete implements handler.EventHandler.
func (k *heard) Delete(ctx context.Context, e event.DeleteEvent, q workQueue) {
	k.tell(func(p predicate.Predicate) bool { return p.Delete(e) }, func(h handler.EventHandler) { h.Delete(ctx, e, q) })
}

// Generic implements handler.EventHandler.
func (k *heard) Generic(ctx context.Context, e event.GenericEvent, q workQueue) {
	k.tell(func(p predicate.Predicate) bool { return p.Generic(e) }, func(h handler.EventHandler) { h.Generic(ctx, e, q) })
}
