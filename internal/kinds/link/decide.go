package link

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/service"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/text"
)

// Input is everything that decides about a link.
type Input struct {
	Settings settings.Settings
	// Now is the time at which the link is looked at.
	Now  time.Time
	Link *v1alpha1.DataSharingLink
	// Consumer, Service, Provider are the two ends; nil where one is missing.
	Consumer portal.End
	Service  *v1alpha1.DataService
	Provider portal.End
	// Asked is the agency that the link names as its provider, whether it has the
	// service or not; nil when it does not exist.
	Asked *v1alpha1.Agency
	// Authority is the coordinating authority's agency; nil when it does not exist.
	Authority *v1alpha1.Agency
	// AuthorityAbsent is true while there is no such agency, or the namespace of its
	// name is not its own: what is approved there is approved by nobody, and what is
	// suspended or rejected there is.
	AuthorityAbsent bool
	// SiblingLabels are the classes of the other services of the provider's portal,
	// and of those of its agency with the same dataset: the same data under other
	// labels. LabelsUnread is true where one of these can't be read.
	SiblingLabels []v1alpha1.DataClassification
	LabelsUnread  bool
	// OpenPlatform is the shared platform that the provider's portal is, if others
	// reach it without a link.
	OpenPlatform string
	// Via is the portal of the sharing platform; nil when none is available.
	Via portal.End
	// Policies are all SecurityPolicies that can be read. Unread is one that can't and
	// that may select an end; nil for none. What can be read then decides that the
	// link is closed, and nothing decides that it is open.
	Policies []v1alpha1.SecurityPolicy
	Unread   error
	// OtherPods are pods (namespace/name) at the ends that run another program than the
	// scope says, sorted. They are read where the link would be open without them.
	OtherPods []string
	// Approvals are all approvals that name the link, wherever they are.
	Approvals []v1alpha1.DataSharingApproval
}

// Output is what should exist for a link, and why not more.
type Output struct {
	// References are why the ends can't share; empty when they may.
	References []object.Blocker
	// Validity is why the term does not hold; nil while it does.
	Validity *object.Blocker
	// Scope is what an approval approves; nil while the references are not
	// resolved, or when it could not be stored. Hash is its hash.
	Scope *v1alpha1.LinkScope
	Hash  string
	// Provider and Authority are the two sides' verdicts.
	Provider, Authority Verdict
	// AuthorityRequired is true when the authority must approve too.
	AuthorityRequired bool
	// Open is true when traffic may pass.
	Open bool
	// Recording is true when it may pass as soon as it is on record who approved.
	Recording bool
	// Objects that should exist: all halves of the policy pairs, or none.
	Objects []object.Object
	// Readers let the provider and the authority read the link, whether it is open or not.
	Readers []object.Object
}

// decideLink decides about a link with its ends as they are given.
func decideLink(in Input) Output {
	var out Output
	floor := floorOf(in)
	out.References = referenceBlockers(in, floor)
	out.Validity = validityBlocker(in, floor)
	if len(out.References) == 0 && recordable(in.Link.Spec.ValidUntil.Time) {
		scope := buildScope(in)
		out.Scope, out.Hash = &scope, HashScope(scope)
	}
	provider := approvalsOf(in.Approvals, names.Namespace(string(in.Link.Spec.Provider.Agency)))
	authority := authorityApprovals(in)
	out.Provider, out.Authority = decided(provider, out.Hash), decided(authority, out.Hash)
	out.AuthorityRequired = in.Service != nil && floor.NeedsAuthority(classification(in))
	if v, objects := objection(authority, provider, out.Hash); objects && !out.AuthorityRequired && !out.Authority.Approved && !out.Authority.Objects() {
		out.Authority = v
	}
	separateDuties(in, &out, approvers(provider, out.Hash), approvers(authority, out.Hash))
	out.Open = out.Hash != "" && out.Validity == nil && out.Provider.Approved && authorityConsents(out) && in.Link.DeletionTimestamp == nil
	if out.Open {
		out.Objects = linkPolicies(in)
	}
	out.Readers = linkReaders(in)
	return out
}

// classification of the data that a link asks for: the strictest label that the
// provider itself gives to it.
func classification(in Input) v1alpha1.DataClassification {
	var labels []v1alpha1.DataClassification
	if in.Service != nil {
		labels = append(labels, in.Service.Spec.Classification)
	}
	if in.Provider.Portal != nil {
		labels = append(labels, in.Provider.Portal.Spec.DataClassification)
	}
	return policy.Strictest(append(labels, in.SiblingLabels...)...)
}

// separateDuties takes back an approval that would have one person decide for
// two sides. For personal data, who asks is a side too.
func separateDuties(in Input, out *Output, provider, authority []string) {
	var asks []string
	if out.Scope != nil && policy.Protected(out.Scope.Classification) {
		asks = []string{in.Link.Spec.RequestedBy}
	}
	same := func(v *Verdict) { v.Approved, v.Reason = false, v1alpha1.ReasonSameApprover }
	if out.Provider.Approved && !separate(asks, provider) {
		same(&out.Provider)
		return
	}
	if !out.AuthorityRequired || !out.Authority.Approved {
		return
	}
	if !separate(asks, authority) || out.Provider.Approved && !separate(asks, provider, authority) {
		same(&out.Authority)
	}
}

// authorityConsents: where its approval is not required the authority is silent
// by default, and can still suspend or reject.
func authorityConsents(out Output) bool {
	if out.Authority.Approved {
		return true
	}
	return !out.AuthorityRequired && !out.Authority.Objects()
}

func approvalsOf(all []v1alpha1.DataSharingApproval, namespace string) []v1alpha1.DataSharingApproval {
	var out []v1alpha1.DataSharingApproval
	for i := range all {
		if all[i].Namespace == namespace {
			out = append(out, all[i])
		}
	}
	return out
}

// floorOf is the floor of an open link under the policies in force, and of
// one that is not open under whatever is held besides. The demands of two specs
// add up. Their permissions do not: each must permit by itself.
func floorOf(in Input) SharingFloor {
	under := func(policies []v1alpha1.SecurityPolicy) SharingFloor {
		return EffectiveSharingFloor(selecting(in, in.Consumer, policies), selecting(in, in.Provider, policies))
	}
	inForce := under(policy.InForce(in.Policies))
	// All demands of a policy that can't be read are missing, so what remains asks for
	// less; its one permission may be missing too.
	inForce.DirectAllowed = inForce.DirectAllowed || in.Unread != nil
	if object.LinkOpen(in.Link) || !slices.ContainsFunc(in.Policies, func(p v1alpha1.SecurityPolicy) bool { return policy.Pending(&p) }) {
		return inForce
	}
	f := under(policy.ForNew(in.Policies))
	f.DirectAllowed = in.Unread != nil || f.DirectAllowed && inForce.DirectAllowed && under(policy.AsWritten(in.Policies)).DirectAllowed
	return f
}

func selecting(in Input, p portal.End, policies []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	if p.Portal == nil || p.Agency == nil {
		return nil
	}
	level, _ := policy.SecurityLevel(&p.Portal.Spec, in.Settings.SecurityLevels)
	return policy.Selecting(policies, policy.Subject{Level: level, Agency: p.Agency.Name, Exposure: p.Portal.Spec.Exposure})
}

func referenceBlockers(in Input, floor SharingFloor) []object.Blocker {
	spec := &in.Link.Spec
	var out []object.Blocker
	add := func(class object.BlockerClass, reason, format string, args ...any) {
		out = append(out, object.Blocker{Class: class, Reason: reason, Message: fmt.Sprintf(format, args...)})
	}
	std := portal.Standards{Settings: in.Settings, Policies: in.Policies}
	if b := portal.EndBlocker("spec.consumer.portalRef.name", string(spec.Consumer.PortalRef.Name), in.Consumer, std, v1alpha1.ReasonConsumerNotFound); b != nil {
		return []object.Blocker{*b}
	}
	if in.Service == nil || in.Service.DeletionTimestamp != nil {
		add(object.Waiting, v1alpha1.ReasonServiceNotFound, "spec.provider: agency %q has no DataService %q; correct the names, or ask the agency to publish it.", spec.Provider.Agency, spec.Provider.Service)
		return out
	}
	if b := portal.EndBlocker("spec.provider.service", in.Service.Namespace+"/"+in.Service.Name, in.Provider, std, v1alpha1.ReasonServiceNotFound); b != nil {
		return []object.Blocker{*b}
	}
	for _, p := range ends(in) {
		if r := p.Portal.Status.Replacing; r != nil {
			add(object.Waiting, v1alpha1.ReasonEndReplaced, "spec: in portal %s/%s image %s replaces %s, and pods of both may run; the link opens when those of the former are gone, if what runs then is approved.", p.Portal.Namespace, p.Portal.Name, r.To, r.From)
		}
	}
	if len(in.OtherPods) > 0 {
		add(object.Waiting, v1alpha1.ReasonEndReplaced, "spec: pod %s does not run the program of its portal that was approved, or is about to end; the link opens when it is gone.", in.OtherPods[0])
	}
	if in.OpenPlatform != "" {
		out = append(out, *service.PlatformPortalBlocker("spec.provider.service", in.Provider.Portal.Name, in.OpenPlatform))
	}
	if !meta.IsStatusConditionTrue(in.Service.Status.Conditions, v1alpha1.ConditionDatasetOwned) {
		add(object.Waiting, v1alpha1.ReasonServiceNotFound, "spec.provider.service: %q does not own its dataset %q (see its conditions); nothing is shared until it does.", spec.Provider.Service, in.Service.Spec.Dataset)
	}
	if !slices.Contains(flow.Ports(in.Provider.Portal), in.Service.Spec.Port) {
		add(object.Waiting, v1alpha1.ReasonServiceNotFound, "spec.provider.service: port %d of the service is not the portal's port %s; the provider must correct it.", in.Service.Spec.Port, flow.JoinPorts(flow.Ports(in.Provider.Portal)))
	}
	if missing := missingOperations(in); len(missing) > 0 {
		add(object.Terminal, v1alpha1.ReasonOperationNotFound, "spec.operations: service %q has no operation %s; it has %s.", spec.Provider.Service, strings.Join(missing, ", "), strings.Join(object.OperationNames(in.Service.Spec.Operations), ", "))
	}
	if in.LabelsUnread {
		add(object.Waiting, v1alpha1.ReasonUnreadable, "spec.provider.service: a service or a portal of agency %q that may have the same data as %q can't be read, so nobody knows its label; the link opens when that is mended or removed.", spec.Provider.Agency, spec.Provider.Service)
	}
	class := classification(in)
	if policy.Strictest(class, in.Consumer.Portal.Spec.DataClassification) == v1alpha1.ClassificationStateSecret || viaStateSecret(in) {
		add(object.Terminal, v1alpha1.ReasonStateSecret, "spec.provider.service: one of the ends holds state secrets, which are never linked; remove the link.")
	}
	if policy.Protected(class) && text.Fold(string(spec.LegalBasis)) == "" {
		add(object.Terminal, v1alpha1.ReasonLegalBasisMissing, "spec.legalBasis: service %q shares personal data, which needs a legal basis (the strictest label of the service and its portal counts); name the provision that allows it.", spec.Provider.Service)
	}
	if policy.Protected(class) && text.Fold(spec.RequestedBy) == "" {
		add(object.Terminal, v1alpha1.ReasonRequesterMissing, "spec.requestedBy: service %q shares personal data, so it must be known who asks (the strictest label of the service and its portal counts); set it to the user who applies the link.", spec.Provider.Service)
	}
	out = append(out, routeBlockers(in, floor)...)
	return out
}

// ends are the portals that the traffic of a link goes through.
func ends(in Input) []portal.End {
	out := []portal.End{in.Consumer, in.Provider}
	if in.Link.Spec.Route != v1alpha1.RouteDirect && in.Via.Portal != nil {
		out = append(out, in.Via)
	}
	return out
}

func viaStateSecret(in Input) bool {
	return in.Link.Spec.Route != v1alpha1.RouteDirect && in.Via.Portal != nil && in.Via.Portal.Spec.DataClassification == v1alpha1.ClassificationStateSecret
}

func routeBlockers(in Input, floor SharingFloor) []object.Blocker {
	if in.Link.Spec.Route == v1alpha1.RouteDirect {
		if !floor.DirectAllowed {
			return []object.Blocker{{Class: object.Terminal, Reason: v1alpha1.ReasonDirectNotAllowed,
				Message: "spec.route: Direct is not allowed by the policies of both ends; use Platform, or ask the authority for dataSharing.allowDirectRoute."}}
		}
		return nil
	}
	if b := portal.EndBlocker("spec.route", "the sharing platform", in.Via, portal.Standards{Settings: in.Settings, Policies: in.Policies}, v1alpha1.ReasonRouteNotAvailable); b != nil {
		return []object.Blocker{{Class: object.Waiting, Reason: v1alpha1.ReasonRouteNotAvailable,
			Message: "spec.route: no SharedPlatform of type DataSharing with a compliant portal in the cluster is available; the authority must provide one."}}
	}
	return nil
}

func missingOperations(in Input) []string {
	have := object.OperationNames(in.Service.Spec.Operations)
	var missing []string
	for _, o := range in.Link.Spec.Operations {
		if !slices.Contains(have, o) {
			missing = append(missing, o)
		}
	}
	slices.Sort(missing)
	return missing
}
