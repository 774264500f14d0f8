package watches

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// specOf tells whether the specs differ. Kinds with a generation are compared
// by it. ResourceQuotas and HorizontalPodAutoscalers have none, and an object of
// any other kind without one counts as changed.
func specOf(before, after client.Object) bool {
	switch b := before.(type) {
	case *corev1.ResourceQuota:
		if a, ok := after.(*corev1.ResourceQuota); ok {
			return !equality.Semantic.DeepEqual(b.Spec, a.Spec)
		}
	case *autoscalingv2.HorizontalPodAutoscaler:
		if a, ok := after.(*autoscalingv2.HorizontalPodAutoscaler); ok {
			return !equality.Semantic.DeepEqual(b.Spec, a.Spec)
		}
	}
	return before.GetGeneration() != after.GetGeneration() || after.GetGeneration() == 0
}
