package policy

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// A changed policy takes effect in two steps, so that nothing big stops by one
// slip: status.inForce is what the operator has accepted, spec is what the
// authority wants. What runs meets the first. What is new meets both, so it is
// never judged more loosely than by either. This file is the only place that
// reads the two; everybody else asks it.

// InForce returns the policies as what runs meets them: each with the spec that
// is in force. A policy of which nothing is in force yet is left out. Whoever
// judges a running spec or an open link starts here.
func InForce(all []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	out := make([]v1alpha1.SecurityPolicy, 0, len(all))
	for i := range all {
		if spec := SpecInForce(&all[i]); spec != nil {
			out = append(out, withSpec(&all[i], spec))
		}
	}
	return out
}

// AsWritten returns the policies with their newest specs, accepted or not.
func AsWritten(all []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy { return all }

// ForNew returns the policies as a new spec meets them: each with its newest
// spec and, where another one is in force, with that one as well. Whoever judges
// a spec that does not run yet starts here. For links see SharingFloorFor:
// permissions of two specs do not add up.
func ForNew(all []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	out := make([]v1alpha1.SecurityPolicy, 0, len(all))
	for i := range all {
		p := &all[i]
		if spec := SpecInForce(p); spec != nil && !SameStandard(spec, &p.Spec) {
			out = append(out, withSpec(p, spec))
		}
		out = append(out, *p)
	}
	return out
}

// Held returns the policies whose newest spec waits for acceptance, with that
// spec.
func Held(all []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	var out []v1alpha1.SecurityPolicy
	for i := range all {
		if IsHeld(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out
}

// IsHeld reports whether the operator has looked at the newest spec of a policy
// and holds it.
func IsHeld(p *v1alpha1.SecurityPolicy) bool { return p.Status.Impact != nil && Pending(p) }

// Pending reports whether the newest spec of a policy is not in force, be it
// held or not looked at yet.
func Pending(p *v1alpha1.SecurityPolicy) bool {
	spec := SpecInForce(p)
	return spec == nil || !SameStandard(spec, &p.Spec)
}

// SpecInForce returns the spec of a policy that is in force; nil for none.
func SpecInForce(p *v1alpha1.SecurityPolicy) *v1alpha1.SecurityPolicySpec {
	if p.Status.InForce != nil {
		return p.Status.InForce
	}
	if p.Generation == 0 && p.Status.Impact == nil {
		// No API server has stored it: a file that is looked at offline.
		return &p.Spec
	}
	if enforcedUnrecorded(p) {
		return &p.Spec
	}
	return nil
}

// enforcedUnrecorded reports whether a policy was in force, although no status says
// with which spec: an operator from before status.inForce had every spec in force at
// once and said so in the condition, and a record may be refused. After an edit
// nobody knows the former spec any more. Then the newest one counts for what runs and
// for what is open too, without being weighed: what it would stop by a slip comes
// back with the next edit, and what would open without a standard is out. Only what
// was audited, or had no effect, stopped nothing, so an edit of it is weighed.
func enforcedUnrecorded(p *v1alpha1.SecurityPolicy) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionEnforced)
	if c == nil || p.Status.Impact != nil {
		return false
	}
	switch c.Reason {
	case v1alpha1.ReasonEnforcing, v1alpha1.ReasonApplyFailed, v1alpha1.ReasonConflict, v1alpha1.ReasonProgressing:
		return true
	case v1alpha1.ReasonAuditing, v1alpha1.ReasonNoEffect:
		return c.ObservedGeneration == p.Generation
	default:
		return false
	}
}

// SameStandard reports whether two specs demand the same. What the author
// accepts to stop, or lets go, is no part of the demand, and an unset mode enforces.
func SameStandard(a, b *v1alpha1.SecurityPolicySpec) bool {
	return equality.Semantic.DeepEqual(Standard(a), Standard(b))
}

// Standard returns what a spec demands, as it is kept in status.inForce.
func Standard(spec *v1alpha1.SecurityPolicySpec) v1alpha1.SecurityPolicySpec {
	out := *spec
	out.AcceptedImpact, out.DeletionPolicy = nil, ""
	if out.Mode == "" {
		out.Mode = v1alpha1.ModeEnforce
	}
	return out
}

// Accept returns a copy of the policies in which the named one has a spec in
// force, as if it had been accepted. A policy that is not among them is added.
func Accept(all []v1alpha1.SecurityPolicy, p *v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	accepted := *p
	accepted.Status.InForce, accepted.Status.Impact = &p.Spec, nil
	out := make([]v1alpha1.SecurityPolicy, 0, len(all)+1)
	for i := range all {
		if all[i].Name != p.Name {
			out = append(out, all[i])
		}
	}
	return append(out, accepted)
}

// PendingBeside returns the policies other than the named one whose newest spec
// is not in force yet and may still come to be.
func PendingBeside(all []v1alpha1.SecurityPolicy, name string) []v1alpha1.SecurityPolicy {
	var out []v1alpha1.SecurityPolicy
	for i := range all {
		if p := &all[i]; p.Name != name && p.DeletionTimestamp == nil && Pending(p) {
			out = append(out, *p)
		}
	}
	return out
}

func withSpec(p *v1alpha1.SecurityPolicy, spec *v1alpha1.SecurityPolicySpec) v1alpha1.SecurityPolicy {
	out := *p
	out.Spec = *spec
	return out
}
