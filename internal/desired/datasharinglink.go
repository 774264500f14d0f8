package desired

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/text"
)

// PortalWithAgency is a portal and the agency that it belongs to; nil where
// one does not exist.
type PortalWithAgency struct {
	Portal *v1alpha1.AgencyPortal
	Agency *v1alpha1.Agency
}

// LinkInput is everything that decides about a link.
type LinkInput struct {
	Settings settings.Settings
	// Now is the time at which the link is looked at.
	Now  time.Time
	Link *v1alpha1.DataSharingLink
	// Consumer, Service, Provider are the two ends; nil where one is missing.
	Consumer PortalWithAgency
	Service  *v1alpha1.DataService
	Provider PortalWithAgency
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
	Via PortalWithAgency
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

// LinkOutput is what should exist for a link, and why not more.
type LinkOutput struct {
	// References are why the ends can't share; empty when they may.
	References []Blocker
	// Validity is why the term does not hold; nil while it does.
	Validity *Blocker
	// Scope is what an approval approves; nil while the references are not
	// resolved, or when it could not be stored. Hash is its hash.
	Scope *v1alpha1.LinkScope
	Hash  string
	// Provider and Authority are the two sides' verdicts.
	Provider, Authority policy.Verdict
	// AuthorityRequired is true when the authority must approve too.
	AuthorityRequired bool
	// Open is true when traffic may pass.
	Open bool
	// Recording is true when it may pass as soon as it is on record who approved.
	Recording bool
	// Objects that should exist: all halves of the policy pairs, or none.
	Objects []Object
	// Readers let the provider and the authority read the link, whether it is open or not.
	Readers []Object
}

// decideLink decides about a link with its ends as they are given.
func decideLink(in LinkInput) LinkOutput {
	var out LinkOutput
	floor := sharingFloor(in)
	out.References = referenceBlockers(in, floor)
	out.Validity = validityBlocker(in, floor)
	if len(out.References) == 0 && recordable(in.Link.Spec.ValidUntil.Time) {
		scope := scopeOf(in)
		out.Scope, out.Hash = &scope, policy.HashScope(scope)
	}
	provider := approvalsOf(in.Approvals, names.Namespace(string(in.Link.Spec.Provider.Agency)))
	authority := authorityApprovals(in)
	out.Provider, out.Authority = policy.Decide(provider, out.Hash), policy.Decide(authority, out.Hash)
	out.AuthorityRequired = in.Service != nil && floor.NeedsAuthority(Classification(in))
	if v, objects := policy.Objection(authority, provider, out.Hash); objects && !out.AuthorityRequired && !out.Authority.Approved && !out.Authority.Objects() {
		out.Authority = v
	}
	separateDuties(in, &out, policy.Approvers(provider, out.Hash), policy.Approvers(authority, out.Hash))
	out.Open = out.Hash != "" && out.Validity == nil && out.Provider.Approved && authorityConsents(out) && in.Link.DeletionTimestamp == nil
	if out.Open {
		out.Objects = linkPolicies(in)
	}
	out.Readers = linkReaders(in)
	return out
}

// Classification of the data that a link asks for: the strictest label that the
// provider itself gives to it.
func Classification(in LinkInput) v1alpha1.DataClassification {
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
func separateDuties(in LinkInput, out *LinkOutput, provider, authority []string) {
	var asks []string
	if out.Scope != nil && policy.Protected(out.Scope.Classification) {
		asks = []string{in.Link.Spec.RequestedBy}
	}
	same := func(v *policy.Verdict) { v.Approved, v.Reason = false, v1alpha1.ReasonSameApprover }
	if out.Provider.Approved && !policy.Separate(asks, provider) {
		same(&out.Provider)
		return
	}
	if !out.AuthorityRequired || !out.Authority.Approved {
		return
	}
	if !policy.Separate(asks, authority) || out.Provider.Approved && !policy.Separate(asks, provider, authority) {
		same(&out.Authority)
	}
}

// authorityConsents: where its approval is not required the authority is silent
// by default, and can still suspend or reject.
func authorityConsents(out LinkOutput) bool {
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

// sharingFloor is the floor of an open link under the policies in force, and of
// one that is not open under whatever is held besides. The demands of two specs
// add up. Their permissions do not: each must permit by itself.
func sharingFloor(in LinkInput) policy.SharingFloor {
	under := func(policies []v1alpha1.SecurityPolicy) policy.SharingFloor {
		return policy.EffectiveSharingFloor(selecting(in, in.Consumer, policies), selecting(in, in.Provider, policies))
	}
	inForce := under(policy.InForce(in.Policies))
	// All demands of a policy that can't be read are missing, so what remains asks for
	// less; its one permission may be missing too.
	inForce.DirectAllowed = inForce.DirectAllowed || in.Unread != nil
	if LinkOpen(in.Link) || !slices.ContainsFunc(in.Policies, func(p v1alpha1.SecurityPolicy) bool { return policy.Pending(&p) }) {
		return inForce
	}
	f := under(policy.ForNew(in.Policies))
	f.DirectAllowed = in.Unread != nil || f.DirectAllowed && inForce.DirectAllowed && under(policy.AsWritten(in.Policies)).DirectAllowed
	return f
}

// LinkOpen reports whether a link is open with its present spec: policies of it
// exist. It is no more than that even while one of them can't be written.
func LinkOpen(l *v1alpha1.DataSharingLink) bool {
	return l.Status.ObservedGeneration == l.Generation && Wrote(l.Status.Inventory, "NetworkPolicy")
}

func selecting(in LinkInput, p PortalWithAgency, policies []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	if p.Portal == nil || p.Agency == nil {
		return nil
	}
	level, _ := policy.SecurityLevel(&p.Portal.Spec, in.Settings.SecurityLevels)
	return policy.Selecting(policies, policy.Subject{Level: level, Agency: p.Agency.Name, Exposure: p.Portal.Spec.Exposure})
}

func referenceBlockers(in LinkInput, floor policy.SharingFloor) []Blocker {
	spec := &in.Link.Spec
	var out []Blocker
	add := func(class BlockerClass, reason, format string, args ...any) {
		out = append(out, Blocker{Class: class, Reason: reason, Message: fmt.Sprintf(format, args...)})
	}
	std := standards{in.Settings, in.Policies}
	if b := endBlocker("spec.consumer.portalRef.name", string(spec.Consumer.PortalRef.Name), in.Consumer, std, v1alpha1.ReasonConsumerNotFound); b != nil {
		return []Blocker{*b}
	}
	if in.Service == nil || in.Service.DeletionTimestamp != nil {
		add(Waiting, v1alpha1.ReasonServiceNotFound, "spec.provider: agency %q has no DataService %q; correct the names, or ask the agency to publish it.", spec.Provider.Agency, spec.Provider.Service)
		return out
	}
	if b := endBlocker("spec.provider.service", in.Service.Namespace+"/"+in.Service.Name, in.Provider, std, v1alpha1.ReasonServiceNotFound); b != nil {
		return []Blocker{*b}
	}
	for _, p := range ends(in) {
		if r := p.Portal.Status.Replacing; r != nil {
			add(Waiting, v1alpha1.ReasonEndReplaced, "spec: in portal %s/%s image %s replaces %s, and pods of both may run; the link opens when those of the former are gone, if what runs then is approved.", p.Portal.Namespace, p.Portal.Name, r.To, r.From)
		}
	}
	if len(in.OtherPods) > 0 {
		add(Waiting, v1alpha1.ReasonEndReplaced, "spec: pod %s does not run the program of its portal that was approved, or is about to end; the link opens when it is gone.", in.OtherPods[0])
	}
	if in.OpenPlatform != "" {
		out = append(out, *platformPortalBlocker("spec.provider.service", in.Provider.Portal.Name, in.OpenPlatform))
	}
	if !meta.IsStatusConditionTrue(in.Service.Status.Conditions, v1alpha1.ConditionDatasetOwned) {
		add(Waiting, v1alpha1.ReasonServiceNotFound, "spec.provider.service: %q does not own its dataset %q (see its conditions); nothing is shared until it does.", spec.Provider.Service, in.Service.Spec.Dataset)
	}
	if !slices.Contains(Ports(in.Provider.Portal), in.Service.Spec.Port) {
		add(Waiting, v1alpha1.ReasonServiceNotFound, "spec.provider.service: port %d of the service is not the portal's port %s; the provider must correct it.", in.Service.Spec.Port, joinPorts(Ports(in.Provider.Portal)))
	}
	if missing := missingOperations(in); len(missing) > 0 {
		add(Terminal, v1alpha1.ReasonOperationNotFound, "spec.operations: service %q has no operation %s; it has %s.", spec.Provider.Service, strings.Join(missing, ", "), strings.Join(operationNames(in.Service.Spec.Operations), ", "))
	}
	if in.LabelsUnread {
		add(Waiting, v1alpha1.ReasonUnreadable, "spec.provider.service: a service or a portal of agency %q that may have the same data as %q can't be read, so nobody knows its label; the link opens when that is mended or removed.", spec.Provider.Agency, spec.Provider.Service)
	}
	class := Classification(in)
	if policy.Strictest(class, in.Consumer.Portal.Spec.DataClassification) == v1alpha1.ClassificationStateSecret || viaStateSecret(in) {
		add(Terminal, v1alpha1.ReasonStateSecret, "spec.provider.service: one of the ends holds state secrets, which are never linked; remove the link.")
	}
	if policy.Protected(class) && text.Fold(string(spec.LegalBasis)) == "" {
		add(Terminal, v1alpha1.ReasonLegalBasisMissing, "spec.legalBasis: service %q shares personal data, which needs a legal basis (the strictest label of the service and its portal counts); name the provision that allows it.", spec.Provider.Service)
	}
	if policy.Protected(class) && text.Fold(spec.RequestedBy) == "" {
		add(Terminal, v1alpha1.ReasonRequesterMissing, "spec.requestedBy: service %q shares personal data, so it must be known who asks (the strictest label of the service and its portal counts); set it to the user who applies the link.", spec.Provider.Service)
	}
	out = append(out, routeBlockers(in, floor)...)
	return out
}

// ends are the portals that the traffic of a link goes through.
func ends(in LinkInput) []PortalWithAgency {
	out := []PortalWithAgency{in.Consumer, in.Provider}
	if in.Link.Spec.Route != v1alpha1.RouteDirect && in.Via.Portal != nil {
		out = append(out, in.Via)
	}
	return out
}

func viaStateSecret(in LinkInput) bool {
	return in.Link.Spec.Route != v1alpha1.RouteDirect && in.Via.Portal != nil && in.Via.Portal.Spec.DataClassification == v1alpha1.ClassificationStateSecret
}

// endBlocker tells why a portal can't be an end of a link. A portal that is
// merely not available right now still can, and so can one whose newest spec is
// not looked at yet, or violates a standard while the last compliant one runs: what
// runs is what counts. What is stored about it is not enough, since it may be old
// and nobody may be able to write it: what runs is held against the present
// standards here too.
func endBlocker(field, name string, p PortalWithAgency, std standards, missing string) *Blocker {
	switch {
	case p.Portal == nil || p.Portal.DeletionTimestamp != nil || p.Agency == nil:
		return &Blocker{Class: Waiting, Reason: missing, Message: fmt.Sprintf("%s: the portal of %q does not exist; create it or correct the name.", field, name)}
	case p.Agency.Spec.Suspended || Offboards(p.Agency):
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonSuspended, Message: fmt.Sprintf("%s: agency %q is suspended or being removed; its links are closed.", field, p.Agency.Name)}
	case !complies(p.Portal) && !judged(p.Portal):
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonEndNotCompliant, Message: fmt.Sprintf("%s: portal %s/%s is not held against its policies yet (see its conditions); the link waits.", field, p.Portal.Namespace, p.Portal.Name)}
	case !complies(p.Portal), !std.met(running(p)):
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonEndNotCompliant, Message: fmt.Sprintf("%s: portal %s/%s does not meet its policies (see its conditions); the link waits until it does.", field, p.Portal.Namespace, p.Portal.Name)}
	default:
		return nil
	}
}

func routeBlockers(in LinkInput, floor policy.SharingFloor) []Blocker {
	if in.Link.Spec.Route == v1alpha1.RouteDirect {
		if !floor.DirectAllowed {
			return []Blocker{{Class: Terminal, Reason: v1alpha1.ReasonDirectNotAllowed,
				Message: "spec.route: Direct is not allowed by the policies of both ends; use Platform, or ask the authority for dataSharing.allowDirectRoute."}}
		}
		return nil
	}
	if b := endBlocker("spec.route", "the sharing platform", in.Via, standards{in.Settings, in.Policies}, v1alpha1.ReasonRouteNotAvailable); b != nil {
		return []Blocker{{Class: Waiting, Reason: v1alpha1.ReasonRouteNotAvailable,
			Message: "spec.route: no SharedPlatform of type DataSharing with a compliant portal in the cluster is available; the authority must provide one."}}
	}
	return nil
}

func missingOperations(in LinkInput) []string {
	have := operationNames(in.Service.Spec.Operations)
	var missing []string
	for _, o := range in.Link.Spec.Operations {
		if !slices.Contains(have, o) {
			missing = append(missing, o)
		}
	}
	slices.Sort(missing)
	return missing
}

func operationNames(ops []v1alpha1.Operation) []string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = o.Name
	}
	slices.Sort(out)
	return out
}

// ScopeOf returns what an approval of the link approves; ok is false while there
// is no scope.
func ScopeOf(in LinkInput) (scope v1alpha1.LinkScope, ok bool) {
	in, _ = onWhatComes(in)
	if len(referenceBlockers(in, sharingFloor(in))) > 0 || !recordable(in.Link.Spec.ValidUntil.Time) {
		return v1alpha1.LinkScope{}, false
	}
	return scopeOf(in), true
}

func scopeOf(in LinkInput) v1alpha1.LinkScope {
	l, svc := in.Link, in.Service
	s := v1alpha1.LinkScope{
		LinkUID: l.UID, LinkGeneration: l.Generation,
		Consumer:       end(in, in.Consumer),
		Provider:       end(in, in.Provider),
		Service:        v1alpha1.LinkScopeService{Agency: v1alpha1.AgencyName(in.Provider.Agency.Name), Name: svc.Name, UID: svc.UID},
		Operations:     OperationsOf(l, svc),
		Port:           svc.Spec.Port,
		Classification: Classification(in),
		Purpose:        string(l.Spec.Purpose),
		LegalBasis:     string(l.Spec.LegalBasis),
		ValidUntil:     metav1.NewTime(l.Spec.ValidUntil.UTC().Truncate(time.Second)),
		Route:          l.Spec.Route,
		RequestedBy:    l.Spec.RequestedBy,
	}
	if l.Spec.RateLimit != nil {
		s.RequestsPerSecond = l.Spec.RateLimit.RequestsPerSecond
	}
	if l.Spec.Route != v1alpha1.RouteDirect {
		via := end(in, in.Via)
		s.Via = &via
	}
	return s
}

// OperationsOf returns the operations of a service that a link asks for.
func OperationsOf(l *v1alpha1.DataSharingLink, svc *v1alpha1.DataService) []v1alpha1.Operation {
	var out []v1alpha1.Operation
	for _, o := range svc.Spec.Operations {
		if slices.Contains(l.Spec.Operations, o.Name) {
			out = append(out, o)
		}
	}
	return out
}

// end is a portal with what is material about it. What is not named here, such
// as its replicas, resources or a new release of the same program, may change
// without a new approval.
func end(in LinkInput, p PortalWithAgency) v1alpha1.LinkScopeEnd {
	e := facts(in.Settings, &p.Portal.Spec)
	e.Agency, e.Name, e.UID = v1alpha1.AgencyName(p.Agency.Name), p.Portal.Name, p.Portal.UID
	return e
}

// linkPolicies builds the pairs: one for the direct route, two over the sharing
// platform, which then is the only one that the provider lets in.
func linkPolicies(in LinkInput) []Object {
	s := scope{owner: names.OwnerOf(v1alpha1.KindDataSharingLink, in.Link)}
	from, to, ports := flowEnd(in.Consumer), flowEnd(in.Provider), Ports(in.Provider.Portal)
	id := names.Link(in.Link.Namespace, in.Link.Name)
	if in.Link.Spec.Route == v1alpha1.RouteDirect {
		return policyPair(s, id, from, to, ports)
	}
	via := flowEnd(in.Via)
	var out []Object
	if via != from {
		out = append(out, policyPair(s, id+"-in", from, via, Ports(in.Via.Portal))...)
	}
	if via != to {
		out = append(out, policyPair(s, id+"-out", via, to, ports)...)
	}
	return out
}

func flowEnd(p PortalWithAgency) portalEnd {
	return portalEnd{agency: p.Agency.Name, namespace: p.Portal.Namespace, portal: p.Portal.Name}
}
