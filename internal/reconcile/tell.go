package reconcile

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/metrics"
)

// TellChanges says in the log, and on the object, what a round did to its children;
// nothing when it did nothing.
func (l Loop[T]) TellChanges(ctx context.Context, obj client.Object, changes []apply.Change) {
	if len(changes) == 0 {
		return
	}
	fields := []any{}
	for _, did := range []apply.Deed{apply.Created, apply.Restored, apply.Changed, apply.Removed} {
		if of := children(changes, did); len(of) > 0 {
			fields = append(fields, strings.ToLower(string(did)), of)
		}
	}
	log.FromContext(ctx).Info("Wrote children", fields...)
	kind := l.kind()
	for _, c := range changes {
		metrics.ChildWritten(kind, c.GVK.Kind, strings.ToLower(string(c.Did)))
	}
	if l.Events == nil || obj == nil {
		return
	}
	edited := true
	if o, ok := obj.(Object); ok {
		edited = o.GetStatusBase().ObservedGeneration != o.GetGeneration()
	}
	for _, e := range changeEvents(kind, obj.GetNamespace(), changes, edited) {
		l.Events.Record(obj, e)
	}
}

func (l Loop[T]) kind() string { return reflect.TypeOf(l.New()).Elem().Name() }

// Warn says of an object what somebody should look at.
func (l Loop[T]) Warn(obj client.Object, reason, note string) {
	if l.Events != nil {
		l.Events.Record(obj, events.Event{Warning: true, Reason: reason, Action: "Observe", Note: note})
	}
}

func children(changes []apply.Change, did apply.Deed) []string {
	var out []string
	for _, c := range changes {
		if c.Did == did {
			out = append(out, c.String())
		}
	}
	return out
}

// changeEvents are one event for all that was created and one for all that was
// removed, and one for each child that was there and not as it should be: who had
// changed it is found out when the event is written. Who writes in the namespaces of
// others is not told to the owner's.
//
// What nobody asked for just now may be somebody's doing: what is known of the child says
// so, and of one of which nothing is known whether its owner was edited.
func changeEvents(kind, namespace string, changes []apply.Change, edited bool) []events.Event {
	var out []events.Event
	for _, several := range []struct {
		did    apply.Deed
		action string
	}{{apply.Created, "Create"}, {apply.Removed, "Remove"}} {
		if of := children(changes, several.did); len(of) > 0 {
			// The number stands although a long list is cut.
			out = append(out, events.Event{Reason: string(several.did), Action: several.action, Note: fmt.Sprintf("%s %d: %s.", several.did, len(of), strings.Join(of, ", "))})
		}
	}
	for _, c := range changes {
		switch c.Did {
		case apply.Restored:
			out = append(out, events.Event{Warning: true, Reason: "Restored", Action: "Repair", Note: c.String() + " was gone, and is made again."})
		case apply.Changed:
			changed := events.Event{Reason: "Changed", Action: "Change", Note: "Changed " + c.String() + ".", Key: c.Version()}
			asked, known := c.Asked()
			changed.Suspect = known && !asked || !known && !edited
			changed.Resolve = func(ctx context.Context) events.Event { return repaired(ctx, kind, namespace, c, changed) }
			out = append(out, changed)
		}
	}
	return out
}

// repaired is the event of a child that was changed: that it was, unless the API
// server knows of somebody who had changed it before.
func repaired(ctx context.Context, kind, namespace string, c apply.Change, changed events.Event) events.Event {
	by := c.By(ctx)
	if by == "" {
		return changed
	}
	metrics.ChildRepaired(kind, c.GVK.Kind)
	if namespace != "" && c.Namespace != namespace {
		by = "somebody else"
	}
	return events.Event{Warning: true, Reason: "Repaired", Action: "Repair", Note: fmt.Sprintf("%s had been changed by %s, and is as it should be again.", c, by)}
}

// conditionEvents are the changes of conditions, and of why one does not hold. What
// several say alike, as Ready repeats what it waits for, is one event. That one holds
// from the beginning is what everybody expects, and no event but for Ready. Some are told
// otherwise.
func conditionEvents(before, after []metav1.Condition, told []string) []events.Event {
	type said struct {
		status          metav1.ConditionStatus
		reason, message string
	}
	var order []said
	types := map[said][]string{}
	for _, c := range after {
		if slices.Contains(told, c.Type) || !newsworthy(meta.FindStatusCondition(before, c.Type), c) {
			continue
		}
		s := said{c.Status, c.Reason, c.Message}
		if types[s] == nil {
			order = append(order, s)
		}
		types[s] = append(types[s], c.Type)
	}
	var out []events.Event
	for _, s := range order {
		warning := s.status == metav1.ConditionFalse && !slices.Contains(passing, s.reason)
		out = append(out, events.Event{Warning: warning, Reason: s.reason, Action: "Observe", Note: fmt.Sprintf("%s is %s: %s", strings.Join(types[s], ", "), s.status, s.message)})
	}
	return out
}

func newsworthy(was *metav1.Condition, is metav1.Condition) bool {
	if was == nil {
		// That it begins is told by what was made.
		return is.Reason != v1alpha1.ReasonProgressing && (is.Status == metav1.ConditionFalse || is.Type == v1alpha1.ConditionReady)
	}
	return was.Status != is.Status || is.Status == metav1.ConditionFalse && was.Reason != is.Reason
}

// passing are the reasons that go by themselves, or that were asked for, so that nobody needs to look.
var passing = []string{v1alpha1.ReasonProgressing, v1alpha1.ReasonAuditing}
