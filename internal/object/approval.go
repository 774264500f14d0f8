package object

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Closing reports whether a decision rejects or suspends.
func Closing(a *v1alpha1.DataSharingApproval) bool {
	return a.Spec.Decision != v1alpha1.DecisionApprove
}

// RecordedVeto reports whether a decision closes and its own status has it as the
// authority's.
func RecordedVeto(a *v1alpha1.DataSharingApproval) bool {
	return Closing(a) && a.Status.Side == v1alpha1.SideAuthority
}
