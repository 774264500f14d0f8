package securitypolicy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// Input is everything that decides about a SecurityPolicy.
type Input struct {
	Policy *v1alpha1.SecurityPolicy
	// Portals is how many have the policy among their status.policies, or would.
	Portals int
	// Violators are those that have a finding of it.
	Violators []*v1alpha1.AgencyPortal
	// AbsentAgencies are those that the newest spec names and that do not exist.
	AbsentAgencies []policy.NamedAgencies
	// Running is what runs; nil unless the newest spec is not in force yet.
	Running *ImpactInput
	// Bound is how much changes of all policies may stop without confirmation.
	Bound policy.Bound
	// Now is the time from which the bound's window counts back.
	Now time.Time
}

// Output is what should exist for a SecurityPolicy.
type Output struct {
	Objects                       []object.Object
	Matched, Compliant, Violating int32
	// Violators are all portals that violate the policy, sorted.
	Violators []v1alpha1.Impacted
	// InForce is the spec that what runs is held to; nil for none.
	InForce *v1alpha1.SecurityPolicySpec
	// Held is what the newest spec would stop; nil unless it is held for that.
	Held *Weighed
	// Recent is what the policy stopped lately without confirmation; nil for
	// nothing.
	Recent *v1alpha1.RecentStops
	// Used is the author's statement, which this look at it has used up.
	Used *v1alpha1.AcceptedImpact
}

// Decide decides which spec of a policy is in force, builds the admission
// policy that holds it on the pods themselves, and counts the portals as their
// status shows them. An audited policy has no admission policy.
func Decide(in Input) Output {
	var out Output
	out.Matched = int32(in.Portals) //nolint:gosec // far below the bound
	for _, p := range in.Violators {
		if f := violation(p, in.Policy.Name); f != nil {
			out.Violating++
			out.Violators = append(out.Violators, impacted(v1alpha1.KindAgencyPortal, p.Namespace, p.Name, f.Control))
		}
	}
	// A portal that goes may be counted in one of the two reads alone.
	out.Violating = min(out.Violating, out.Matched)
	out.Compliant = out.Matched - out.Violating
	slices.SortFunc(out.Violators, compareImpacted)
	out.accept(in)
	if out.InForce == nil {
		return out
	}
	s := object.Scope{Owner: names.OwnerOf(v1alpha1.KindSecurityPolicy, in.Policy), Reference: true}
	if vap, binding := admissionPolicy(s, in.Policy.Name, out.InForce); vap != nil {
		out.Objects = append(out.Objects, vap, binding)
	}
	return out
}

// accept decides whether the newest spec takes effect or is held.
func (out *Output) accept(in Input) {
	p := in.Policy
	newest := policy.Standard(&p.Spec)
	out.InForce, out.Used = &newest, p.Spec.AcceptedImpact
	if in.Bound.Counts(p.Status.RecentStops, in.Now) {
		out.Recent = p.Status.RecentStops
	}
	if !policy.Pending(p) || in.Running == nil {
		return
	}
	impact := Weigh(*in.Running, in.Bound, in.Now)
	switch {
	case !impact.Exceeds(in.Bound):
		out.Recent = addStops(out.Recent, impact.Stopped, in.Now)
	case policy.Accepts(policy.Statement(p), impact.Stopped):
	default:
		out.Held, out.InForce = &impact, nil
		if spec := policy.SpecInForce(p); spec != nil {
			standing := policy.Standard(spec)
			out.InForce = &standing
		}
	}
}

// addStops adds to what a policy stopped lately. All of it counts from the last
// change on.
func addStops(recent *v1alpha1.RecentStops, s policy.Stopped, now time.Time) *v1alpha1.RecentStops {
	if s.Portals+s.Links == 0 {
		return recent
	}
	sum := v1alpha1.RecentStops{At: metav1.NewTime(now)}
	if recent != nil {
		sum.Portals, sum.Links, sum.Following = recent.Portals, recent.Links, recent.Following
	}
	sum.Portals += int32(s.Portals)      //nolint:gosec // at most the bound
	sum.Links += int32(s.Links)          //nolint:gosec // at most the bound
	sum.Following += int32(s.Consequent) //nolint:gosec // at most the bound
	return &sum
}

func violation(p *v1alpha1.AgencyPortal, name string) *v1alpha1.PolicyFinding {
	for i := range p.Status.Findings {
		if p.Status.Findings[i].Policy == name {
			return &p.Status.Findings[i]
		}
	}
	return nil
}

func impacted(kind, namespace, name, control string) v1alpha1.Impacted {
	agency, ok := names.AgencyOf(namespace)
	if !ok {
		agency = namespace
	}
	return v1alpha1.Impacted{Kind: kind, Agency: agency, Name: name, Control: control}
}

// compareImpacted sorts portals before links, then by agency and name.
func compareImpacted(a, b v1alpha1.Impacted) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Agency, b.Agency), strings.Compare(a.Name, b.Name))
}
