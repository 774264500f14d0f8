package watches

import (
	"context"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// TestEachKindIsHeardOnce: all handlers of a kind are told by one, in their order, and
// each of the events that all of its predicates pass. What is cached as metadata is
// another kind.
// Fails with kinds that are not found again, with a handler told of every event, and with
// one predicate for all handlers.
func TestEachKindIsHeardOnce(t *testing.T) {
	var told []string
	tells := func(name string) handler.EventHandler {
		say := func(event string) { told = append(told, name+" "+event) }
		return handler.Funcs{
			CreateFunc: func(context.Context, event.CreateEvent, workqueue.TypedRateLimitingInterface[ctrl.Request]) {
				say("create")
			},
			UpdateFunc: func(context.Context, event.UpdateEvent, workqueue.TypedRateLimitingInterface[ctrl.Request]) {
				say("update")
			},
			DeleteFunc: func(context.Context, event.DeleteEvent, workqueue.TypedRateLimitingInterface[ctrl.Request]) {
				say("delete")
			},
			GenericFunc: func(context.Context, event.GenericEvent, workqueue.TypedRateLimitingInterface[ctrl.Request]) {
				say("generic")
			},
		}
	}
	named := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetName() == "a" })
	b := (&Builder{}).
		Watches(&appsv1.Deployment{}, tells("every")).
		Watches(&corev1.Pod{}, tells("pods")).
		Watches(&appsv1.Deployment{}, tells("deleted"), Deleted()).
		WatchesMetadata(&corev1.Pod{}, tells("metadata")).
		Watches(&appsv1.Deployment{}, tells("deleted a"), Deleted(), named)
	if len(b.heard) != 3 {
		t.Fatalf("%d kinds are heard, want 3", len(b.heard))
	}
	for _, c := range []struct {
		name string
		want []string
	}{
		{"a", []string{"every create", "every update", "every delete", "deleted delete", "deleted a delete", "every generic"}},
		{"b", []string{"every create", "every update", "every delete", "deleted delete", "every generic"}},
	} {
		told = nil
		o, h := &appsv1.Deployment{}, b.heard[0]
		o.Name = c.name
		h.Create(t.Context(), event.CreateEvent{Object: o}, nil)
		h.Update(t.Context(), event.UpdateEvent{ObjectOld: o, ObjectNew: o}, nil)
		h.Delete(t.Context(), event.DeleteEvent{Object: o}, nil)
		h.Generic(t.Context(), event.GenericEvent{Object: o}, nil)
		if !slices.Equal(told, c.want) {
			t.Errorf("%s: told %v, want %v", c.name, told, c.want)
		}
	}
}
