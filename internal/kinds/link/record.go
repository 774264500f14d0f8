package link

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// AwaitRecord holds back what a link would open until the scope and the approvals
// on which it opens are in its stored status: nothing opens of which there is no
// record. What is open stays so, and what closes waits for nothing.
func AwaitRecord(in Input, out Output) Output {
	if !out.Open || object.LinkOpen(in.Link) || opensOnRecord(in, out.Hash) {
		return out
	}
	out.Open, out.Objects, out.Recording = false, nil, true
	return out
}

// opensOnRecord reports whether a link may open on the approvals alone that are
// in its stored status.
func opensOnRecord(in Input, hash string) bool {
	if in.Link.Status.SpecHash != hash {
		return false
	}
	in.Approvals = slices.DeleteFunc(slices.Clone(in.Approvals), func(a v1alpha1.DataSharingApproval) bool {
		return a.Spec.Decision == v1alpha1.DecisionApprove && !recorded(in.Link.Status.Decisions, &a)
	})
	return Decide(in).Open
}

// recorded reports whether the newest entry of an approval on a record is what it
// says now.
func recorded(record []v1alpha1.LinkDecision, a *v1alpha1.DataSharingApproval) bool {
	for _, e := range slices.Backward(record) {
		if e.UID == a.UID {
			return e.Decision == string(a.Spec.Decision) && e.SpecHash == a.Spec.SpecHash && e.Approver == a.Spec.Approver
		}
	}
	return false
}
