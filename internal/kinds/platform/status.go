package platform

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/object"
)

// SetStatus writes the status of a shared platform.
func SetStatus(in Input, out Output) {
	p := in.Platform
	set := conditions.New(p.Status.Conditions, p.Generation)
	p.Status.Fingerprint, p.Status.DuplicateOf, p.Status.Consents = out.Fingerprint, in.DuplicateOf, out.Consents
	p.Status.Consumers = int32(min(in.Consumers, 1<<30))
	how := conditions.Moving
	if out.Unique != nil {
		conditions.SetBlocker(set, v1alpha1.ConditionUnique, out.Unique)
		how = conditions.Stalled
	} else {
		set.True(v1alpha1.ConditionUnique, v1alpha1.ReasonUnique, "No other platform has the same capability and scope.")
	}
	if out.Available != nil {
		conditions.SetBlocker(set, v1alpha1.ConditionAvailable, out.Available)
	} else {
		set.True(v1alpha1.ConditionAvailable, v1alpha1.ReasonAvailable, "The endpoint can be used.")
	}
	conditions.AgenciesResolved(set, in.AbsentAgencies)
	set.Summarise(kinds.SharedPlatform.Ready...)
	if b := out.Available; out.Unique == nil && b != nil && b.Class == object.Waiting && p.DeletionTimestamp == nil {
		// What it waits for may be delivered after it, by somebody who waits for Ready.
		set.True(v1alpha1.ConditionReady, v1alpha1.ReasonCatalogued, "The platform is in the catalogue and can't be used yet. "+b.Message)
	}
	conditions.Finish(&p.Status.StatusBase, set, how)
}
