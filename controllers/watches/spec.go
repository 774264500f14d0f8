package watches

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// specOf tells whether the specs differ. Kinds with a generation are compared
// by it; a ResourceQuota has none.
func specOf(before, after client.Object) bool {
	if b, ok := before.(*corev1.ResourceQuota); ok {
		if a, ok := after.(*corev1.ResourceQuota); ok {
			return !equality.Semantic.DeepEqual(b.Spec, a.Spec)
		}
	}
	return before.GetGeneration() != after.GetGeneration()
}
