package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// limitRange gives a container that states nothing the same amounts that a
// portal gets by default, so that the quota can count it.
func limitRange(s scope) *corev1.LimitRange {
	return &corev1.LimitRange{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "LimitRange"},
		ObjectMeta: s.meta("agency-limits"),
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer,
			Default: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse(defaultLimitCPU), corev1.ResourceMemory: resource.MustParse(defaultLimitMemory),
			},
			DefaultRequest: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse(defaultRequestCPU), corev1.ResourceMemory: resource.MustParse(defaultRequestMemory),
			},
		}}},
	}
}
