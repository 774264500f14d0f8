package desired

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// PortalInput is everything that decides about a portal.
type PortalInput struct {
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
	HostnameZones map[v1alpha1.DNSName]Zone
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

// PortalOutput is what should exist for a portal, and why not more.
type PortalOutput struct {
	// Level is the computed security level, Criteria what gave it.
	Level    v1alpha1.SecurityLevel
	Criteria []string
	// Policies are the names of the policies that select the portal.
	Policies []string
	// Findings are what the spec does not meet.
	Findings []v1alpha1.PolicyFinding
	// Blockers are why the spec's workload must not run; empty when it may.
	Blockers []Blocker
	// Exposure are why the portal can't be exposed as it asks.
	Exposure []Blocker
	// Platforms are why a referenced platform can't be used.
	Platforms []Blocker
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
	Beyond *Blocker
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
	Given []Object
	// Hold keeps the present workload as it is: what it rests on is being
	// repaired, or is not known, and neither creating nor removing would be right.
	Hold bool
	// Objects that should exist.
	Objects []Object
}

// AgencyPortal builds a portal's objects. The guards are always among them; the
// workload only when nothing blocks it. A spec that violates an enforced policy, or
// lacks what the operator itself demands, leaves the last compliant spec running, if
// that one still meets the policies.
func AgencyPortal(in PortalInput) PortalOutput {
	spec := &in.Portal.Spec
	s := portalScope(in)
	rendered := judge(s, in, spec, isLastCompliant(in.Portal))
	out := PortalOutput{Level: rendered.subject.Level, Criteria: rendered.criteria, Findings: rendered.findings, Consents: platformConsents(in)}
	out.selectedBy(rendered)
	_, out.Platforms = platformFlows(s, in, spec)
	out.Exposure = exposureBlockers(in)
	out.Blockers, out.Hold = blockers(in)
	own := keeps(in, len(out.Blockers) == 0 || out.Hold)
	out.Findings = slices.Concat(own, out.Findings)
	if b := beyondQuota(in); b != nil && Started(in.Portal, in.Deployment) {
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
		out.Blockers = append(out.Blockers, Blocker{Class: classOf(in, violated), Reason: v1alpha1.ReasonViolation, Message: violationMessage(violated)})
	}
	if out.Hold {
		out.Ways, out.Given = ways(s, in)
	}
	if (in.Agency == nil || !in.NamespaceGuarded) && len(in.Portal.Status.Inventory) == 0 && !in.HasGuard {
		// The namespace is not known to be the agency's, and nothing ran in it.
		return out
	}
	out.Objects = []Object{PortalGuard(in.Portal)}
	if out.Running != nil {
		out.Ports = rendered.ports
		out.Objects = append(out.Objects, rendered.objects...)
	}
	return out
}

// selectedBy adds the policies that select a spec, each once, those of the newest
// spec first.
func (out *PortalOutput) selectedBy(r rendering) {
	for i := range r.selected {
		if name := r.selected[i].Name; !slices.Contains(out.Policies, name) {
			out.Policies = append(out.Policies, name)
		}
	}
}

// replace decides whether what is to run is written now, or the replacement of what
// runs is recorded first.
func (out *PortalOutput) replace(s scope, in PortalInput, rendered *rendering) {
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
		out.Blockers = []Blocker{{Class: Waiting, Reason: v1alpha1.ReasonRecording, Message: RecordingMessage(in, out.Replacing)}}
	}
}

// PortalGuard builds the policy that denies a portal's pods everything. It needs
// nothing but the portal, so that its removal needs nothing either.
func PortalGuard(p *v1alpha1.AgencyPortal) *networkingv1.NetworkPolicy {
	return denyAllNetworkPolicy(scopeOfPortal(p), names.Child(p.Name, "deny"), portalLabels(p.Name))
}

func portalScope(in PortalInput) scope {
	s := scopeOfPortal(in.Portal)
	if in.Agency != nil {
		s.agency = in.Agency.Name
	}
	return s
}

func scopeOfPortal(p *v1alpha1.AgencyPortal) scope {
	s := scope{owner: names.OwnerOf(v1alpha1.KindAgencyPortal, p), portal: p.Name, namespace: p.Namespace, reference: true}
	s.agency, _ = names.AgencyOf(p.Namespace)
	return s
}

// rendering is a spec with everything that follows from it.
type rendering struct {
	subject  policy.Subject
	criteria []string
	selected []v1alpha1.SecurityPolicy
	findings []v1alpha1.PolicyFinding
	ports    []int32
	objects  []Object
}

// isLastCompliant reports whether the portal's spec is the one that runs.
func isLastCompliant(p *v1alpha1.AgencyPortal) bool {
	return p.Status.LastCompliant != nil && equality.Semantic.DeepEqual(&p.Spec, p.Status.LastCompliant)
}

// judge renders a spec under the policies that apply to it. What runs already
// meets held policies too where it can, so that one that started under them is
// not written anew; where it can't, the policies in force alone decide, and the
// held ones' findings are reported for the agency to prepare.
func judge(s scope, in PortalInput, spec *v1alpha1.AgencyPortalSpec, runs bool) rendering {
	r := render(s, in, spec, policy.ForNew(in.Policies))
	meets := len(policy.Blocking(r.findings)) == 0
	if !runs || meets && startedUnder(in, r.selected) {
		return r
	}
	kept := render(s, in, spec, policy.InForce(in.Policies))
	if meets && len(policy.Isolation(r.selected, deploymentOf(kept).Spec.Template)) == 0 {
		return r
	}
	for _, held := range policy.Held(in.Policies) {
		accepted := render(s, in, spec, policy.InForce(policy.Accept(in.Policies, &held)))
		for _, f := range policy.Blocking(accepted.findings) {
			if f.Policy == held.Name && !slices.Contains(kept.findings, f) {
				f.Mode = v1alpha1.ModeHeld
				kept.findings = append(kept.findings, f)
			}
		}
	}
	kept.selected = r.selected
	return kept
}

// startedUnder reports whether the pods that run are isolated as policies demand.
// A runtime class or node pool that is held is never written into what runs: if
// there is none of that name, no pod of the portal could be made any more.
func startedUnder(in PortalInput, selected []v1alpha1.SecurityPolicy) bool {
	return in.Deployment != nil && len(policy.Isolation(selected, in.Deployment.Spec.Template)) == 0
}

func deploymentOf(r rendering) *appsv1.Deployment {
	for _, o := range r.objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			return d
		}
	}
	return &appsv1.Deployment{}
}

func render(s scope, in PortalInput, spec *v1alpha1.AgencyPortalSpec, policies []v1alpha1.SecurityPolicy) rendering {
	var r rendering
	r.subject = policy.Subject{Agency: s.agency, Exposure: spec.Exposure}
	r.subject.Level, r.criteria = policy.SecurityLevel(spec, in.Settings.SecurityLevels)
	r.selected = policy.Selecting(policies, r.subject)
	workload := deployment(s, in, spec, r.subject, policy.EffectiveFloor(r.selected))
	r.ports = servedPorts(in, spec)
	base := baseNetworkPolicy(s, in, spec, r.ports)
	flows, _ := platformFlows(s, in, spec)
	budget := podDisruptionBudget(s, spec.Replicas)
	// Two specs of one policy may find the same.
	r.findings = slices.Compact(policy.Evaluate(r.selected, bySettings(in, control.Workload{
		Template: workload.Spec.Template, MinReplicas: spec.Replicas.Min,
		HasDisruptionBudget: budget != nil, Policies: append(networkPolicies(flows), base),
	})))
	r.objects = append(r.objects, serviceAccount(s), workload, service(s, spec, r.ports))
	if budget != nil {
		r.objects = append(r.objects, budget)
	}
	if suspended(in) {
		// Suspension closes the traffic and leaves nothing that could scale up.
		return r
	}
	r.objects = append(append(r.objects, base), flows...)
	if hpa := horizontalPodAutoscaler(s, spec); hpa != nil {
		r.objects = append(r.objects, hpa)
	}
	return r
}

// bySettings adds to a workload what it is judged by of the installation.
func bySettings(in PortalInput, w control.Workload) control.Workload {
	w.NameServers, w.Networks = in.Settings.ClusterDNS.Addresses, in.Settings.Networks
	w.PodSecurityVersion = in.Settings.PodSecurityVersion
	return w
}

func networkPolicies(objects []Object) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, o := range objects {
		if p, ok := o.(*networkingv1.NetworkPolicy); ok {
			out = append(out, p)
		}
	}
	return out
}

func lastCompliant(s scope, in PortalInput) (*v1alpha1.AgencyPortalSpec, rendering) {
	spec := in.Portal.Status.LastCompliant
	if spec == nil {
		return nil, rendering{}
	}
	r := judge(s, in, spec, true)
	if len(policy.Blocking(r.findings)) > 0 {
		return nil, rendering{}
	}
	return spec, r
}

func suspended(in PortalInput) bool { return in.Agency != nil && in.Agency.Spec.Suspended }

func blockers(in PortalInput) (out []Blocker, hold bool) {
	ns := in.Portal.Namespace
	if in.NamespaceOrphaned {
		// An Agency that is off-boarded goes after its portals. This one lost its
		// finalizer, and may come back.
		return []Blocker{{Class: Waiting, Reason: v1alpha1.ReasonAgencyNotFound,
			Message: fmt.Sprintf("metadata.namespace: the Agency of %q is gone and its namespace is not; nothing is started or removed until the platform team applies the Agency again with spec.adoptNamespace.", ns)}}, true
	}
	if in.Agency == nil {
		return []Blocker{{Class: Waiting, Reason: v1alpha1.ReasonAgencyNotFound,
			Message: fmt.Sprintf("metadata.namespace: %q belongs to no Agency; create the portal in the namespace agency-<name> of an Agency, or ask the platform team to create the Agency.", ns)}}, false
	}
	if Offboards(in.Agency) {
		return []Blocker{{Class: Waiting, Reason: v1alpha1.ReasonOffboarding,
			Message: fmt.Sprintf("Agency %q is being removed; nothing is started for it.", in.Agency.Name)}}, false
	}
	if !in.NamespaceGuarded {
		return []Blocker{{Class: Waiting, Reason: v1alpha1.ReasonAgencyNotReady,
			Message: fmt.Sprintf("Agency %q: its namespace is not guarded yet (see conditions of the Agency); nothing is started before its default deny exists.", in.Agency.Name)}}, true
	}
	if b := beyondQuota(in); b != nil && !Started(in.Portal, in.Deployment) {
		out = append(out, *b)
	}
	if b := awaitedPlatform(in); b != nil && !Started(in.Portal, in.Deployment) {
		out = append(out, *b)
	}
	if secondOneStop(in) && !Started(in.Portal, in.Deployment) {
		out = append(out, Blocker{Class: Terminal, Reason: v1alpha1.ReasonDuplicateOneStop,
			Message: fmt.Sprintf("spec.components: agency %q already has the one-stop system %q, and has at most one; merge the two or remove the component OneStop.", in.Agency.Name, in.OneStopHolder)})
	}
	return out, false
}

// Started reports whether a portal's Deployment stands, or is to be made again:
// it is the portal's own by its mark, or the operator wrote it into the status.
func Started(p *v1alpha1.AgencyPortal, d *appsv1.Deployment) bool {
	return d != nil && names.OwnerOf(v1alpha1.KindAgencyPortal, p).Owns(d) || WritesDeployment(p)
}

// WritesDeployment reports whether a portal's status has a Deployment among what
// the operator made for it.
func WritesDeployment(p *v1alpha1.AgencyPortal) bool {
	return Wrote(p.Status.Inventory, "Deployment")
}

// Wrote reports whether an inventory has an object of a kind.
func Wrote(inventory []v1alpha1.InventoryEntry, kind string) bool {
	return slices.ContainsFunc(inventory, func(e v1alpha1.InventoryEntry) bool { return e.Kind == kind })
}

// beyondQuota returns why a portal may not start; nil when there is room for it.
// A lowered figure stops nothing that runs, so what runs takes its place first.
func beyondQuota(in PortalInput) *Blocker {
	if in.Agency == nil {
		return nil
	}
	most := portalQuota(in.Agency)
	if in.OlderSiblings+in.RunningSiblings < most {
		return nil
	}
	return &Blocker{Class: Terminal, Reason: v1alpha1.ReasonPortalQuota,
		Message: fmt.Sprintf("spec.quota.portals of Agency %q is %d, and other portals use it up; remove one of them, or ask the platform team to raise it.", in.Agency.Name, most)}
}

func violationMessage(findings []v1alpha1.PolicyFinding) string {
	parts := make([]string, len(findings))
	for i, f := range findings {
		parts[i] = fmt.Sprintf("policy %s, control %s: found %s, wanted %s", f.Policy, f.Control, f.Found, f.Wanted)
	}
	return strings.Join(parts, "; ") + ". Change the spec, or ask the authority to change the standard or whom it selects."
}
