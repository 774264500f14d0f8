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

// tellChanges says in the log, and on the object, what a round did to its children;
// nothing when it did nothing.
func (l Loop[T]) tellChanges(ctx context.Context, obj client.Object, changes []apply.Change) {
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
	kind := reflect.TypeOf(l.New()).Elem().Name()
	for _, c := range changes {
		metrics.ChildWritten(kind, c.GVK.Kind, strings.ToLower(string(c.Did)))
	}
	if l.Events == nil || obj == nil {
		return
	}
	for _, e := range changeEvents(kind, changes) {
		l.Events.Record(obj, e)
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
// changed it is found out when the event is written.
func changeEvents(kind string, changes []apply.Change) []events.Event {
	var out []events.Event
	if of := children(changes, apply.Created); len(of) > 0 {
		out = append(out, events.Event{Reason: "Created", Action: "Create", Note: "Created " + strings.Join(of, ", ") + "."})
	}
	if of := children(changes, apply.Removed); len(of) > 0 {
		out = append(out, events.Event{Reason: "Removed", Action: "Remove", Note: "Removed " + strings.Join(of, ", ") + "."})
	}
	for _, c := range changes {
		switch c.Did {
		case apply.Restored:
			out = append(out, events.Event{Warning: true, Reason: "Restored", Action: "Repair", Note: c.String() + " was gone, and is made again."})
		case apply.Changed:
			changed := events.Event{Reason: "Changed", Action: "Change", Note: "Changed " + c.String() + "."}
			changed.Resolve = func(ctx context.Context) events.Event {
				if by := c.By(ctx); by != "" {
					metrics.ChildRepaired(kind, c.GVK.Kind)
					return events.Event{Warning: true, Reason: "Repaired", Action: "Repair", Note: fmt.Sprintf("%s had been changed by %s, and is as it should be again.", c, by)}
				}
				return events.Event{Reason: "Changed", Action: "Change", Note: "Changed " + c.String() + "."}
			}
			out = append(out, changed)
		}
	}
	return out
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
		return is.Status == metav1.ConditionFalse || is.Type == v1alpha1.ConditionReady
	}
	return was.Status != is.Status || is.Status == metav1.ConditionFalse && was.Reason != is.Reason
}

// passing are the reasons that go by themselves, so that nobody needs to look.
var passing = []string{v1alpha1.ReasonProgressing}
