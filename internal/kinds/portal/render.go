package portal

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// Scope is what all builders of a portal need.
func Scope(in Input) object.Scope {
	s := scopeOfPortal(in.Portal)
	if in.Agency != nil {
		s.Agency = in.Agency.Name
	}
	return s
}

func scopeOfPortal(p *v1alpha1.AgencyPortal) object.Scope {
	s := object.Scope{Owner: names.OwnerOf(v1alpha1.KindAgencyPortal, p), Portal: p.Name, Namespace: p.Namespace, Reference: true}
	s.Agency, _ = names.AgencyOf(p.Namespace)
	return s
}

// Rendering is a spec with everything that follows from it.
type Rendering struct {
	subject  policy.Subject
	criteria []string
	Selected []v1alpha1.SecurityPolicy
	Findings []v1alpha1.PolicyFinding
	ports    []int32
	objects  []object.Object
}

// judge renders a spec under the policies that apply to it. What runs already
// meets held policies too where it can, so that one that started under them is
// not written anew; where it can't, the policies in force alone decide, and the
// held ones' findings are reported for the agency to prepare.
func judge(s object.Scope, in Input, spec *v1alpha1.AgencyPortalSpec, runs bool) Rendering {
	r := Render(s, in, spec, policy.ForNew(in.Policies))
	meets := len(policy.Blocking(r.Findings)) == 0
	if !runs || meets && startedUnder(in, r.Selected) {
		return r
	}
	kept := Render(s, in, spec, policy.InForce(in.Policies))
	if meets && len(policy.Isolation(r.Selected, deploymentOf(kept).Spec.Template)) == 0 {
		return r
	}
	for _, held := range policy.Held(in.Policies) {
		accepted := Render(s, in, spec, policy.InForce(policy.Accept(in.Policies, &held)))
		for _, f := range policy.Blocking(accepted.Findings) {
			if f.Policy == held.Name && !slices.Contains(kept.Findings, f) {
				f.Mode = v1alpha1.ModeHeld
				kept.Findings = append(kept.Findings, f)
			}
		}
	}
	kept.Selected = r.Selected
	return kept
}

// startedUnder reports whether the pods that run are isolated as policies demand.
// A runtime class or node pool that is held is never written into what runs: if
// there is none of that name, no pod of the portal could be made any more.
func startedUnder(in Input, selected []v1alpha1.SecurityPolicy) bool {
	return in.Deployment != nil && len(policy.Isolation(selected, in.Deployment.Spec.Template)) == 0
}

func deploymentOf(r Rendering) *appsv1.Deployment {
	for _, o := range r.objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			return d
		}
	}
	return &appsv1.Deployment{}
}

// Render builds what a spec asks for under the policies that select it.
func Render(s object.Scope, in Input, spec *v1alpha1.AgencyPortalSpec, policies []v1alpha1.SecurityPolicy) Rendering {
	var r Rendering
	r.subject = policy.Subject{Agency: s.Agency, Exposure: spec.Exposure}
	r.subject.Level, r.criteria = policy.SecurityLevel(spec, in.Settings.SecurityLevels)
	r.Selected = policy.Selecting(policies, r.subject)
	workload := deployment(s, in, spec, r.subject, policy.EffectiveFloor(r.Selected))
	r.ports = servedPorts(in, spec)
	base := baseNetworkPolicy(s, in, spec, r.ports)
	flows, _ := platformFlows(s, in, spec)
	budget := podDisruptionBudget(s, spec.Replicas)
	// Two specs of one policy may find the same.
	r.Findings = slices.Compact(policy.Evaluate(r.Selected, bySettings(in, control.Workload{
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
func bySettings(in Input, w control.Workload) control.Workload {
	w.NameServers, w.Networks = in.Settings.ClusterDNS.Addresses, in.Settings.Networks
	w.PodSecurityVersion = in.Settings.PodSecurityVersion
	return w
}

func networkPolicies(objects []object.Object) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, o := range objects {
		if p, ok := o.(*networkingv1.NetworkPolicy); ok {
			out = append(out, p)
		}
	}
	return out
}

func lastCompliant(s object.Scope, in Input) (*v1alpha1.AgencyPortalSpec, Rendering) {
	spec := in.Portal.Status.LastCompliant
	if spec == nil {
		return nil, Rendering{}
	}
	r := judge(s, in, spec, true)
	if len(policy.Blocking(r.Findings)) > 0 {
		return nil, Rendering{}
	}
	return spec, r
}
