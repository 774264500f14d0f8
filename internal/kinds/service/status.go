package service

import (
	"fmt"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/object"
)

// maxConsumers is how many consumers, and how many links, the schema lets a
// status list.
const maxConsumers = 1024

// SetStatus writes the status of a data service.
func SetStatus(in Input, out Output) {
	s := in.Service
	set := conditions.New(s.Status.Conditions, s.Generation)
	s.Status.Identifier, s.Status.Consumers = out.Identifier, in.Consumers[:min(len(in.Consumers), maxConsumers)]
	s.Status.Links = in.Links[:min(len(in.Links), maxConsumers)]
	s.Status.Claim = claimOf(in, out)
	how := conditions.Moving
	if out.Dataset != nil {
		conditions.SetBlocker(set, v1alpha1.ConditionDatasetOwned, out.Dataset)
		if out.Dataset.Class == object.Terminal {
			how = conditions.Stalled
		}
	} else {
		set.True(v1alpha1.ConditionDatasetOwned, v1alpha1.ReasonDatasetOwned, fmt.Sprintf("The service owns dataset %q.", s.Spec.Dataset))
	}
	if out.Published != nil {
		conditions.SetBlocker(set, v1alpha1.ConditionPublished, out.Published)
		if out.Published.Class == object.Terminal {
			how = conditions.Stalled
		}
	} else {
		set.True(v1alpha1.ConditionPublished, v1alpha1.ReasonPublished, "The service is in the catalogue as "+out.Identifier+".")
	}
	order := kinds.DataService.Ready
	if out.Dataset != nil && out.Dataset.Class != object.Terminal {
		// A claim that does not count yet waits for what publication waits for, which is named there.
		order = []string{v1alpha1.ConditionPublished, v1alpha1.ConditionDatasetOwned}
	}
	set.Summarise(order...)
	conditions.Finish(&s.Status.StatusBase, set, how)
}

// SetLookupFailed is LookupFailed of a service. One that names another dataset
// than the one that it holds does not own that.
func SetLookupFailed(s *v1alpha1.DataService) {
	set := conditions.New(s.Status.Conditions, s.Generation)
	if heldClaim(s) == nil {
		set.Unknown(v1alpha1.ConditionDatasetOwned, v1alpha1.ReasonLookupFailed, fmt.Sprintf("Whether the service owns dataset %q is not known.", s.Spec.Dataset))
	}
	set.Keep()
	set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonLookupFailed, conditions.LookupFailedMessage)
	conditions.Finish(&s.Status.StatusBase, set, conditions.Moving)
}

// claimOf is the service's place in the row of claimants: from the first time it
// owns the dataset, until it names another or somebody else has settled on it. An
// assignment to somebody else may be a slip, and ends nothing by itself.
func claimOf(in Input, out Output) *v1alpha1.DatasetClaim {
	held := heldClaim(in.Service)
	switch {
	case out.Dataset == nil && held == nil:
		return &v1alpha1.DatasetClaim{Dataset: in.Service.Spec.Dataset, HeldSince: object.Seconds(in.Now)}
	case in.HolderSettled && ValidClaim(in.Service, in.Provider):
		// One that does not count at present keeps its place: a clock may be wrong today.
		return nil
	default:
		return held
	}
}
