package approval

import (
	"fmt"

	"github.com/govplatform/govplatform/api/v1alpha1"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// Input is everything that decides what an approval says about its link.
type Input struct {
	Settings settings.Settings
	Approval *v1alpha1.DataSharingApproval
	// Link is the one that the approval names; nil when it does not exist.
	Link *v1alpha1.DataSharingLink
	// Side is the one for which the approval speaks; empty for none.
	Side v1alpha1.LinkSide
}

// Output is what an approval says about its link.
type Output struct {
	// Bound is true when the approval counts, for the reason and in the words that follow.
	Bound           bool
	Reason, Message string
	// Stalled is true when only another approval changes that.
	Stalled bool
}

// Decide decides whether an approval counts.
func Decide(in Input) Output {
	a, out := in.Approval, Output{}
	switch earlier := earlierAuthority(in); {
	case in.Link == nil:
		out.Reason, out.Message = v1alpha1.ReasonLinkNotFound, fmt.Sprintf("spec.linkRef: DataSharingLink %s/%s does not exist; correct it, or wait for the consumer to ask.%s", a.Spec.LinkRef.Namespace, a.Spec.LinkRef.Name, earlier)
	case in.Side == "":
		out.Reason, out.Message = v1alpha1.ReasonNotEntitled, fmt.Sprintf("metadata.namespace: %q is neither the provider of the link nor the authority, so this decides nothing; delete it.", a.Namespace)
		out.Stalled = true
	case a.Spec.Decision == v1alpha1.DecisionSuspend:
		out.Bound, out.Reason, out.Message = true, v1alpha1.ReasonBound, "The link is suspended whatever its scope."+earlier
	case in.Link.Status.SpecHash == "":
		out.Reason, out.Message = v1alpha1.ReasonPending, "The link has no scope yet; see its conditions."+earlier
	case in.Link.Status.SpecHash != a.Spec.SpecHash && earlier != "":
		out.Reason, out.Message = v1alpha1.ReasonApprovalStale, fmt.Sprintf("spec.specHash: the link's scope is %s by now, and no approval counts that is not newer than this rejection.%s", in.Link.Status.SpecHash, earlier)
		out.Stalled = true
	case in.Link.Status.SpecHash != a.Spec.SpecHash:
		out.Reason, out.Message = v1alpha1.ReasonApprovalStale, fmt.Sprintf("spec.specHash: the link's scope is %s by now; look at it and decide anew with kubectl gov approve.", in.Link.Status.SpecHash)
		out.Stalled = true
	default:
		out.Bound, out.Reason, out.Message = true, v1alpha1.ReasonBound, "The decision is for the link's present scope."+earlier
	}
	return out
}

// earlierAuthority says that a decision stands as that of an earlier authority, and
// who lifts it; empty where it does not.
func earlierAuthority(in Input) string {
	a, link := in.Approval, in.Link
	agency, ok := names.AgencyOf(a.Namespace)
	provider := link != nil && agency == string(link.Spec.Provider.Agency)
	if !ok || in.Side != v1alpha1.SideAuthority || agency == in.Settings.AuthorityAgency || provider {
		return ""
	}
	return fmt.Sprintf(" It was given when agency %q was the authority, and stands although that is %q now; %s.", agency, in.Settings.AuthorityAgency, linkkind.Lifted(agency, a.Name))
}
