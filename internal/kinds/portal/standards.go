package portal

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// Standards is what a portal is held against by those who rest on it.
type Standards struct {
	Settings settings.Settings
	Policies []v1alpha1.SecurityPolicy
}

// met reports whether a portal's spec meets the present standards, by the code
// that decides about the portal itself, and so what the operator demands of one that
// does not run yet. Which platforms it references is not known here; that is the
// portal's own round to judge.
func (s Standards) met(p End) bool {
	in := Input{Settings: s.Settings, Portal: p.Portal, Agency: p.Agency, Policies: s.Policies}
	runs := object.IsLastCompliant(p.Portal)
	if !runs && len(requiredPlatforms(in, &p.Portal.Spec)) > 0 {
		return false
	}
	return len(policy.Blocking(judge(Scope(in), in, &p.Portal.Spec, runs).Findings)) == 0
}

// Running returns a portal as what runs of it: its last compliant spec, until the
// portal's own round has written a newer one. A stricter class of data in the
// newest spec counts at once.
func Running(p End) End {
	if p.Portal == nil || p.Portal.Status.LastCompliant == nil || object.IsLastCompliant(p.Portal) {
		return p
	}
	runs := *p.Portal
	runs.Spec = *p.Portal.Status.LastCompliant
	runs.Spec.DataClassification = policy.Strictest(runs.Spec.DataClassification, p.Portal.Spec.DataClassification)
	// It is judged as what runs, whatever the class.
	runs.Status.LastCompliant = &runs.Spec
	return End{Portal: &runs, Agency: p.Agency}
}

// SelectedBy returns the specs of a portal that a standard may select it by: the
// newest one, what runs of it, and what runs with the stricter class of both.
func SelectedBy(p *v1alpha1.AgencyPortal) []*v1alpha1.AgencyPortalSpec {
	last := p.Status.LastCompliant
	if last == nil || object.IsLastCompliant(p) {
		return []*v1alpha1.AgencyPortalSpec{&p.Spec}
	}
	out := []*v1alpha1.AgencyPortalSpec{&p.Spec, last}
	if runs := &Running(End{Portal: p}).Portal.Spec; runs.DataClassification != last.DataClassification {
		out = append(out, runs)
	}
	return out
}

// Coming returns a portal as what runs of it, or as its newest spec where that may
// replace it at any moment: it meets the present standards, as far as is known here.
func (s Standards) Coming(p End) (_ End, changes bool) {
	runs := Running(p)
	if runs == p || kept(p.Portal) || !s.met(p) {
		return runs, false
	}
	return p, true
}

// kept reports whether the operator has looked at a portal's newest spec and keeps it
// from running for what is known in the portal's own round alone: want of a shared
// platform, or a second one-stop system.
func kept(p *v1alpha1.AgencyPortal) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant)
	return c != nil && c.Reason == v1alpha1.ReasonKeptLastCompliant && c.ObservedGeneration == p.Generation &&
		keptByOwn(p.Status.Findings)
}

// complies reports whether what runs of a portal was found to meet the standards
// when the operator looked last.
func complies(p *v1alpha1.AgencyPortal) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant)
	return c != nil && (c.Status == metav1.ConditionTrue || c.Reason == v1alpha1.ReasonKeptLastCompliant)
}

// complied reports whether what runs of a portal is on record, and was found to meet
// the standards when the operator looked last.
func complied(p *v1alpha1.AgencyPortal) bool { return p.Status.LastCompliant != nil && complies(p) }

// judged reports whether the operator has found out whether a portal meets its
// standards.
func judged(p *v1alpha1.AgencyPortal) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant)
	return c != nil && c.Status != metav1.ConditionUnknown
}
