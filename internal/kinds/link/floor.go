package link

import (
	"slices"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
)

// SharingFloor is the strictest of all enforced policies that select one end of
// a link, or both.
type SharingFloor struct {
	// AuthorityApprovalFor are the classifications that the authority approves too.
	AuthorityApprovalFor []v1alpha1.DataClassification
	// MaxValidity is the longest term; nil for no bound, and 0 lets no link be.
	MaxValidity *time.Duration
	// DirectAllowed is true when policies of both ends allow the direct route
	// and none forbids it.
	DirectAllowed bool
}

// EffectiveSharingFloor combines the enforced policies that select the consumer
// and those that select the provider.
func EffectiveSharingFloor(consumer, provider []v1alpha1.SecurityPolicy) SharingFloor {
	f := SharingFloor{DirectAllowed: directAllowed(consumer) && directAllowed(provider)}
	for _, p := range slices.Concat(consumer, provider) {
		c := p.Spec.DataSharing
		if c == nil || p.Spec.Mode == v1alpha1.ModeAudit {
			continue
		}
		f.AuthorityApprovalFor = append(f.AuthorityApprovalFor, c.RequireAuthorityApprovalFor...)
		if c.MaxValidity != nil {
			most := max(c.MaxValidity.Duration, 0)
			if f.MaxValidity == nil || most < *f.MaxValidity {
				f.MaxValidity = &most
			}
		}
	}
	slices.Sort(f.AuthorityApprovalFor)
	f.AuthorityApprovalFor = slices.Compact(f.AuthorityApprovalFor)
	return f
}

// directAllowed is true when a policy says so and none denies it; silence is no
// permission.
func directAllowed(policies []v1alpha1.SecurityPolicy) bool {
	allowed := false
	for _, p := range policies {
		if p.Spec.DataSharing == nil || p.Spec.DataSharing.AllowDirectRoute == nil || p.Spec.Mode == v1alpha1.ModeAudit {
			continue
		}
		if !*p.Spec.DataSharing.AllowDirectRoute {
			return false
		}
		allowed = true
	}
	return allowed
}

// NeedsAuthority reports whether the authority must approve a link of the given
// classification: what it asks for one class it asks for every stricter one.
func (f SharingFloor) NeedsAuthority(c v1alpha1.DataClassification) bool {
	return slices.ContainsFunc(f.AuthorityApprovalFor, func(asked v1alpha1.DataClassification) bool { return policy.ClassRank(asked) <= policy.ClassRank(c) })
}
