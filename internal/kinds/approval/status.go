package approval

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
)

// SetStatus writes the status of an approval.
func SetStatus(in Input, out Output) {
	a, how := in.Approval, conditions.Moving
	set := conditions.New(a.Status.Conditions, a.Generation)
	a.Status.Side = in.Side
	if out.Bound {
		set.True(v1alpha1.ConditionBound, out.Reason, out.Message)
	} else {
		set.False(v1alpha1.ConditionBound, out.Reason, out.Message)
	}
	if out.Stalled {
		how = conditions.Stalled
	}
	set.Summarise(kinds.DataSharingApproval.Ready...)
	conditions.Finish(&a.Status.StatusBase, set, how)
}

// SetLookupFailed says that the link could not be read. One that speaks for the
// authority does so whatever is with the link.
func SetLookupFailed(in Input) {
	a := in.Approval
	if linkkind.ApprovalSide(a, nil, in.Settings) == v1alpha1.SideAuthority {
		a.Status.Side = v1alpha1.SideAuthority
	}
	conditions.LookupFailed(a.GetStatusBase(), a.Generation)
}
