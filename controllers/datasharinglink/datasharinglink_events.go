package datasharinglink

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/events"
)

// announce says what a round changed about a link: asked for, opened, closed and
// why.
func announce(before, after *v1alpha1.DataSharingLink) []events.Event {
	var out []events.Event
	if hash := after.Status.SpecHash; hash != "" && hash != before.Status.SpecHash {
		out = append(out, events.Event{Reason: "Requested", Action: "Request", Note: "Approval is asked for scope " + hash + "."})
	}
	was, now := open(before), open(after)
	switch {
	case now && !was:
		out = append(out, events.Event{Reason: "Opened", Action: "Open", Note: "Traffic may pass: scope " + after.Status.SpecHash + " is approved."})
	case was && !now:
		out = append(out, events.Event{Warning: true, Reason: "Closed", Action: "Close", Note: "Traffic is closed. " + message(after, v1alpha1.ConditionReady)})
	}
	return out
}

func open(l *v1alpha1.DataSharingLink) bool {
	return meta.IsStatusConditionTrue(l.Status.Conditions, v1alpha1.ConditionPolicyPaired)
}

func message(l *v1alpha1.DataSharingLink, condition string) string {
	c := meta.FindStatusCondition(l.Status.Conditions, condition)
	if c == nil {
		return ""
	}
	return c.Reason + ": " + c.Message
}
