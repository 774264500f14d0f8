package portal

import (
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
)

// grace is how long a failure must last before it is one: metrics of new pods
// come in within a minute, and a metrics server may restart.
const grace = time.Minute

// report is a failure that an object states about itself, since when.
type report struct {
	reason, message string
	since           metav1.Time
}

// objects says whether what scales and protects the pods works.
func objects(set *conditions.Set, in Input, out Output) {
	const c = v1alpha1.ConditionObjectsHealthy
	if out.Running == nil || suspended(in) {
		set.Unknown(c, v1alpha1.ReasonPending, "Nothing runs that would be scaled or protected.")
		return
	}
	for _, r := range reports(in) {
		if in.Now.Sub(r.since.Time) >= grace {
			set.False(c, r.reason, r.message)
			return
		}
	}
	set.True(c, v1alpha1.ReasonHealthy, "Neither autoscaler nor disruption budget reports a failure that lasts.")
}

// linksClose is how often a portal looks whether its links are closed.
const linksClose = time.Second

// recorded is when a portal goes on that has recorded what it is about to do.
const recorded = time.Millisecond

// RecheckAfter returns when to look again: for links that must close before a new
// program is written, at once when only the record of that was missing, or when a failure that is still young will have lasted long
// enough to be one; 0 for never.
func RecheckAfter(in Input, out Output) time.Duration {
	if out.Recording && len(in.LinkPolicies) > 0 {
		return linksClose
	}
	if out.Recording {
		return recorded
	}
	if out.Running == nil || suspended(in) {
		return 0
	}
	var soonest time.Duration
	for _, r := range reports(in) {
		if left := r.since.Add(grace).Sub(in.Now); left > 0 && (soonest == 0 || left < soonest) {
			soonest = left
		}
	}
	return soonest
}

func reports(in Input) []report {
	var out []report
	if r := autoscalerReport(in.Autoscaler); r != nil {
		out = append(out, *r)
	}
	if r := budgetReport(in.Budget); r != nil {
		out = append(out, *r)
	}
	return out
}

// scalingCauses are the reasons of an autoscaler in words.
var scalingCauses = map[string]string{
	"FailedGetResourceMetric":      "it gets no cpu metrics of the pods, because no metrics server answers for metrics.k8s.io, or it does not measure these pods",
	"FailedComputeMetricsReplicas": "it gets no cpu metrics of the pods, because no metrics server answers for metrics.k8s.io, or it does not measure these pods",
	"FailedGetScale":               "it can't read the scale of the Deployment",
	"FailedUpdateScale":            "it can't write the scale of the Deployment",
	"InvalidSelector":              "the selector of the Deployment can't be read",
	"AmbiguousSelector":            "another autoscaler selects the same pods",
}

func autoscalerReport(h *autoscalingv2.HorizontalPodAutoscaler) *report {
	if h == nil {
		return nil
	}
	inactive := func(cause string, since metav1.Time) *report {
		return &report{v1alpha1.ReasonAutoscalerInactive, fmt.Sprintf(
			"HorizontalPodAutoscaler %s does not scale: %s. The pods stay as many as they are; ask the platform team to repair it, or set replicas.min to what the load needs and leave out replicas.max.", h.Name, cause), since}
	}
	if len(h.Status.Conditions) == 0 {
		return inactive("no controller has looked at it", h.CreationTimestamp)
	}
	for _, t := range []autoscalingv2.HorizontalPodAutoscalerConditionType{autoscalingv2.AbleToScale, autoscalingv2.ScalingActive} {
		for _, c := range h.Status.Conditions {
			// With no pods wanted there is nothing to scale.
			if c.Type != t || c.Status == corev1.ConditionTrue || c.Reason == "ScalingDisabled" {
				continue
			}
			cause := scalingCauses[c.Reason]
			if cause == "" {
				cause = "it says " + c.Reason
			}
			return inactive(cause, c.LastTransitionTime)
		}
	}
	return nil
}

func budgetReport(b *policyv1.PodDisruptionBudget) *report {
	if b == nil {
		return nil
	}
	inactive := func(cause string, since metav1.Time) *report {
		return &report{v1alpha1.ReasonBudgetInactive, fmt.Sprintf(
			"PodDisruptionBudget %s is not in force: %s. Maintenance may wait for it, or take too many pods; ask the platform team to look at the controller manager and its events.", b.Name, cause), since}
	}
	for _, c := range b.Status.Conditions {
		if c.Type == policyv1.DisruptionAllowedCondition && c.Reason == policyv1.SyncFailedReason {
			return inactive("the disruption controller can't compute it", c.LastTransitionTime)
		}
	}
	if b.Status.ObservedGeneration == 0 {
		return inactive("no controller has looked at it", b.CreationTimestamp)
	}
	return nil
}
