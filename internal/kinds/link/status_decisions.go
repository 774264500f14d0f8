package link

import (
	"fmt"
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/text"
)

func authority(set *conditions.Set, in Input, out Output) {
	if !out.AuthorityRequired && !out.Authority.Approved && !out.Authority.Objects() {
		set.True(v1alpha1.ConditionAuthorityApproved, v1alpha1.ReasonNotRequired, "No policy asks for the authority's approval.")
		return
	}
	approval(set, v1alpha1.ConditionAuthorityApproved, decider{"the authority", in.Settings.AuthorityAgency}, out.Authority, out.Hash)
}

// decider is who decides for a side.
type decider struct{ role, agency string }

func (d decider) String() string { return fmt.Sprintf("%s %q", d.role, d.agency) }

// earlier is the agency in whose namespace a verdict's decision is, where that is
// another one than the side's; empty where it is not.
func (d decider) earlier(v Verdict) string {
	namespace, _, _ := strings.Cut(v.By, "/")
	agency, ok := names.AgencyOf(namespace)
	if !ok || agency == d.agency {
		return ""
	}
	return agency
}

// Lifted says how what an earlier authority stopped is lifted.
func Lifted(agency, decision string) string {
	return fmt.Sprintf("only agency %[1]q lifts it: whoever gave it deletes it (kubectl -n %[2]s delete datasharingapproval %[3]s), and another of its administrators sets spec.approver to the own name before", agency, names.Namespace(agency), decision)
}

// approval words one side's verdict.
func approval(set *conditions.Set, condition string, side decider, v Verdict, hash string) {
	words := ""
	if v.Words != "" {
		words = " (" + text.Quote(v.Words) + ")"
	}
	switch earlier := side.earlier(v); {
	case v.Approved:
		set.True(condition, v.Reason, fmt.Sprintf("Approved by %s.", v.By))
	case v.Objects() && earlier != "":
		did, but := "Suspended", "whose approval does not lift it"
		if v.Reason == v1alpha1.ReasonRejected {
			did, but = "Rejected", "and an approval counts only if it is newer and of another scope than was rejected"
		}
		_, decision, _ := strings.Cut(v.By, "/")
		set.False(condition, v.Reason, fmt.Sprintf("%s by %s%s, when agency %q was the authority. That stands although the authority is %q now, %s; %s.", did, v.By, words, earlier, side.agency, but, Lifted(earlier, decision)))
	case v.Reason == v1alpha1.ReasonLinkSuspended:
		set.False(condition, v.Reason, fmt.Sprintf("Suspended by %s%s; the link opens again when %s approves it in place of that (kubectl gov approve), or when that is deleted and an approval of the same side stands beside it.", v.By, words, side))
	case v.Reason == v1alpha1.ReasonRejected:
		set.False(condition, v.Reason, fmt.Sprintf("Rejected by %s%s; change the request and ask again. No approval of the side counts that is not newer: to lift the rejection, whoever gave it deletes it, or another of the side decides in its place.", v.By, words))
	case v.Reason == v1alpha1.ReasonSameApprover:
		set.False(condition, v.Reason, fmt.Sprintf("%s is by %s, who already speaks for another side of the link; another person must decide for %s.", v.By, text.Quote(v.Approver), side))
	case hash == "":
		set.Unknown(condition, v1alpha1.ReasonPending, "There is no scope to approve; see the other conditions.")
	case v.Reason == v1alpha1.ReasonApprovalStale:
		set.False(condition, v.Reason, fmt.Sprintf("%s is for another scope than %s; %s must approve this one: kubectl gov approve.", v.By, hash, side))
	default:
		set.False(condition, v.Reason, fmt.Sprintf("Nobody has approved scope %s yet; %s must: kubectl gov approve.", hash, side))
	}
}
