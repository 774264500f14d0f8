package link

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// authorityApprovals are what the authority said about a link. What an earlier one
// suspended or rejected stays so, whatever the settings name as the authority now: a
// renamed authority opens nothing.
func authorityApprovals(in Input) []v1alpha1.DataSharingApproval {
	var out []v1alpha1.DataSharingApproval
	for i := range in.Approvals {
		a := &in.Approvals[i]
		present := ofPresentAuthority(a, in.Settings) && (!in.AuthorityAbsent || object.Closing(a))
		if present || EarlierVeto(a, in.Link.Status.Decisions) {
			out = append(out, *a)
		}
	}
	return out
}

func ofPresentAuthority(a *v1alpha1.DataSharingApproval, s settings.Settings) bool {
	return a.Namespace == names.Namespace(s.AuthorityAgency)
}

// EarlierVeto reports whether a decision closes and is on record as the authority's,
// in its own status or, as versions without that field left it, in the last entry of
// it on the link's record. Who is the authority now does not matter.
func EarlierVeto(a *v1alpha1.DataSharingApproval, record []v1alpha1.LinkDecision) bool {
	if object.RecordedVeto(a) {
		return true
	}
	last := lastEntry(a, record)
	return object.Closing(a) && last != nil && last.Side == v1alpha1.SideAuthority && last.Decision != string(v1alpha1.DecisionApprove)
}

// lastEntry is the last entry of a decision on a link's record; nil for none.
func lastEntry(a *v1alpha1.DataSharingApproval, record []v1alpha1.LinkDecision) *v1alpha1.LinkDecision {
	for i := range slices.Backward(record) {
		if e := &record[i]; e.UID == a.UID && e.Namespace == a.Namespace {
			return e
		}
	}
	return nil
}

// ApprovalSide is the side for which a decision speaks; empty for none. The authority's
// decides about links that are not there yet, or are made anew, and goes before the
// provider's where an agency is both.
func ApprovalSide(a *v1alpha1.DataSharingApproval, l *v1alpha1.DataSharingLink, s settings.Settings) v1alpha1.LinkSide {
	var record []v1alpha1.LinkDecision
	if l != nil {
		record = l.Status.Decisions
	}
	switch {
	case ofPresentAuthority(a, s), EarlierVeto(a, record):
		return v1alpha1.SideAuthority
	case l != nil && a.Namespace == names.Namespace(string(l.Spec.Provider.Agency)):
		return v1alpha1.SideProvider
	}
	return ""
}
