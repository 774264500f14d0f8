// Package watches holds the event handlers and predicates that several
// controllers share.
package watches

import (
	"context"
	"maps"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/names"
)

// MapFunc maps an object to the requests that it concerns.
type MapFunc func(context.Context, client.Object) []ctrl.Request

// Map enqueues what an object maps to, for the old and the new object of an
// update. What closes goes first, see Closes.
func Map(f MapFunc) handler.EventHandler { return mapping{f: f} }

// MapLow is Map at low priority, for fan-outs: one edited object must not wait
// behind them. Fan-outs that close go first all the same. What it maps to exists, so
// nothing is mapped at the beginning, when each is looked at by itself.
func MapLow(f MapFunc) handler.EventHandler { return mapping{f: f, priority: handler.LowPriority} }

// countDelay gathers a burst of events into one count.
const countDelay = time.Second

// MapLater is Map with a delay, so that a burst of events becomes one request:
// for what is counted, and opens or closes nothing.
func MapLater(f MapFunc) handler.EventHandler {
	return mapping{f: f, delay: countDelay, priority: handler.LowPriority}
}

// Self enqueues an object at the priority that its change deserves; with For
// alone, all changes are alike.
func Self() handler.EventHandler { return SelfBut(nil) }

// SelfBut is Self without the updates that the object's own rounds wrote. It stands for
// what For hears, which has no handler of its own. What closes is left to Self: asked for
// twice, it would take twice of the agency's share.
func SelfBut(own *apply.Echoes) handler.EventHandler {
	return mapping{own: own, f: func(_ context.Context, o client.Object) []ctrl.Request {
		return []ctrl.Request{{NamespacedName: client.ObjectKeyFromObject(o)}}
	}}
}

// Unheard passes nothing: what For would hear comes by SelfBut.
func Unheard() predicate.Predicate {
	return predicate.NewPredicateFuncs(func(client.Object) bool { return false })
}

// ByOwnerLabel enqueues the owner that an object's labels name. The labels of
// the old object count too, so a stripped label is an event. What the owner's own round
// wrote is none; nil where every event counts.
func ByOwnerLabel(kind string, own *apply.Echoes) handler.EventHandler {
	return mapping{children: true, own: own, f: func(_ context.Context, o client.Object) []ctrl.Request {
		l := o.GetLabels()
		if l[names.LabelOwnerKind] != kind || l[names.LabelOwnerName] == "" {
			return nil
		}
		key := client.ObjectKey{Namespace: l[names.LabelOwnerNamespace], Name: l[names.LabelOwnerName]}
		return []ctrl.Request{{NamespacedName: key}}
	}}
}

// SpecChanged passes what can change a decision about others: the spec, the
// deletion, and another object of the same name. Labels and annotations of the
// platform's objects decide nothing, and the caches hold them only in part; status
// writes are mostly our own. Neither passes.
func SpecChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			!e.ObjectOld.GetDeletionTimestamp().Equal(e.ObjectNew.GetDeletionTimestamp()) ||
			e.ObjectOld.GetUID() != e.ObjectNew.GetUID()
	}}
}

// Closing passes changes that close, and nothing else.
func Closing() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return !e.IsInInitialList && Closes(nil, e.Object) },
		UpdateFunc:  func(e event.UpdateEvent) bool { return Closes(e.ObjectOld, e.ObjectNew) },
		DeleteFunc:  func(e event.DeleteEvent) bool { return Closes(e.Object, nil) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// NotStatus drops updates of objects without a generation that changed neither
// metadata that we own nor anything but what counters show. It compares what
// the API server leaves alone when it writes status.
func NotStatus() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return specOf(e.ObjectOld, e.ObjectNew) || metaChanged(e.ObjectOld, e.ObjectNew)
	}}
}

// ReportChanged passes what an autoscaler or a disruption budget says about
// itself: the status and reason of its conditions. Counts do not pass.
func ReportChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return !maps.Equal(reports(e.ObjectOld), reports(e.ObjectNew)) },
	}
}

func reports(o client.Object) map[string]string {
	out := map[string]string{}
	switch o := o.(type) {
	case *autoscalingv2.HorizontalPodAutoscaler:
		for _, c := range o.Status.Conditions {
			// Whether it is at one of its bounds is no failure.
			if c.Type != autoscalingv2.ScalingLimited && c.Status != corev1.ConditionTrue {
				out[string(c.Type)] = c.Reason
			}
		}
	case *policyv1.PodDisruptionBudget:
		for _, c := range o.Status.Conditions {
			// Whether a pod may go just now changes with every pod.
			if c.Reason == policyv1.SyncFailedReason {
				out[c.Type] = c.Reason
			}
		}
	}
	return out
}

// Changed passes updates after which a property of the object is another one.
func Changed[T client.Object, V comparable](property func(T) V) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(T)
		after, ok2 := e.ObjectNew.(T)
		return !ok1 || !ok2 || property(before) != property(after)
	}}
}

// CreatedOrDeleted passes creations, deletions and the start of a deletion.
func CreatedOrDeleted() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return !e.ObjectOld.GetDeletionTimestamp().Equal(e.ObjectNew.GetDeletionTimestamp())
	}}
}

// Deleted passes deletions only.
func Deleted() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

func metaChanged(before, after client.Object) bool {
	return !maps.Equal(before.GetLabels(), after.GetLabels()) ||
		!maps.Equal(before.GetAnnotations(), after.GetAnnotations()) ||
		!slices.Equal(before.GetFinalizers(), after.GetFinalizers()) ||
		len(before.GetOwnerReferences()) != len(after.GetOwnerReferences()) ||
		!before.GetDeletionTimestamp().Equal(after.GetDeletionTimestamp())
}
