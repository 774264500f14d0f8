package agency

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/events"
)

// announce says who got and who lost rights in an agency's namespace, and who
// would get some. It is a warning also for a new agency: somebody should look at
// who speaks for it.
func announce(before, after *v1alpha1.Agency) []events.Event {
	var out []events.Event
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionRightsChanged)
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionRightsChanged)
	if is != nil && is.Reason == v1alpha1.ReasonRightsChanged && (was == nil || was.Message != is.Message || !was.LastTransitionTime.Equal(&is.LastTransitionTime)) {
		out = append(out, events.Event{Warning: true, Reason: is.Reason, Action: "ChangeRights", Note: is.Message})
	}
	waits := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionRightsConfirmed)
	if p := after.Status.PendingRights; p != nil && waits != nil && (before.Status.PendingRights == nil || before.Status.PendingRights.Hash != p.Hash) {
		out = append(out, events.Event{Warning: true, Reason: "RightsAskedFor", Action: "AskForRights", Note: waits.Message})
	}
	return out
}
