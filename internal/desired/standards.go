package desired

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// standards is what a portal is held against by those who rest on it.
type standards struct {
	settings settings.Settings
	policies []v1alpha1.SecurityPolicy
}

// met reports whether a portal's spec meets the present standards, by the code
// that decides about the portal itself. Which platforms it references is not
// known here; that is the portal's own round to judge.
func (s standards) met(p PortalWithAgency) bool {
	in := PortalInput{Settings: s.settings, Portal: p.Portal, Agency: p.Agency, Policies: s.policies}
	return len(policy.Blocking(judge(portalScope(in), in, &p.Portal.Spec, isLastCompliant(p.Portal)).findings)) == 0
}

// running returns a portal as what runs in its place: with its last compliant spec
// while the newest does not meet the standards and that one does. Not when the
// newest has a stricter class of data: that counts at once.
func (s standards) running(p PortalWithAgency) PortalWithAgency {
	if p.Portal == nil || p.Portal.Status.LastCompliant == nil || isLastCompliant(p.Portal) {
		return p
	}
	last := p.Portal.Status.LastCompliant
	if policy.Strictest(last.DataClassification, p.Portal.Spec.DataClassification) != last.DataClassification || s.met(p) {
		return p
	}
	kept := *p.Portal
	kept.Spec = *last
	if runs := (PortalWithAgency{Portal: &kept, Agency: p.Agency}); s.met(runs) {
		return runs
	}
	return p
}

// complies reports whether what runs of a portal was found to meet the standards
// when the operator looked last.
func complies(p *v1alpha1.AgencyPortal) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant)
	return c != nil && (c.Status == metav1.ConditionTrue || c.Reason == v1alpha1.ReasonKeptLastCompliant)
}
