package agency

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/text"
)

// recordRights keeps who has rights in the namespace, and tells of changes. They
// are recorded when they are decided, whether or not they could be written: what
// is announced too early does no harm.
func recordRights(set *conditions.Set, in Input, out Output) {
	const c = v1alpha1.ConditionRightsChanged
	a := in.Agency
	previous := meta.FindStatusCondition(a.Status.Conditions, c)
	if Orphaned(a, in.Namespace) || len(out.Objects) == 0 && !out.Recording {
		// Nothing was written into a namespace of the agency's own. What waits by a
		// record goes on waiting: what it waits for may be forgotten by now.
		if a.Status.Rights == nil {
			a.Status.PendingRights = nil
		}
		set.Unknown(v1alpha1.ConditionRightsConfirmed, v1alpha1.ReasonPending, "There is no namespace of the agency yet.")
		if previous != nil {
			set.Set(*previous)
		}
		return
	}
	confirmation(set, in, out.Rights)
	a.Status.Rights, a.Status.PendingRights = &out.Rights.Record, out.Rights.Pending
	switch {
	case out.Rights.Changed():
		set.True(c, v1alpha1.ReasonRightsChanged, rightsChange(a, out.Rights))
	case previous != nil:
		set.Set(*previous)
	default:
		set.False(c, v1alpha1.ReasonRightsUnchanged, "Nobody got or lost rights in the namespace since the operator recorded who has them (status.rights).")
	}
	set.Since(c, a.Status.Rights.Since)
}

// confirmation says whether rights that the spec asks for wait.
func confirmation(set *conditions.Set, in Input, r Rights) {
	const c = v1alpha1.ConditionRightsConfirmed
	switch {
	case r.Waits != nil:
		conditions.SetBlocker(set, c, r.Waits)
	case in.PersonalData != "":
		set.True(c, v1alpha1.ReasonNothingWaits, "No right that the spec asks for waits. The agency holds personal data ("+in.PersonalData+"), so whoever adds one sets spec.rightsChange.requestedBy to the own user name, and a second person confirms it.")
	default:
		set.True(c, v1alpha1.ReasonNoPersonalData, "The agency holds no personal data, so changes of rights wait for nobody; they are announced.")
	}
}

// rightsChange says who got and who lost rights, and who answers for that where
// two people must.
func rightsChange(a *v1alpha1.Agency, r Rights) string {
	message := fmt.Sprintf("Rights in the agency's namespace changed: %d added, %d removed.", len(RightsList(r.Added)), len(RightsList(r.Removed)))
	if !NoRights(r.Added) {
		message += " Added: " + SayRights(r.Added) + "."
	}
	if !NoRights(r.Removed) {
		message += " Removed: " + SayRights(r.Removed) + "."
	}
	if by := a.Spec.RightsChange; r.Confirmed && by != nil {
		message += " Asked for by " + text.Quote(by.RequestedBy) + ", confirmed by " + text.Quote(by.ConfirmedBy) + "."
	}
	return message
}
