package portal

import (
	"strconv"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// staysUnrecorded reports whether what runs of a portal stays although nothing is
// recorded about it and its newest spec violates a standard: the Deployment is the
// portal's own, and its pods meet the standards in force. It is selected by the level
// and the exposure that the operator wrote on the pods. What it may reach is not
// observed here, so the newest spec's rules stand for it.
func staysUnrecorded(s object.Scope, in Input, newest Rendering) bool {
	d := in.Deployment
	if in.Portal.Status.LastCompliant != nil || !ownDeployment(in) || d.DeletionTimestamp != nil {
		return false
	}
	labels := d.Spec.Template.Labels
	level, err := strconv.ParseInt(labels[names.LabelSecurityLevel], 10, 32)
	if err != nil || labels[names.LabelExposure] == "" {
		return false
	}
	subject := policy.Subject{Level: v1alpha1.SecurityLevel(level), Agency: s.Agency, Exposure: v1alpha1.Exposure(labels[names.LabelExposure])}
	return len(policy.Blocking(policy.Evaluate(policy.Selecting(policy.InForce(in.Policies), subject), bySettings(in, control.Workload{
		Template: d.Spec.Template, MinReplicas: observedReplicas(in), HasDisruptionBudget: in.Budget != nil,
		Policies: networkPolicies(newest.objects),
	})))) == 0
}

// observedReplicas is how many pods of what runs there are at least.
func observedReplicas(in Input) int32 {
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
func written(in Input, spec *v1alpha1.AgencyPortalSpec) bool {
	if in.Portal.Status.LastCompliant != nil || spec != &in.Portal.Spec {
		return false
	}
	level, _ := policy.SecurityLevel(spec, in.Settings.SecurityLevels)
	labels := in.Deployment.Spec.Template.Labels
	return labels[names.LabelSecurityLevel] == strconv.Itoa(int(level)) && labels[names.LabelExposure] == string(spec.Exposure)
}
