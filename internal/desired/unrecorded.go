package desired

import (
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
)

// A last compliant spec that is too large for the store is not recorded. What runs of
// such a portal is known by its Deployment alone. For want of a record alone it never
// stops: it is judged as it is observed.

// RunningSpec returns the spec that a portal's status knows to run: the last compliant
// one, or the newest one of a portal that runs without a record; nil for none.
func RunningSpec(p *v1alpha1.AgencyPortal) *v1alpha1.AgencyPortalSpec {
	switch {
	case p.Status.LastCompliant != nil:
		return p.Status.LastCompliant
	case p.Status.URL != "":
		// It has one while something runs.
		return &p.Spec
	default:
		return nil
	}
}

// RunsUnrecorded reports whether something else than a portal's newest spec runs, and
// no record says what.
func RunsUnrecorded(p *v1alpha1.AgencyPortal) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant)
	return p.Status.LastCompliant == nil && c != nil && c.Reason == v1alpha1.ReasonKeptLastCompliant
}

// staysUnrecorded reports whether what runs of a portal stays although nothing is
// recorded about it and its newest spec violates a standard: the Deployment is the
// portal's own, and its pods meet the standards in force. It is selected by the level
// and the exposure that the operator wrote on the pods. What it may reach is not
// observed here, so the newest spec's rules stand for it.
func staysUnrecorded(s scope, in PortalInput, newest rendering) bool {
	d := in.Deployment
	if in.Portal.Status.LastCompliant != nil || !ownDeployment(in) || d.DeletionTimestamp != nil {
		return false
	}
	labels := d.Spec.Template.Labels
	level, err := strconv.ParseInt(labels[names.LabelSecurityLevel], 10, 32)
	if err != nil || labels[names.LabelExposure] == "" {
		return false
	}
	subject := policy.Subject{Level: v1alpha1.SecurityLevel(level), Agency: s.agency, Exposure: v1alpha1.Exposure(labels[names.LabelExposure])}
	return len(policy.Blocking(policy.Evaluate(policy.Selecting(policy.InForce(in.Policies), subject), bySettings(in, control.Workload{
		Template: d.Spec.Template, MinReplicas: observedReplicas(in), HasDisruptionBudget: in.Budget != nil,
		Policies: networkPolicies(newest.objects),
	})))) == 0
}

// observedReplicas is how many pods of what runs there are at least.
func observedReplicas(in PortalInput) int32 {
	switch {
	case suspended(in):
		// It has none for the time being.
		return in.Portal.Spec.Replicas.Min
	case in.Autoscaler != nil && in.Autoscaler.Spec.MinReplicas != nil:
		return *in.Autoscaler.Spec.MinReplicas
	case in.Deployment.Spec.Replicas != nil:
		return *in.Deployment.Spec.Replicas
	default:
		return 1
	}
}

// written reports whether a Deployment is the newest spec's, as far as approvals of
// links go, of a portal that runs without a record.
func written(in PortalInput, spec *v1alpha1.AgencyPortalSpec) bool {
	if in.Portal.Status.LastCompliant != nil || spec != &in.Portal.Spec {
		return false
	}
	level, _ := policy.SecurityLevel(spec, in.Settings.SecurityLevels)
	labels := in.Deployment.Spec.Template.Labels
	return labels[names.LabelSecurityLevel] == strconv.Itoa(int(level)) && labels[names.LabelExposure] == string(spec.Exposure)
}
