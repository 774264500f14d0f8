package status

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/desired"
)

// AgencyPortal writes the status of a portal.
func AgencyPortal(in desired.PortalInput, out desired.PortalOutput, res apply.Result, err error) {
	p := in.Portal
	st := &p.Status
	set := conditions.New(st.Conditions, p.Generation)
	st.Inventory = res.Inventory
	st.Agency = ""
	if in.Agency != nil {
		st.Agency = in.Agency.Name
	}
	st.SecurityLevel, st.Policies, st.Findings = out.Level, out.Policies, out.Findings
	if out.Running == &p.Spec {
		st.LastCompliant = p.Spec.DeepCopy()
	}
	st.URL = ""
	if out.Running != nil {
		st.URL = fmt.Sprintf("http://%s.%s.svc:%d", p.Name, p.Namespace, out.Running.Port)
	}

	compliance(set, out)
	if len(out.Objects) == 0 {
		set.Unknown(v1alpha1.ConditionNetworkIsolated, v1alpha1.ReasonPending, "Nothing runs that would need isolation.")
	} else if applied(set, v1alpha1.ConditionNetworkIsolated, res, err) {
		set.True(v1alpha1.ConditionNetworkIsolated, v1alpha1.ReasonIsolated, "Deny-all and the declared rules exist.")
	}
	workload(set, in, out, res, err)
	exposure(set, in, out)
	summarisePortal(set, in, out)

	st.PublicServices = v1alpha1.ServiceCounts{Declared: int32(len(p.Spec.PublicServices))} //nolint:gosec // bounded by the schema
	if ready := set.Get(v1alpha1.ConditionReady); ready.Status == "True" {
		st.PublicServices.Verified = st.PublicServices.Declared
	}
	finish(&st.StatusBase, set, portalProgress(in, out, res))
}

func compliance(set *conditions.Set, out desired.PortalOutput) {
	violation := slices.IndexFunc(out.Blockers, func(b desired.Blocker) bool { return b.Reason == v1alpha1.ReasonViolation })
	switch {
	case violation >= 0 && out.Running != nil:
		set.False(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonKeptLastCompliant, out.Blockers[violation].Message+" The last compliant spec keeps running.")
	case violation >= 0:
		set.False(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonViolation, out.Blockers[violation].Message+" Nothing runs.")
	case slices.ContainsFunc(out.Blockers, func(b desired.Blocker) bool { return b.Reason == v1alpha1.ReasonDuplicateOneStop }):
		setBlocker(set, v1alpha1.ConditionPolicyCompliant, &out.Blockers[0])
	case len(out.Findings) > 0:
		set.True(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonCompliantWithAudit,
			fmt.Sprintf("Enforced policies are met; %d audited controls are not (status.findings).", len(out.Findings)))
	default:
		set.True(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonCompliant, fmt.Sprintf("Level %d; %d policies are met.", out.Level, len(out.Policies)))
	}
}

func workload(set *conditions.Set, in desired.PortalInput, out desired.PortalOutput, res apply.Result, err error) {
	const c = v1alpha1.ConditionWorkloadAvailable
	switch {
	case out.Running == nil && len(out.Blockers) > 0:
		b := out.Blockers[0]
		set.False(c, v1alpha1.ReasonWorkloadBlocked, "Nothing runs: "+b.Message)
	case err != nil || !res.Complete():
		set.Unknown(c, v1alpha1.ReasonPending, "The objects are not all in place.")
	case in.Agency != nil && in.Agency.Spec.Suspended:
		set.False(c, v1alpha1.ReasonSuspended, fmt.Sprintf("Agency %q is suspended.", in.Agency.Name))
	case in.Deployment == nil || slices.Contains(res.Changed, "Deployment") || in.Deployment.Status.ObservedGeneration != in.Deployment.Generation:
		set.False(c, v1alpha1.ReasonProgressing, "The workload was written; its pods are not observed yet.")
	default:
		available(set, in.Deployment, out.Running)
	}
}

func available(set *conditions.Set, d *appsv1.Deployment, spec *v1alpha1.AgencyPortalSpec) {
	const c = v1alpha1.ConditionWorkloadAvailable
	st := d.Status
	if st.AvailableReplicas >= spec.Replicas.Min && st.UpdatedReplicas >= spec.Replicas.Min {
		set.True(c, v1alpha1.ReasonAvailable, fmt.Sprintf("At least %d pods are available.", spec.Replicas.Min))
		return
	}
	for _, dc := range st.Conditions {
		if dc.Type == appsv1.DeploymentReplicaFailure && dc.Status == corev1.ConditionTrue {
			set.False(c, v1alpha1.ReasonUnavailable, "Pods can't be made: "+dc.Message)
			return
		}
		if dc.Type == appsv1.DeploymentProgressing && dc.Reason == "ProgressDeadlineExceeded" {
			set.False(c, v1alpha1.ReasonUnavailable, fmt.Sprintf("The pods do not become ready in time; at least %d must. See the events and logs of the pods.", spec.Replicas.Min))
			return
		}
	}
	set.False(c, v1alpha1.ReasonProgressing, fmt.Sprintf("Waiting for at least %d available pods.", spec.Replicas.Min))
}

func exposure(set *conditions.Set, in desired.PortalInput, out desired.PortalOutput) {
	const c = v1alpha1.ConditionExposed
	if len(out.Exposure) > 0 {
		setBlocker(set, c, &out.Exposure[0])
		return
	}
	set.True(c, v1alpha1.ReasonInternalOnly, "Reached inside the platform only, over approved links.")
}

// summarisePortal puts the root cause first: what blocks, then what follows.
func summarisePortal(set *conditions.Set, in desired.PortalInput, out desired.PortalOutput) {
	for i := range out.Blockers {
		if b := out.Blockers[i]; b.Reason != v1alpha1.ReasonViolation {
			setBlocker(set, v1alpha1.ConditionReady, &b)
			return
		}
	}
	if out.Running != nil && in.Agency != nil && in.Agency.Spec.Suspended {
		set.False(v1alpha1.ConditionReady, v1alpha1.ReasonSuspended, fmt.Sprintf("Agency %q is suspended: the workload is stopped and its traffic closed.", in.Agency.Name))
		return
	}
	set.Summarise(v1alpha1.ConditionPolicyCompliant, v1alpha1.ConditionNetworkIsolated, v1alpha1.ConditionWorkloadAvailable, v1alpha1.ConditionExposed)
}

func portalProgress(in desired.PortalInput, out desired.PortalOutput, res apply.Result) progress {
	terminal := func(b desired.Blocker) bool { return b.Class == desired.Terminal }
	switch {
	case slices.ContainsFunc(out.Blockers, terminal), slices.ContainsFunc(out.Exposure, terminal), len(res.Conflicts) > 0:
		return stalled
	case in.Agency != nil && in.Agency.Spec.Suspended:
		return resting
	default:
		return moving
	}
}

// AgencyPortalDeleting says that the portal is being deleted.
func AgencyPortalDeleting(p *v1alpha1.AgencyPortal, inventory []v1alpha1.InventoryEntry) {
	set := conditions.New(p.Status.Conditions, p.Generation)
	p.Status.Inventory = inventory
	set.False(v1alpha1.ConditionReady, v1alpha1.ReasonDeleting, "The portal is being deleted: workload first, its guards last.")
	finish(&p.Status.StatusBase, set, moving)
}
