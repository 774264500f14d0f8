package watches

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestNotStatus: a change of what is wanted is an event, whether the kind has a
// generation or not, and one of what is observed is none.
// Fails when HorizontalPodAutoscalers, which have no generation, are compared by it.
func TestNotStatus(t *testing.T) {
	pods := func(n string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourcePods: resource.MustParse(n)}
	}
	tests := []struct {
		name          string
		before, after client.Object
		want          bool
	}{
		{"autoscaler raised", &autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 2}},
			&autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 40}}, true},
		{"autoscaler counts", &autoscalingv2.HorizontalPodAutoscaler{}, &autoscalingv2.HorizontalPodAutoscaler{Status: autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: 2}}, false},
		{"quota raised", &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: pods("1")}}, &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: pods("2")}}, true},
		{"quota counts", &corev1.ResourceQuota{}, &corev1.ResourceQuota{Status: corev1.ResourceQuotaStatus{Used: pods("1")}}, false},
		{"another generation", &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 1}}, &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 2}}, true},
		{"the same generation", &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 1}}, &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 1}}, false},
		{"a kind without a generation", &corev1.LimitRange{}, &corev1.LimitRange{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NotStatus().Update(event.UpdateEvent{ObjectOld: tt.before, ObjectNew: tt.after}); got != tt.want {
				t.Errorf("passes: %v, want %v", got, tt.want)
			}
		})
	}
}

// TestSpecChanged: what decides about others is an event, and what decides nothing
// is none. Fails when labels or annotations are compared, and without any of the
// three comparisons.
func TestSpecChanged(t *testing.T) {
	now := metav1.Now()
	for name, tt := range map[string]struct {
		change func(*v1alpha1.Agency)
		want   bool
	}{
		"spec":           {func(a *v1alpha1.Agency) { a.Generation++ }, true},
		"deletion":       {func(a *v1alpha1.Agency) { a.DeletionTimestamp = &now }, true},
		"another object": {func(a *v1alpha1.Agency) { a.UID = "another" }, true},
		"labels":         {func(a *v1alpha1.Agency) { a.Labels = map[string]string{"a": "b"} }, false},
		"annotations":    {func(a *v1alpha1.Agency) { a.Annotations = map[string]string{"a": "b"} }, false},
		"status":         {func(a *v1alpha1.Agency) { a.Status.Portals++ }, false},
	} {
		before, after := &v1alpha1.Agency{}, &v1alpha1.Agency{}
		tt.change(after)
		if got := SpecChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tt.want {
			t.Errorf("%s: passes: %t, want %t", name, got, tt.want)
		}
	}
}
