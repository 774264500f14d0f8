package portal

import (
	"errors"
	"fmt"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// scaling is a portal with an autoscaler that has said something for so long.
func scaling(conditionType autoscalingv2.HorizontalPodAutoscalerConditionType, status corev1.ConditionStatus, reason string, age time.Duration) Input {
	in := portal()
	in.Now, in.Portal.Spec.Replicas.Max = noon, ptr.To(int32(4))
	in.Autoscaler = &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "tax-filing", CreationTimestamp: metav1.NewTime(noon.Add(-age))}}
	if reason != "" {
		in.Autoscaler.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
			{Type: autoscalingv2.ScalingLimited, Status: "False", Reason: "DesiredWithinRange"},
			{Type: conditionType, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(noon.Add(-age))},
		}
	}
	return in
}

func budget(reason string, observed int64, age time.Duration) Input {
	in := portal()
	in.Now = noon
	in.Budget = &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "tax-filing", CreationTimestamp: metav1.NewTime(noon.Add(-age))}}
	in.Budget.Status.ObservedGeneration = observed
	if reason != "" {
		in.Budget.Status.Conditions = []metav1.Condition{{Type: policyv1.DisruptionAllowedCondition, Status: "False", Reason: reason, LastTransitionTime: metav1.NewTime(noon.Add(-age))}}
	}
	return in
}

// TestObjectsAreObserved fails where objects sets its condition true whatever
// autoscaler and budget report.
func TestObjectsAreObserved(t *testing.T) {
	const active, able = autoscalingv2.ScalingActive, autoscalingv2.AbleToScale
	tests := []struct {
		name    string
		in      Input
		want    string
		recheck time.Duration
		says    string
	}{
		{"scales", scaling(active, "True", "ValidMetricFound", time.Hour), "True Healthy", 0, ""},
		{"no metrics", scaling(active, "False", "FailedGetResourceMetric", time.Hour), "False AutoscalerInactive", 0, "no metrics server answers for metrics.k8s.io"},
		{"no metrics yet", scaling(active, "False", "FailedGetResourceMetric", 20*time.Second), "True Healthy", 40 * time.Second, ""},
		{"just long enough", scaling(active, "False", "FailedGetResourceMetric", time.Minute), "False AutoscalerInactive", 0, ""},
		{"no scale", scaling(able, "False", "FailedGetScale", time.Hour), "False AutoscalerInactive", 0, "can't read the scale"},
		{"unknown cause", scaling(able, "Unknown", "Odd", time.Hour), "False AutoscalerInactive", 0, "it says Odd"},
		{"nothing to scale", scaling(active, "False", "ScalingDisabled", time.Hour), "True Healthy", 0, ""},
		{"nobody looks", scaling(active, "", "", time.Hour), "False AutoscalerInactive", 0, "no controller has looked at it"},
		{"nobody has looked yet", scaling(active, "", "", time.Second), "True Healthy", 59 * time.Second, ""},
		{"budget computed", budget(policyv1.InsufficientPodsReason, 1, time.Hour), "True Healthy", 0, ""},
		{"budget fails", budget(policyv1.SyncFailedReason, 1, time.Hour), "False DisruptionBudgetInactive", 0, "can't compute it"},
		{"nobody computes the budget", budget("", 0, time.Hour), "False DisruptionBudgetInactive", 0, "no controller has looked at it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := Decide(tt.in)
			SetStatus(tt.in, out, child.Result{}, nil)
			c := meta.FindStatusCondition(tt.in.Portal.Status.Conditions, v1alpha1.ConditionObjectsHealthy)
			if got := fmt.Sprintf("%s %s", c.Status, c.Reason); got != tt.want {
				t.Errorf("ObjectsHealthy is %s, want %s", got, tt.want)
			}
			ready := meta.FindStatusCondition(tt.in.Portal.Status.Conditions, v1alpha1.ConditionReady)
			if ready.Status != c.Status {
				t.Errorf("Ready is %s", ready.Status)
			}
			if got := RecheckAfter(tt.in, out); got != tt.recheck {
				t.Errorf("looked at again after %s, want %s", got, tt.recheck)
			}
			if tt.says != "" {
				kindtest.AssertMessage(t, tt.in.Portal, v1alpha1.ConditionReady, tt.says)
			}
		})
	}
}

// TestConditionsAreAboutTheirObjects fails where every failure enters
// NetworkIsolated.
func TestConditionsAreAboutTheirObjects(t *testing.T) {
	failed := func(kind string) (child.Result, error) {
		f := &child.Failure{Doing: "apply", Kind: kind, Namespace: "agency-finance", Name: "tax-filing", Err: errors.New("update: invalid")}
		return child.Result{Failures: []*child.Failure{f}}, f
	}
	deployment, deploymentErr := failed("Deployment")
	policy, policyErr := failed("NetworkPolicy")
	tests := []struct {
		name               string
		res                child.Result
		err                error
		isolated, workload string
	}{
		{"the Deployment is refused", deployment, deploymentErr, "True Isolated", "False ApplyFailed"},
		{"a policy is refused", policy, policyErr, "False ApplyFailed", "Unknown Pending"},
		{"something fails", child.Result{}, errors.New("timeout"), "False ApplyFailed", "Unknown Pending"},
		{"a foreign Service", child.Result{Conflicts: []child.Conflict{{Kind: "Service"}}}, nil, "True Isolated", "False Conflict"},
		{"a foreign policy", child.Result{Conflicts: []child.Conflict{{Kind: "NetworkPolicy"}}}, nil, "False Conflict", "Unknown Pending"},
		{"the Deployment is replaced", child.Result{Terminating: []string{"Deployment/agency-finance/tax-filing"}}, nil, "True Isolated", "False Progressing"},
		{"a policy is replaced", child.Result{Terminating: []string{"NetworkPolicy/agency-finance/tax-filing-base"}}, nil, "False Progressing", "Unknown Pending"},
		{"the namespace goes", child.Result{Terminating: []string{"Namespace agency-finance"}}, nil, "False Progressing", "Unknown Pending"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := portal()
			SetStatus(in, Decide(in), tt.res, tt.err)
			for conditionType, want := range map[string]string{v1alpha1.ConditionNetworkIsolated: tt.isolated, v1alpha1.ConditionWorkloadAvailable: tt.workload} {
				c := meta.FindStatusCondition(in.Portal.Status.Conditions, conditionType)
				if got := fmt.Sprintf("%s %s", c.Status, c.Reason); got != want {
					t.Errorf("%s is %s, want %s", conditionType, got, want)
				}
			}
			if ready := meta.FindStatusCondition(in.Portal.Status.Conditions, v1alpha1.ConditionReady); ready.Status == metav1.ConditionTrue {
				t.Error("Ready")
			}
		})
	}
}

// TestForeignPodsAreNamed fails where isolation does not look at ForeignPods.
func TestForeignPodsAreNamed(t *testing.T) {
	in := portal()
	in.ForeignPods = []string{"a", "b", "c", "d", "e", "f", "g"}
	SetStatus(in, Decide(in), child.Result{}, nil)
	c := meta.FindStatusCondition(in.Portal.Status.Conditions, v1alpha1.ConditionNetworkIsolated)
	if c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonForeignPods {
		t.Errorf("NetworkIsolated is %s %s", c.Status, c.Reason)
	}
	kindtest.AssertMessage(t, in.Portal, v1alpha1.ConditionReady, "a, b, c, d, e and 2 more", "kubectl -n agency-finance delete pod a b c d e")
}
