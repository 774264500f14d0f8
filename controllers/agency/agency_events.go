package agency

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/text"
)

// announce says who got and who lost rights in an agency's namespace, and who
// would get some. It is a warning also for a new agency: somebody should look at
// who speaks for it.
func announce(before, after *v1alpha1.Agency) []events.Event {
	var out []events.Event
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionRightsChanged)
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionRightsChanged)
	if is != nil && is.Reason == v1alpha1.ReasonRightsChanged && (was == nil || was.Message != is.Message || !was.LastTransitionTime.Equal(&is.LastTransitionTime)) {
		out = append(out, told(is.Reason, "ChangeRights", is.Message)...)
	}
	waits := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionRightsConfirmed)
	if p := after.Status.PendingRights; p != nil && waits != nil && (before.Status.PendingRights == nil || before.Status.PendingRights.Hash != p.Hash) {
		out = append(out, told("RightsAskedFor", "AskForRights", waits.Message)...)
	}
	return out
}

// noteSize is how many bytes of a message stand in one Event, which holds 1024,
// its number included.
const noteSize = 960

// cut returns where a text of more than one Event is cut: behind a name if there
// is one, else between characters.
func cut(s string) int {
	n := text.Boundary(s, noteSize)
	if name := strings.LastIndex(s[:n], `", `); name > 0 {
		return name + len(`", `)
	}
	return n
}

// told tells a message in as many Events as it needs, each with its number: what
// is cut off would hide who gets rights.
func told(reason, action, message string) []events.Event {
	var parts []string
	for rest := message; rest != ""; {
		n := len(rest)
		if n > noteSize {
			n = cut(rest)
		}
		parts, rest = append(parts, rest[:n]), rest[n:]
	}
	var out []events.Event
	for i, part := range parts {
		if len(parts) > 1 {
			part = fmt.Sprintf("(%d of %d) %s", i+1, len(parts), part)
		}
		out = append(out, events.Event{Warning: true, Reason: reason, Action: action, Note: part})
	}
	return out
}
