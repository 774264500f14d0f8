package status

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/desired"
)

// recordRights keeps who has rights in the namespace, and tells of changes. They
// are recorded when they are decided, whether or not they could be written: what
// is announced too early does no harm.
func recordRights(set *conditions.Set, in desired.AgencyInput, out desired.AgencyOutput) {
	const c = v1alpha1.ConditionRightsChanged
	a := in.Agency
	previous := meta.FindStatusCondition(a.Status.Conditions, c)
	if desired.Orphaned(a, in.Namespace) || len(out.Objects) == 0 {
		// Nothing was written into a namespace of the agency's own.
		if previous != nil {
			set.Set(*previous)
		}
		return
	}
	changed := out.Rights.Changed()
	if changed || a.Status.Rights == nil {
		a.Status.Rights = &v1alpha1.GrantedRights{AgencyRights: out.Rights.InForce, Since: in.Now.Rfc3339Copy()}
	}
	switch {
	case changed:
		set.True(c, v1alpha1.ReasonRightsChanged, RightsChange(out.Rights))
	case previous != nil:
		set.Set(*previous)
	default:
		set.False(c, v1alpha1.ReasonRightsUnchanged, "Nobody got or lost rights in the namespace since the operator recorded who has them (status.rights).")
	}
	set.Since(c, a.Status.Rights.Since)
}

// RightsChange says who got and who lost rights.
func RightsChange(r desired.Rights) string {
	message := "Rights in the agency's namespace changed."
	if !desired.NoRights(r.Added) {
		message += " Added: " + desired.SayRights(r.Added) + "."
	}
	if !desired.NoRights(r.Removed) {
		message += " Removed: " + desired.SayRights(r.Removed) + "."
	}
	return message
}
