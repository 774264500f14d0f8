package portal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/text"
)

// SetStatus writes the status of a portal.
func SetStatus(in Input, out Output, res child.Result, err error) {
	p := in.Portal
	st := &p.Status
	set := conditions.New(st.Conditions, p.Generation)
	st.Inventory = res.Inventory
	st.Agency = ""
	if in.Agency != nil {
		st.Agency = in.Agency.Name
	}
	st.SecurityLevel, st.PlatformConsents, st.Replacing = out.Level, out.Consents, out.Replacing
	st.Policies, st.Findings = out.Policies[:min(len(out.Policies), maxListed)], listed(out.Findings)
	switch {
	case out.Running == &p.Spec:
		st.LastCompliant = p.Spec.DeepCopy()
	case out.LastFailed && !object.Wrote(res.Inventory, "Deployment"):
		// While it is being removed the record says what it was.
		st.LastCompliant = nil
	}
	if !out.Hold {
		st.URL, st.Ports = "", out.Ports
	}
	if out.Running != nil {
		st.URL = fmt.Sprintf("http://%s.%s.svc:%d", p.Name, p.Namespace, out.Running.Port)
	}

	compliance(set, in, out)
	isolation(set, in, out, res, err)
	workload(set, in, out, res, err)
	objects(set, in, out)
	exposure(set, out)
	setPlatformsResolved(set, in, out)
	summarisePortal(set, out)
	if out.Beyond != nil {
		setBeyondQuota(set, out.Beyond)
	}

	st.PublicServices = v1alpha1.ServiceCounts{Declared: int32(len(p.Spec.PublicServices))} //nolint:gosec // bounded by the schema
	if ready := set.Get(v1alpha1.ConditionReady); ready.Status == "True" {
		st.PublicServices.Verified = st.PublicServices.Declared
	}
	how := portalProgress(in, out, res, err)
	switch set.Get(v1alpha1.ConditionReady).Reason {
	case v1alpha1.ReasonForeignPolicies, v1alpha1.ReasonForeignPods, v1alpha1.ReasonQuotaExceeded:
		// Only a person can help.
		how = conditions.Stalled
	case v1alpha1.ReasonUnavailable:
		if overdue(in) {
			how = conditions.Stalled
		}
	}
	conditions.Finish(&st.StatusBase, set, how)
}

func isolation(set *conditions.Set, in Input, out Output, res child.Result, err error) {
	const c = v1alpha1.ConditionNetworkIsolated
	switch {
	case len(out.Objects) == 0:
		set.Unknown(c, v1alpha1.ReasonPending, "Nothing runs that would need isolation.")
	case !conditions.NetworkApplied(set, c, res, err):
	case len(in.ForeignPods) > 0:
		set.False(c, v1alpha1.ReasonForeignPods, foreignPodsMessage(in))
	case opened(in):
		set.False(c, v1alpha1.ReasonForeignPolicies, fmt.Sprintf("Network policies that the operator did not write open the namespace; Agency %q names them (NetworkIsolated).", in.Agency.Name))
	default:
		set.True(c, v1alpha1.ReasonIsolated, "Deny-all and the declared rules exist.")
	}
}

// maxNamed is how many pods a message names.
const maxNamed = 5

func foreignPodsMessage(in Input) string {
	named := in.ForeignPods[:min(len(in.ForeignPods), maxNamed)]
	return fmt.Sprintf("Pods that the portal's Deployment did not make carry its label, so they are in its Service and its policies: %s. Find out who made them, then: kubectl -n %s delete pod %s",
		text.Few(in.ForeignPods, maxNamed), in.Portal.Namespace, strings.Join(named, " "))
}

// opened tells whether the agency reports network policies that are not the
// operator's.
func opened(in Input) bool {
	return in.Agency != nil && meta.IsStatusConditionFalse(in.Agency.Status.Conditions, v1alpha1.ConditionNetworkIsolated)
}

func setPlatformsResolved(set *conditions.Set, in Input, out Output) {
	if len(out.Platforms) > 0 {
		conditions.SetBlocker(set, v1alpha1.ConditionPlatformsResolved, &out.Platforms[0])
		return
	}
	set.True(v1alpha1.ConditionPlatformsResolved, v1alpha1.ReasonPlatformsResolved,
		fmt.Sprintf("%d referenced platforms are available.", len(in.Portal.Spec.PlatformRefs)))
}

// maxListed is how many policies and findings the schema lets a status list.
const maxListed = 64

// listed returns the findings that a status can hold. Where they are too many,
// those that block come first; one too many would make the API server refuse
// the whole status.
func listed(findings []v1alpha1.PolicyFinding) []v1alpha1.PolicyFinding {
	if len(findings) <= maxListed {
		return findings
	}
	others := slices.DeleteFunc(slices.Clone(findings), func(f v1alpha1.PolicyFinding) bool { return len(policy.Blocking([]v1alpha1.PolicyFinding{f})) > 0 })
	return append(policy.Blocking(findings), others...)[:maxListed]
}

// blockerOf returns the blocker with a reason, nil for none.
func blockerOf(out Output, reason string) *object.Blocker {
	for i := range out.Blockers {
		if out.Blockers[i].Reason == reason {
			return &out.Blockers[i]
		}
	}
	return nil
}

func compliance(set *conditions.Set, in Input, out Output) {
	violation, oneStop := blockerOf(out, v1alpha1.ReasonViolation), blockerOf(out, v1alpha1.ReasonDuplicateOneStop)
	switch {
	case violation != nil && out.Running != nil:
		set.False(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonKeptLastCompliant, violation.Message+" The last compliant spec keeps running.")
	case violation != nil && out.Unrecorded:
		set.False(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonKeptLastCompliant, violation.Message+" What runs is not recorded (status.lastCompliant); it meets the standards in force and stays as it is. Its links are closed.")
	case violation != nil && !out.Hold:
		set.False(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonViolation, violation.Message+" Nothing runs.")
	case violation != nil && keptByOwn(out.Findings) && complied(in.Portal):
		set.False(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonKeptLastCompliant, violation.Message+" What runs is left as it is.")
	case violation != nil && set.KeepOne(v1alpha1.ConditionPolicyCompliant):
		// Under a hold what runs is not judged.
	case violation != nil:
		conditions.SetBlocker(set, v1alpha1.ConditionPolicyCompliant, violation)
	case oneStop != nil:
		conditions.SetBlocker(set, v1alpha1.ConditionPolicyCompliant, oneStop)
	case heldBy(out.Findings) != nil:
		f := heldBy(out.Findings)
		set.True(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonHeldStandard, fmt.Sprintf(
			"The policies in force are met. The newest spec of policy %s is held and would stop the portal: control %s, found %s, wanted %s. Change the spec before the authority accepts it.", f.Policy, f.Control, f.Found, f.Wanted))
	case len(out.Findings) > 0:
		set.True(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonCompliantWithAudit,
			fmt.Sprintf("Enforced policies are met; %d audited controls are not (status.findings).", len(out.Findings)))
	default:
		set.True(v1alpha1.ConditionPolicyCompliant, v1alpha1.ReasonCompliant, fmt.Sprintf("Level %d; %d policies are met.", out.Level, len(out.Policies)))
	}
}

// heldBy returns the first finding of a held policy; nil for none.
func heldBy(findings []v1alpha1.PolicyFinding) *v1alpha1.PolicyFinding {
	for i := range findings {
		if findings[i].Mode == v1alpha1.ModeHeld {
			return &findings[i]
		}
	}
	return nil
}

func workload(set *conditions.Set, in Input, out Output, res child.Result, err error) {
	const c = v1alpha1.ConditionWorkloadAvailable
	rest, _ := conditions.About(res, err, false)
	switch {
	case out.Hold && in.Deployment != nil:
		set.False(c, v1alpha1.ReasonWorkloadBlocked, "What runs is left as it is: "+out.Blockers[0].Message)
	case out.Recording && out.Running != &in.Portal.Spec:
		set.False(c, v1alpha1.ReasonRecording, recordingMessage(in, out.Replacing))
	case len(rest.Failures) > 0:
		// Also where nothing may run: what could not be removed runs on.
		conditions.RestApplied(set, c, res, err)
	case out.Running == nil && len(out.Blockers) > 0:
		b := out.Blockers[0]
		set.False(c, v1alpha1.ReasonWorkloadBlocked, "Nothing runs: "+b.Message)
	case !conditions.NetworkInPlace(res, err):
		set.Unknown(c, v1alpha1.ReasonPending, "The network policies are not all in place; nothing is started before they are.")
	case !conditions.RestApplied(set, c, res, err):
	case suspended(in) && stopped(in, res):
		set.False(c, v1alpha1.ReasonSuspended, fmt.Sprintf("Agency %q is suspended: the pods are stopped.", in.Agency.Name))
	case suspended(in):
		set.False(c, v1alpha1.ReasonSuspended, fmt.Sprintf("Agency %q is suspended: the pods are being stopped.", in.Agency.Name))
	case !observed(in, res):
		set.False(c, v1alpha1.ReasonProgressing, "The workload was written; its pods are not observed yet.")
	default:
		available(set, in, out.Running)
	}
}

// observed tells whether the Deployment's status speaks of what was written.
func observed(in Input, res child.Result) bool {
	d := in.Deployment
	return d != nil && !res.Wrote("Deployment") && d.Status.ObservedGeneration == d.Generation
}

func stopped(in Input, res child.Result) bool {
	return observed(in, res) && in.Deployment.Status.Replicas == 0
}

// podName in a message of Kubernetes ends in random characters, another one at
// every attempt.
var podName = regexp.MustCompile(`pods? "[^"]*"`)

func available(set *conditions.Set, in Input, spec *v1alpha1.AgencyPortalSpec) {
	const c = v1alpha1.ConditionWorkloadAvailable
	st := in.Deployment.Status
	enough := st.AvailableReplicas >= spec.Replicas.Min && st.UpdatedReplicas >= spec.Replicas.Min
	old := st.Replicas - st.UpdatedReplicas
	if enough && old <= 0 {
		set.True(c, v1alpha1.ReasonAvailable, fmt.Sprintf("At least %d pods are available.", spec.Replicas.Min))
		return
	}
	// The order of the Deployment's conditions changes, so each is looked for.
	if dc := deploymentCondition(st, appsv1.DeploymentReplicaFailure); dc.Status == corev1.ConditionTrue {
		if m := quotaMessage(in, dc.Message); m != "" {
			set.False(c, v1alpha1.ReasonQuotaExceeded, m)
			return
		}
		set.False(c, v1alpha1.ReasonUnavailable, "Pods can't be made: "+strings.TrimSuffix(podName.ReplaceAllString(dc.Message, "pod"), ".")+".")
		return
	}
	if dc := deploymentCondition(st, appsv1.DeploymentProgressing); dc.Reason == "ProgressDeadlineExceeded" {
		set.False(c, v1alpha1.ReasonUnavailable, fmt.Sprintf("The pods do not become ready in time; at least %d must. See the events and logs of the pods.", spec.Replicas.Min))
		return
	}
	if enough {
		// Pods of the spec before count as available, and may be what the newest standards forbid.
		set.False(c, v1alpha1.ReasonProgressing, "Waiting for the pods of the spec before to be replaced.")
		return
	}
	set.False(c, v1alpha1.ReasonProgressing, fmt.Sprintf("Waiting for at least %d available pods.", spec.Replicas.Min))
}

// overdue reports whether the Deployment has stopped hoping.
func overdue(in Input) bool {
	return in.Deployment != nil && deploymentCondition(in.Deployment.Status, appsv1.DeploymentProgressing).Reason == "ProgressDeadlineExceeded"
}

func deploymentCondition(st appsv1.DeploymentStatus, t appsv1.DeploymentConditionType) appsv1.DeploymentCondition {
	for _, c := range st.Conditions {
		if c.Type == t {
			return c
		}
	}
	return appsv1.DeploymentCondition{}
}

func exposure(set *conditions.Set, out Output) {
	const c = v1alpha1.ConditionExposed
	if len(out.Exposure) > 0 {
		conditions.SetBlocker(set, c, &out.Exposure[0])
		return
	}
	set.True(c, v1alpha1.ReasonInternalOnly, "Reached inside the platform only, over approved links.")
}

// summarisePortal puts the root cause first: what blocks, then what follows.
func summarisePortal(set *conditions.Set, out Output) {
	for i := range out.Blockers {
		if b := out.Blockers[i]; b.Reason != v1alpha1.ReasonViolation {
			conditions.SetBlocker(set, v1alpha1.ConditionReady, &b)
			return
		}
	}
	if w := set.Get(v1alpha1.ConditionWorkloadAvailable); w.Reason == v1alpha1.ReasonSuspended {
		set.False(v1alpha1.ConditionReady, w.Reason, w.Message+" The operator's policies are closed; nothing is lost.")
		return
	}
	set.Summarise(kinds.AgencyPortal.Ready...)
}

// beyondNote begins what the condition WorkloadAvailable says of a portal beyond the quota.
const beyondNote = " It runs on, although it is beyond the quota; once it is stopped it does not start again: "

// saysBeyondQuota reports whether a portal's status says that it is beyond the quota, or
// may have said so where it was cut.
func saysBeyondQuota(p *v1alpha1.AgencyPortal) bool {
	w := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionWorkloadAvailable)
	return w != nil && (strings.Contains(w.Message, beyondNote) || strings.HasSuffix(w.Message, "..."))
}

// setBeyondQuota says of a portal that runs that it would not start again.
func setBeyondQuota(set *conditions.Set, b *object.Blocker) {
	note := beyondNote + b.Message
	w := set.Get(v1alpha1.ConditionWorkloadAvailable)
	w.Message += note
	set.Set(*w)
	if r := set.Get(v1alpha1.ConditionReady); r.Status == metav1.ConditionTrue {
		set.True(v1alpha1.ConditionReady, v1alpha1.ReasonBeyondPortalQuota, r.Message+note)
	}
}

func portalProgress(in Input, out Output, res child.Result, err error) conditions.Progress {
	terminal := func(b object.Blocker) bool { return b.Class == object.Terminal }
	switch {
	case slices.ContainsFunc(out.Blockers, terminal), slices.ContainsFunc(out.Exposure, terminal), err == nil && len(res.Conflicts) > 0:
		return conditions.Stalled
	case suspended(in) && err == nil && res.Complete() && stopped(in, res):
		return conditions.Resting
	default:
		return conditions.Moving
	}
}

// SetDeleting says that the portal is being deleted.
func SetDeleting(p *v1alpha1.AgencyPortal, inventory []v1alpha1.InventoryEntry) {
	set := conditions.New(p.Status.Conditions, p.Generation)
	p.Status.Inventory = inventory
	set.False(v1alpha1.ConditionReady, v1alpha1.ReasonDeleting, "The portal is being deleted: workload first, its guards last.")
	conditions.Finish(&p.Status.StatusBase, set, conditions.Moving)
}
