package status

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/desired"
)

// SecurityPolicy writes the status of a policy.
func SecurityPolicy(in desired.PolicyInput, out desired.PolicyOutput, res apply.Result, err error) {
	p := in.Policy
	set := conditions.New(p.Status.Conditions, p.Generation)
	p.Status.Inventory = res.Inventory
	p.Status.Matched, p.Status.Compliant, p.Status.Violating = out.Matched, out.Compliant, out.Violating
	switch {
	case !applied(set, v1alpha1.ConditionEnforced, res, err):
		set.Summarise(v1alpha1.ConditionEnforced)
	case p.Spec.Mode == v1alpha1.ModeAudit:
		set.False(v1alpha1.ConditionEnforced, v1alpha1.ReasonAuditing, "spec.mode is Audit: violations are reported and do not block.")
		set.True(v1alpha1.ConditionReady, v1alpha1.ReasonAuditing, "Violations are reported.")
	default:
		set.True(v1alpha1.ConditionEnforced, v1alpha1.ReasonEnforcing, "Violations block.")
		set.True(v1alpha1.ConditionReady, v1alpha1.ReasonEnforcing, "Violations block.")
	}
	how := moving
	if err == nil && len(res.Conflicts) > 0 {
		how = stalled
	}
	finish(&p.Status.StatusBase, set, how)
}
