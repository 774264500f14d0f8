package reconcile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/events"
)

// lines are events as a person reads them.
func lines(all []events.Event) []string {
	var out []string
	for _, e := range all {
		kind := "Normal"
		if e.Warning {
			kind = "Warning"
		}
		out = append(out, kind+" "+e.Reason+": "+e.Note)
	}
	return out
}

// TestConditionEvents fails when every write of a status is told, when Ready repeats
// what another condition says, and when another reason is no news.
func TestConditionEvents(t *testing.T) {
	is := func(condition string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return metav1.Condition{Type: condition, Status: status, Reason: reason, Message: message}
	}
	waits := is("Ready", metav1.ConditionFalse, "Progressing", "Pods start.")
	for name, tt := range map[string]struct {
		before, after []metav1.Condition
		want          []string
	}{
		"nothing changed":               {[]metav1.Condition{waits}, []metav1.Condition{waits}, nil},
		"another message":               {[]metav1.Condition{waits}, []metav1.Condition{is("Ready", metav1.ConditionFalse, "Progressing", "One of two pods runs.")}, nil},
		"a good beginning":              {nil, []metav1.Condition{is("Guarded", metav1.ConditionTrue, "Guarded", "It is.")}, nil},
		"a beginning without an answer": {nil, []metav1.Condition{is("Guarded", metav1.ConditionUnknown, "Pending", "Not known.")}, nil},
		"ready at once":                 {nil, []metav1.Condition{is("Ready", metav1.ConditionTrue, "Ready", "It is.")}, []string{"Normal Ready: Ready is True: It is."}},
		"a start":                       {nil, []metav1.Condition{waits, is("WorkloadAvailable", metav1.ConditionFalse, "Progressing", "Pods start.")}, nil},
		"blocked": {[]metav1.Condition{waits, is("PolicyCompliant", metav1.ConditionTrue, "Compliant", "")},
			[]metav1.Condition{is("Ready", metav1.ConditionFalse, "PolicyViolation", "Image."), is("PolicyCompliant", metav1.ConditionFalse, "PolicyViolation", "Image.")},
			[]string{"Warning PolicyViolation: Ready, PolicyCompliant is False: Image."}},
		"two causes": {nil, []metav1.Condition{is("A", metav1.ConditionFalse, "X", "One."), is("B", metav1.ConditionFalse, "X", "Two.")},
			[]string{"Warning X: A is False: One.", "Warning X: B is False: Two."}},
		"told otherwise": {nil, []metav1.Condition{is("Told", metav1.ConditionFalse, "X", "No.")}, nil},
		"not known any more": {[]metav1.Condition{is("A", metav1.ConditionTrue, "X", "")}, []metav1.Condition{is("A", metav1.ConditionUnknown, "LookupFailed", "No answer.")},
			[]string{"Normal LookupFailed: A is Unknown: No answer."}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(conditionEvents(tt.before, tt.after, []string{"Told"}))); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangeEvents(t *testing.T) {
	change := func(did apply.Deed, kind, namespace, name string) apply.Change {
		return apply.Change{Did: did, GVK: schema.GroupVersionKind{Kind: kind}, Namespace: namespace, Name: name}
	}
	got := changeEvents("AgencyPortal", "a", []apply.Change{
		change(apply.Removed, "NetworkPolicy", "a", "old"), change(apply.Created, "Namespace", "", "a"), change(apply.Created, "Service", "a", "x"),
		change(apply.Restored, "Deployment", "a", "x"), change(apply.Changed, "Role", "a", "x"),
	}, true)
	want := []string{
		"Normal Created: Created 2: Namespace a, Service a/x.", "Normal Removed: Removed 1: NetworkPolicy a/old.",
		"Warning Restored: Deployment a/x was gone, and is made again.", "Normal Changed: Changed Role a/x.",
	}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if e := got[3].Resolve(t.Context()); e.Reason != "Changed" || e.Warning {
		t.Errorf("nobody is known to have changed it, and the event is %v", e)
	}
	// Nothing is known of the child, so it counts whether its owner was edited.
	for _, edited := range []bool{true, false} {
		if e := changeEvents("AgencyPortal", "a", []apply.Change{change(apply.Changed, "Role", "a", "x")}, edited)[0]; e.Suspect == edited {
			t.Errorf("edited %t: it is suspect %t", edited, e.Suspect)
		}
	}
	if changeEvents("AgencyPortal", "a", nil, true) != nil {
		t.Error("nothing happened, and it is told")
	}
}
