package harness

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// About takes the Events about an object.
func About(kind, name string) func(corev1.ObjectReference) bool {
	return func(o corev1.ObjectReference) bool { return o.Kind == kind && o.Name == name }
}

// AboutAny takes the Events about whatever there is.
func AboutAny(corev1.ObjectReference) bool { return true }

// Told returns the Events of a namespace about what the filter takes, as
// "type reason: note", oldest first.
func (e *Env) Told(t *testing.T, namespace string, about func(corev1.ObjectReference) bool) []string {
	t.Helper()
	var list eventsv1.EventList
	if err := e.Admin.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(list.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	var out []string
	for _, event := range list.Items {
		if about(event.Regarding) {
			out = append(out, fmt.Sprintf("%s %s: %s", event.Type, event.Reason, event.Note))
		}
	}
	return out
}

// WaitTold waits for an Event that Told returns with a beginning and all words.
func (e *Env) WaitTold(t *testing.T, namespace string, about func(corev1.ObjectReference) bool, begins string, words ...string) {
	t.Helper()
	Eventually(t, func() error {
		all := e.Told(t, namespace, about)
		if !slices.ContainsFunc(all, func(told string) bool {
			return strings.HasPrefix(told, begins) && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(told, w) })
		}) {
			return fmt.Errorf("no Event %q with %q among\n%s", begins, words, strings.Join(all, "\n"))
		}
		return nil
	})
}
