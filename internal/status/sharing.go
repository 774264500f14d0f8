package status

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/text"
)

// maxConsumers is how many consumers, and how many links, the schema lets a
// status list.
const maxConsumers = 1024

// DataService writes the status of a data service.
func DataService(in desired.ServiceInput, out desired.ServiceOutput) {
	s := in.Service
	set := conditions.New(s.Status.Conditions, s.Generation)
	s.Status.Identifier, s.Status.Consumers = out.Identifier, in.Consumers[:min(len(in.Consumers), maxConsumers)]
	s.Status.Links = in.Links[:min(len(in.Links), maxConsumers)]
	s.Status.Claim = claimOf(in, out)
	how := moving
	if out.Dataset != nil {
		setBlocker(set, v1alpha1.ConditionDatasetOwned, out.Dataset)
		if out.Dataset.Class == desired.Terminal {
			how = stalled
		}
	} else {
		set.True(v1alpha1.ConditionDatasetOwned, v1alpha1.ReasonDatasetOwned, fmt.Sprintf("The service owns dataset %q.", s.Spec.Dataset))
	}
	if out.Published != nil {
		setBlocker(set, v1alpha1.ConditionPublished, out.Published)
		if out.Published.Class == desired.Terminal {
			how = stalled
		}
	} else {
		set.True(v1alpha1.ConditionPublished, v1alpha1.ReasonPublished, "The service is in the catalogue as "+out.Identifier+".")
	}
	order := kinds.DataService.Ready
	if out.Dataset != nil && out.Dataset.Class != desired.Terminal {
		// A claim that does not count yet waits for what publication waits for, which is named there.
		order = []string{v1alpha1.ConditionPublished, v1alpha1.ConditionDatasetOwned}
	}
	set.Summarise(order...)
	finish(&s.Status.StatusBase, set, how)
}

// DataServiceLookupFailed is LookupFailed of a service. One that names another dataset
// than the one that it holds does not own that.
func DataServiceLookupFailed(s *v1alpha1.DataService) {
	set := conditions.New(s.Status.Conditions, s.Generation)
	if desired.HeldClaim(s) == nil {
		set.Unknown(v1alpha1.ConditionDatasetOwned, v1alpha1.ReasonLookupFailed, fmt.Sprintf("Whether the service owns dataset %q is not known.", s.Spec.Dataset))
	}
	set.Keep()
	set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonLookupFailed, lookupFailed)
	finish(&s.Status.StatusBase, set, moving)
}

// claimOf is the service's place in the row of claimants: from the first time it
// owns the dataset, until it names another or somebody else has settled on it. An
// assignment to somebody else may be a slip, and ends nothing by itself.
func claimOf(in desired.ServiceInput, out desired.ServiceOutput) *v1alpha1.DatasetClaim {
	held := desired.HeldClaim(in.Service)
	switch {
	case out.Dataset == nil && held == nil:
		return &v1alpha1.DatasetClaim{Dataset: in.Service.Spec.Dataset, HeldSince: seconds(in.Now)}
	case in.HolderSettled && desired.ValidClaim(in.Service, in.Provider):
		// One that does not count at present keeps its place: a clock may be wrong today.
		return nil
	default:
		return held
	}
}

// SharedPlatform writes the status of a shared platform.
func SharedPlatform(in desired.PlatformInput, out desired.PlatformOutput) {
	p := in.Platform
	set := conditions.New(p.Status.Conditions, p.Generation)
	p.Status.Fingerprint, p.Status.DuplicateOf, p.Status.Consents = out.Fingerprint, in.DuplicateOf, out.Consents
	p.Status.Consumers = int32(min(in.Consumers, 1<<30))
	how := moving
	if out.Unique != nil {
		setBlocker(set, v1alpha1.ConditionUnique, out.Unique)
		how = stalled
	} else {
		set.True(v1alpha1.ConditionUnique, v1alpha1.ReasonUnique, "No other platform has the same capability and scope.")
	}
	if out.Available != nil {
		setBlocker(set, v1alpha1.ConditionAvailable, out.Available)
	} else {
		set.True(v1alpha1.ConditionAvailable, v1alpha1.ReasonAvailable, "The endpoint can be used.")
	}
	agenciesResolved(set, in.AbsentAgencies)
	set.Summarise(kinds.SharedPlatform.Ready...)
	if b := out.Available; out.Unique == nil && b != nil && b.Class == desired.Waiting && p.DeletionTimestamp == nil {
		// What it waits for may be delivered after it, by somebody who waits for Ready.
		set.True(v1alpha1.ConditionReady, v1alpha1.ReasonCatalogued, "The platform is in the catalogue and can't be used yet. "+b.Message)
	}
	finish(&p.Status.StatusBase, set, how)
}

// DataSharingLink writes the status of a link.
func DataSharingLink(in desired.LinkInput, out desired.LinkOutput, res apply.Result, err error) {
	l := in.Link
	set := conditions.New(l.Status.Conditions, l.Generation)
	l.Status.Inventory, l.Status.SpecHash, l.Status.Scope = res.Inventory, out.Hash, out.Scope
	l.Status.Decisions = recordDecisions(l.Status.Decisions, in, out)
	l.Status.Identifier = ""
	if in.Service != nil {
		l.Status.Identifier = in.Service.Status.Identifier
	}
	references(set, out)
	approval(set, v1alpha1.ConditionProviderApproved, decider{"provider", string(l.Spec.Provider.Agency)}, out.Provider, out.Hash)
	authority(set, in, out)
	if out.Validity != nil {
		setBlocker(set, v1alpha1.ConditionWithinValidity, out.Validity)
	} else {
		set.True(v1alpha1.ConditionWithinValidity, v1alpha1.ReasonValid, "Valid until "+in.Settings.Show(l.Spec.ValidUntil.Time)+".")
	}
	written := networkApplied(set, v1alpha1.ConditionPolicyPaired, res, err)
	switch {
	case !written:
	case out.Open:
		set.True(v1alpha1.ConditionPolicyPaired, v1alpha1.ReasonPaired, "Both halves of every policy pair exist.")
	case out.Recording:
		set.False(v1alpha1.ConditionPolicyPaired, v1alpha1.ReasonRecording, "The link is approved; who approved is being recorded in its status, and it opens when that is stored.")
	default:
		set.False(v1alpha1.ConditionPolicyPaired, v1alpha1.ReasonWithdrawn, "No policy of the link exists. Connections that were open before may last until they are closed.")
	}
	set.Summarise(linkOrder(out)...)
	if written {
		// Who cannot read a link cannot decide about it, but what is open is open.
		restApplied(set, v1alpha1.ConditionReady, res, err)
	}
	l.Status.Phase = phaseOf(out, set)
	how := linkProgress(out, res)
	if ready := set.Get(v1alpha1.ConditionReady); in.Unread != nil {
		how = moving
		set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonLookupFailed, lookupFailed+" By what could be read the link is closed: "+ready.Message)
	}
	finish(&l.Status.StatusBase, set, how)
}

// linkOrder is the order in which a link's conditions explain its phase: who
// stopped it for good or for now is told before what it lacks besides.
func linkOrder(out desired.LinkOutput) []string {
	said := func(reason string) []string {
		var order []string
		if out.Provider.Reason == reason {
			order = append(order, v1alpha1.ConditionProviderApproved)
		}
		if out.Authority.Reason == reason {
			order = append(order, v1alpha1.ConditionAuthorityApproved)
		}
		return order
	}
	order := said(v1alpha1.ReasonLinkSuspended)
	if out.Validity != nil && out.Validity.Reason == v1alpha1.ReasonExpired {
		order = append(order, v1alpha1.ConditionWithinValidity)
	}
	order = append(order, said(v1alpha1.ReasonRejected)...)
	return append(order, kinds.DataSharingLink.Ready...)
}

// Unresolved returns for how long the ends of a link have not been such that it may
// be open; 0 when they are.
func Unresolved(l *v1alpha1.DataSharingLink, now time.Time) time.Duration {
	c := meta.FindStatusCondition(l.Status.Conditions, v1alpha1.ConditionReferencesResolved)
	if c == nil || c.Status != metav1.ConditionFalse {
		return 0
	}
	return now.Sub(c.LastTransitionTime.Time)
}

func references(set *conditions.Set, out desired.LinkOutput) {
	if len(out.References) > 0 {
		setBlocker(set, v1alpha1.ConditionReferencesResolved, &out.References[0])
		return
	}
	scope := "the scope is " + out.Hash
	if out.Hash == "" {
		scope = "there is no scope that could be recorded"
	}
	set.True(v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonResolved, "Both ends exist and may share; "+scope+".")
}

func authority(set *conditions.Set, in desired.LinkInput, out desired.LinkOutput) {
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
func (d decider) earlier(v policy.Verdict) string {
	namespace, _, _ := strings.Cut(v.By, "/")
	agency, ok := names.AgencyOf(namespace)
	if !ok || agency == d.agency {
		return ""
	}
	return agency
}

// lifted says how what an earlier authority stopped is lifted.
func lifted(agency, decision string) string {
	return fmt.Sprintf("only agency %[1]q lifts it: whoever gave it deletes it (kubectl -n %[2]s delete datasharingapproval %[3]s), and another of its administrators sets spec.approver to the own name before", agency, names.Namespace(agency), decision)
}

// approval words one side's verdict.
func approval(set *conditions.Set, condition string, side decider, v policy.Verdict, hash string) {
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
		set.False(condition, v.Reason, fmt.Sprintf("%s by %s%s, when agency %q was the authority. That stands although the authority is %q now, %s; %s.", did, v.By, words, earlier, side.agency, but, lifted(earlier, decision)))
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

func phaseOf(out desired.LinkOutput, set *conditions.Set) string {
	is := func(reason string) bool { return out.Provider.Reason == reason || out.Authority.Reason == reason }
	paired := set.Get(v1alpha1.ConditionPolicyPaired)
	switch {
	case is(v1alpha1.ReasonLinkSuspended):
		return v1alpha1.PhaseSuspended
	case out.Validity != nil && out.Validity.Reason == v1alpha1.ReasonExpired:
		return v1alpha1.PhaseExpired
	case is(v1alpha1.ReasonRejected):
		return v1alpha1.PhaseRejected
	case out.Validity != nil, len(out.References) > 0 && out.References[0].Class == desired.Terminal:
		return v1alpha1.PhaseRefused
	case len(out.References) > 0:
		return v1alpha1.PhaseWaiting
	case out.Recording:
		return v1alpha1.PhaseOpening
	case !out.Open:
		return v1alpha1.PhaseRequested
	case paired != nil && paired.Status == "True":
		return v1alpha1.PhaseOpen
	default:
		return v1alpha1.PhaseOpening
	}
}

func linkProgress(out desired.LinkOutput, res apply.Result) progress {
	terminal := out.Validity != nil || len(res.Conflicts) > 0 || out.Provider.Reason == v1alpha1.ReasonRejected || out.Authority.Reason == v1alpha1.ReasonRejected
	for _, b := range out.References {
		terminal = terminal || b.Class == desired.Terminal
	}
	switch {
	case terminal:
		return stalled
	case out.Provider.Reason == v1alpha1.ReasonLinkSuspended || out.Authority.Reason == v1alpha1.ReasonLinkSuspended:
		return resting
	default:
		return moving
	}
}

// DataSharingLinkDeleting says that the link is being deleted.
func DataSharingLinkDeleting(l *v1alpha1.DataSharingLink, inventory []v1alpha1.InventoryEntry) {
	set := conditions.New(l.Status.Conditions, l.Generation)
	l.Status.Inventory = inventory
	set.False(v1alpha1.ConditionReady, v1alpha1.ReasonDeleting, "The link is being deleted; its policies are withdrawn first.")
	finish(&l.Status.StatusBase, set, moving)
}

// DataSharingApproval writes the status of an approval that speaks for a side.
func DataSharingApproval(a *v1alpha1.DataSharingApproval, link *v1alpha1.DataSharingLink, side v1alpha1.LinkSide, s settings.Settings) {
	set := conditions.New(a.Status.Conditions, a.Generation)
	const c = v1alpha1.ConditionBound
	a.Status.Side = side
	how := moving
	switch earlier := earlierAuthority(a, link, side, s); {
	case link == nil:
		set.False(c, v1alpha1.ReasonLinkNotFound, fmt.Sprintf("spec.linkRef: DataSharingLink %s/%s does not exist; correct it, or wait for the consumer to ask.%s", a.Spec.LinkRef.Namespace, a.Spec.LinkRef.Name, earlier))
	case side == "":
		set.False(c, v1alpha1.ReasonNotEntitled, fmt.Sprintf("metadata.namespace: %q is neither the provider of the link nor the authority, so this decides nothing; delete it.", a.Namespace))
		how = stalled
	case a.Spec.Decision == v1alpha1.DecisionSuspend:
		set.True(c, v1alpha1.ReasonBound, "The link is suspended whatever its scope."+earlier)
	case link.Status.SpecHash == "":
		set.False(c, v1alpha1.ReasonPending, "The link has no scope yet; see its conditions."+earlier)
	case link.Status.SpecHash != a.Spec.SpecHash && earlier != "":
		set.False(c, v1alpha1.ReasonApprovalStale, fmt.Sprintf("spec.specHash: the link's scope is %s by now, and no approval counts that is not newer than this rejection.%s", link.Status.SpecHash, earlier))
		how = stalled
	case link.Status.SpecHash != a.Spec.SpecHash:
		set.False(c, v1alpha1.ReasonApprovalStale, fmt.Sprintf("spec.specHash: the link's scope is %s by now; look at it and decide anew with kubectl gov approve.", link.Status.SpecHash))
		how = stalled
	default:
		set.True(c, v1alpha1.ReasonBound, "The decision is for the link's present scope."+earlier)
	}
	set.Summarise(kinds.DataSharingApproval.Ready...)
	finish(&a.Status.StatusBase, set, how)
}

// earlierAuthority says that a decision stands as that of an earlier authority, and
// who lifts it; empty where it does not.
func earlierAuthority(a *v1alpha1.DataSharingApproval, link *v1alpha1.DataSharingLink, side v1alpha1.LinkSide, s settings.Settings) string {
	agency, ok := names.AgencyOf(a.Namespace)
	provider := link != nil && agency == string(link.Spec.Provider.Agency)
	if !ok || side != v1alpha1.SideAuthority || agency == s.AuthorityAgency || provider {
		return ""
	}
	return fmt.Sprintf(" It was given when agency %q was the authority, and stands although that is %q now; %s.", agency, s.AuthorityAgency, lifted(agency, a.Name))
}
