package portal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// Input is everything that decides about a portal.
type Input struct {
	Settings settings.Settings
	Portal   *v1alpha1.AgencyPortal
	// Agency that the namespace belongs to; nil when there is none.
	Agency *v1alpha1.Agency
	// NamespaceGuarded is true when the namespace is the agency's own and its
	// default deny is observed in force.
	NamespaceGuarded bool
	// NamespaceOrphaned is true when there is no Agency, and the namespace still is
	// the one that the operator made for it.
	NamespaceOrphaned bool
	// HasGuard is true when the portal's own deny-all is there, although no status
	// names it.
	HasGuard bool
	// Policies are all SecurityPolicies that can be read. Unread is something that can't
	// and concerns the portal; nil for nothing. What can be read then decides what may
	// not be open, and nothing else.
	Policies []v1alpha1.SecurityPolicy
	Unread   error
	// HostnameHolders names, for each host name that an older portal holds, that
	// portal as namespace/name.
	HostnameHolders map[v1alpha1.DNSName]string
	// HostnameZones are, for each host name, the most specific zone of any agency
	// that it lies in; those in none are left out.
	HostnameZones map[v1alpha1.DNSName]agency.Zone
	// OneStopHolder is the older portal of the agency with a one-stop system.
	OneStopHolder string
	// Platforms are the shared platforms that the portal, or its last compliant
	// spec, references, by name.
	Platforms map[string]ReferencedPlatform
	// Provided are the UIDs of the platforms that the portal agrees to be; those that
	// do not exist are left out.
	Provided map[v1alpha1.ObjectName]types.UID
	// OlderSiblings is the number of older portals of the agency.
	OlderSiblings int
	// RunningSiblings is the number of younger portals of the agency that have
	// started. What has started keeps its place.
	RunningSiblings int
	// Deployment as observed; nil when there is none. It decides which ports stay
	// open during a rollout, and otherwise enters the status only.
	Deployment *appsv1.Deployment
	// Autoscaler and Budget as observed; nil when there is none. They enter the
	// status only.
	Autoscaler *autoscalingv2.HorizontalPodAutoscaler
	Budget     *policyv1.PodDisruptionBudget
	// LinkPolicies are the network policies of links that open the portal's pods,
	// sorted. They are read while something of the portal is being replaced, or nothing
	// of its own runs.
	LinkPolicies []string
	// NetworkPolicies are the names of the portal's own network policies, in whatever
	// namespace, sorted. They are read while no record says what runs.
	NetworkPolicies []string
	// ForeignPods carry the portal's label and are not of its Deployment, sorted.
	ForeignPods []string
	// Now is the time at which the portal is looked at. It enters the status only.
	Now time.Time
}

// Output is what should exist for a portal, and why not more.
type Output struct {
	// Level is the computed security level, Criteria what gave it.
	Level    v1alpha1.SecurityLevel
	Criteria []string
	// Policies are the names of the policies that select the portal.
	Policies []string
	// Findings are what the spec does not meet.
	Findings []v1alpha1.PolicyFinding
	// Blockers are why the spec's workload must not run; empty when it may.
	Blockers []object.Blocker
	// Exposure are why the portal can't be exposed as it asks.
	Exposure []object.Blocker
	// Platforms are why a referenced platform can't be used.
	Platforms []object.Blocker
	// Running is the spec whose workload is written: the portal's own, the last
	// compliant one, or nil for none.
	Running *v1alpha1.AgencyPortalSpec
	// Ports on which the pods listen, the oldest first: that of Running, and those
	// from before while pods still have them.
	Ports []int32
	// Consents are the platforms that the portal's agency agreed to.
	Consents []v1alpha1.PlatformConsent
	// Beyond is why the portal would not start if it had not started already; nil
	// while it is within its agency's quota.
	Beyond *object.Blocker
	// Replacing is what of the portal's program is being replaced; nil for nothing.
	// Recording is true in the rounds before the new one is written.
	Replacing *v1alpha1.PortalReplacement
	Recording bool
	// LastFailed is true when the last compliant spec was held against the standards
	// and does not meet them any more.
	LastFailed bool
	// Unrecorded is true when the newest spec may not run, and what runs stays
	// although the status does not know its spec.
	Unrecorded bool
	// Ways are the names of the policies to platforms, and Given those that the portal
	// is given at present. Under a hold the others close, and nothing else does.
	Ways  []string
	Given []object.Object
	// Hold keeps the present workload as it is: what it rests on is being
	// repaired, or is not known, and neither creating nor removing would be right.
	Hold bool
	// Objects that should exist.
	Objects []object.Object
}

// Decide builds a portal's objects. The guards are always among them; the
// workload only when nothing blocks it. A spec that violates an enforced policy, or
// lacks what the operator itself demands, leaves the last compliant spec running, if
// that one still meets the policies.
func Decide(in Input) Output {
	spec := &in.Portal.Spec
	s := Scope(in)
	rendered := judge(s, in, spec, object.IsLastCompliant(in.Portal))
	out := Output{Level: rendered.subject.Level, Criteria: rendered.criteria, Findings: rendered.Findings, Consents: PlatformConsents(in)}
	out.addPolicies(rendered)
	_, out.Platforms = platformFlows(s, in, spec)
	out.Exposure = exposureBlockers(in)
	out.Blockers, out.Hold = blockers(in)
	own := keeps(in, len(out.Blockers) == 0 || out.Hold)
	out.Findings = slices.Concat(own, out.Findings)
	if b := beyondQuota(in); b != nil && started(in.Portal, in.Deployment) {
		out.Beyond = b
	}
	violated := policy.Blocking(out.Findings)
	switch {
	case len(out.Blockers) > 0:
		// Not even the last compliant spec may run, but under a hold it does.
		if last, r := lastCompliant(s, in); out.Hold && last != nil {
			out.also(r)
		}
	case len(violated) > 0:
		out.keep(s, in, &rendered, own)
	default:
		out.Running = spec
	}
	out.replace(s, in, &rendered)
	if len(violated) > 0 {
		out.Blockers = append(out.Blockers, object.Blocker{Class: classOf(in, violated), Reason: v1alpha1.ReasonViolation, Message: violationMessage(violated)})
	}
	if out.Hold {
		out.Ways, out.Given = ways(s, in)
	}
	if (in.Agency == nil || !in.NamespaceGuarded) && len(in.Portal.Status.Inventory) == 0 && !in.HasGuard {
		// The namespace is not known to be the agency's, and nothing ran in it.
		return out
	}
	out.Objects = []object.Object{Guard(in.Portal)}
	if out.Running != nil {
		out.Ports = rendered.ports
		out.Objects = append(out.Objects, rendered.objects...)
	}
	return out
}

// addPolicies adds the policies that select a spec, each once, those of the newest
// spec first.
func (out *Output) addPolicies(r Rendering) {
	for i := range r.Selected {
		if name := r.Selected[i].Name; !slices.Contains(out.Policies, name) {
			out.Policies = append(out.Policies, name)
		}
	}
}

// replace decides whether what is to run is written now, or the replacement of what
// runs is recorded first.
func (out *Output) replace(s object.Scope, in Input, rendered *Rendering) {
	if out.Running == nil {
		// Nothing new is written, so nothing shows that the pods are gone.
		out.Replacing = in.Portal.Status.Replacing
		return
	}
	out.Replacing, out.Recording = replace(in, out.Running)
	// A suspension waits for nothing, and starts nothing.
	out.Recording = out.Recording && !suspended(in)
	if last, r := lastCompliant(s, in); out.Recording && last != nil && ownDeployment(in) {
		out.Running, *rendered = last, r
		out.also(r)
	} else if out.Recording {
		// What runs is not known to the status, and stays until the record is; what does
		// not run is not started for the wait.
		out.Running, out.Hold = nil, true
		out.Blockers = []object.Blocker{{Class: object.Waiting, Reason: v1alpha1.ReasonRecording, Message: recordingMessage(in, out.Replacing)}}
	}
}

// Guard builds the policy that denies a portal's pods everything. It needs
// nothing but the portal, so that its removal needs nothing either.
func Guard(p *v1alpha1.AgencyPortal) *networkingv1.NetworkPolicy {
	return flow.DenyAll(scopeOfPortal(p), names.Child(p.Name, "deny"), flow.PortalLabels(p.Name))
}

func suspended(in Input) bool { return in.Agency != nil && in.Agency.Spec.Suspended }

func blockers(in Input) (out []object.Blocker, hold bool) {
	ns := in.Portal.Namespace
	if in.NamespaceOrphaned {
		// An Agency that is off-boarded goes after its portals. This one lost its
		// finalizer, and may come back.
		return []object.Blocker{{Class: object.Waiting, Reason: v1alpha1.ReasonAgencyNotFound,
			Message: fmt.Sprintf("metadata.namespace: the Agency of %q is gone and its namespace is not; nothing is started or removed until the platform team applies the Agency again with spec.adoptNamespace.", ns)}}, true
	}
	if in.Agency == nil {
		return []object.Blocker{{Class: object.Waiting, Reason: v1alpha1.ReasonAgencyNotFound,
			Message: fmt.Sprintf("metadata.namespace: %q belongs to no Agency; create the portal in the namespace agency-<name> of an Agency, or ask the platform team to create the Agency.", ns)}}, false
	}
	if agency.Offboards(in.Agency) {
		return []object.Blocker{{Class: object.Waiting, Reason: v1alpha1.ReasonOffboarding,
			Message: fmt.Sprintf("Agency %q is being removed; nothing is started for it.", in.Agency.Name)}}, false
	}
	if !in.NamespaceGuarded {
		return []object.Blocker{{Class: object.Waiting, Reason: v1alpha1.ReasonAgencyNotReady,
			Message: fmt.Sprintf("Agency %q: its namespace is not guarded yet (see conditions of the Agency); nothing is started before its default deny exists.", in.Agency.Name)}}, true
	}
	if b := beyondQuota(in); b != nil && !started(in.Portal, in.Deployment) {
		out = append(out, *b)
	}
	if b := awaitedPlatform(in); b != nil && !started(in.Portal, in.Deployment) {
		out = append(out, *b)
	}
	if secondOneStop(in) && !started(in.Portal, in.Deployment) {
		out = append(out, object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDuplicateOneStop,
			Message: fmt.Sprintf("spec.components: agency %q already has the one-stop system %q, and has at most one; merge the two or remove the component OneStop.", in.Agency.Name, in.OneStopHolder)})
	}
	return out, false
}

// started reports whether a portal's Deployment stands, or is to be made again:
// it is the portal's own by its mark, or the operator wrote it into the status.
func started(p *v1alpha1.AgencyPortal, d *appsv1.Deployment) bool {
	return d != nil && names.OwnerOf(v1alpha1.KindAgencyPortal, p).Owns(d) || WritesDeployment(p)
}

// WritesDeployment reports whether a portal's status has a Deployment among what
// the operator made for it.
func WritesDeployment(p *v1alpha1.AgencyPortal) bool {
	return object.Wrote(p.Status.Inventory, "Deployment")
}

// beyondQuota returns why a portal may not start; nil when there is room for it.
// A lowered figure stops nothing that runs, so what runs takes its place first.
func beyondQuota(in Input) *object.Blocker {
	if in.Agency == nil {
		return nil
	}
	most := agency.PortalQuota(in.Agency)
	if in.OlderSiblings+in.RunningSiblings < most {
		return nil
	}
	return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonPortalQuota,
		Message: fmt.Sprintf("spec.quota.portals of Agency %q is %d, and other portals use it up; remove one of them, or ask the platform team to raise it.", in.Agency.Name, most)}
}

func violationMessage(findings []v1alpha1.PolicyFinding) string {
	parts := make([]string, len(findings))
	for i, f := range findings {
		parts[i] = fmt.Sprintf("policy %s, control %s: found %s, wanted %s", f.Policy, f.Control, f.Found, f.Wanted)
	}
	return strings.Join(parts, "; ") + ". Change the spec, or ask the authority to change the standard or whom it selects."
}

// keep leaves the last compliant spec running in place of a newest one that may not.
// What the operator itself demands, own, starts nothing and stops nothing.
func (out *Output) keep(s object.Scope, in Input, rendered *Rendering, own []v1alpha1.PolicyFinding) {
	if len(own) > 0 && !started(in.Portal, in.Deployment) {
		return
	}
	last, r := lastCompliant(s, in)
	switch {
	case last != nil:
		out.Running, *rendered = last, r
		out.also(r)
	case in.Portal.Status.LastCompliant == nil && len(policy.Blocking(rendered.Findings)) == 0:
		// What runs is not known to the status, and no standard forbids it.
		out.Hold = true
	case staysUnrecorded(s, in, *rendered):
		out.Hold, out.Unrecorded = true, true
	default:
		out.LastFailed = true
	}
}

// also adds what is known of the spec that runs in place of the newest one: the
// policies that select it, what they find without forbidding it, and its level
// where that is the higher one.
func (out *Output) also(r Rendering) {
	out.addPolicies(r)
	out.Level = max(out.Level, r.subject.Level)
	for _, f := range r.Findings {
		if !slices.Contains(out.Findings, f) {
			out.Findings = append(out.Findings, f)
		}
	}
}
