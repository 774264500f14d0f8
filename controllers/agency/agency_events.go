package agency

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/events"
)

// announce says who got and who lost rights in an agency's namespace. It is a
// warning also for a new agency: somebody should look at who speaks for it.
func announce(before, after *v1alpha1.Agency) []events.Event {
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionRightsChanged)
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionRightsChanged)
	if is == nil || is.Reason != v1alpha1.ReasonRightsChanged || was != nil && was.Message == is.Message && was.LastTransitionTime.Equal(&is.LastTransitionTime) {
		return nil
	}
	return []events.Event{{Warning: true, Reason: is.Reason, Action: "ChangeRights", Note: is.Message}}
}
