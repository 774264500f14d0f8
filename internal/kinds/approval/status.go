package approval

import (
	"fmt"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// SetStatus writes the status of an approval that speaks for a side.
func SetStatus(a *v1alpha1.DataSharingApproval, link *v1alpha1.DataSharingLink, side v1alpha1.LinkSide, s settings.Settings) {
	set := conditions.New(a.Status.Conditions, a.Generation)
	const c = v1alpha1.ConditionBound
	a.Status.Side = side
	how := conditions.Moving
	switch earlier := earlierAuthority(a, link, side, s); {
	case link == nil:
		set.False(c, v1alpha1.ReasonLinkNotFound, fmt.Sprintf("spec.linkRef: DataSharingLink %s/%s does not exist; correct it, or wait for the consumer to ask.%s", a.Spec.LinkRef.Namespace, a.Spec.LinkRef.Name, earlier))
	case side == "":
		set.False(c, v1alpha1.ReasonNotEntitled, fmt.Sprintf("metadata.namespace: %q is neither the provider of the link nor the authority, so this decides nothing; delete it.", a.Namespace))
		how = conditions.Stalled
	case a.Spec.Decision == v1alpha1.DecisionSuspend:
		set.True(c, v1alpha1.ReasonBound, "The link is suspended whatever its scope."+earlier)
	case link.Status.SpecHash == "":
		set.False(c, v1alpha1.ReasonPending, "The link has no scope yet; see its conditions."+earlier)
	case link.Status.SpecHash != a.Spec.SpecHash && earlier != "":
		set.False(c, v1alpha1.ReasonApprovalStale, fmt.Sprintf("spec.specHash: the link's scope is %s by now, and no approval counts that is not newer than this rejection.%s", link.Status.SpecHash, earlier))
		how = conditions.Stalled
	case link.Status.SpecHash != a.Spec.SpecHash:
		set.False(c, v1alpha1.ReasonApprovalStale, fmt.Sprintf("spec.specHash: the link's scope is %s by now; look at it and decide anew with kubectl gov approve.", link.Status.SpecHash))
		how = conditions.Stalled
	default:
		set.True(c, v1alpha1.ReasonBound, "The decision is for the link's present scope."+earlier)
	}
	set.Summarise(kinds.DataSharingApproval.Ready...)
	conditions.Finish(&a.Status.StatusBase, set, how)
}

// earlierAuthority says that a decision stands as that of an earlier authority, and
// who lifts it; empty where it does not.
func earlierAuthority(a *v1alpha1.DataSharingApproval, link *v1alpha1.DataSharingLink, side v1alpha1.LinkSide, s settings.Settings) string {
	agency, ok := names.AgencyOf(a.Namespace)
	provider := link != nil && agency == string(link.Spec.Provider.Agency)
	if !ok || side != v1alpha1.SideAuthority || agency == s.AuthorityAgency || provider {
		return ""
	}
	return fmt.Sprintf(" It was given when agency %q was the authority, and stands although that is %q now; %s.", agency, s.AuthorityAgency, linkkind.Lifted(agency, a.Name))
}
