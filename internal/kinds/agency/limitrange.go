package agency

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/object"
)

// What a pod gets when the spec states nothing; the schema has the same
// defaults, so these serve offline rendering only.
const (
	DefaultRequestCPU    = "100m"
	DefaultRequestMemory = "128Mi"
	DefaultLimitCPU      = "1"
	DefaultLimitMemory   = "512Mi"
)

// limitRange gives a container that states nothing the same amounts that a
// portal gets by default, so that the quota can count it.
func limitRange(s object.Scope) *corev1.LimitRange {
	return &corev1.LimitRange{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "LimitRange"},
		ObjectMeta: s.Meta("agency-limits"),
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer,
			Default: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse(DefaultLimitCPU), corev1.ResourceMemory: resource.MustParse(DefaultLimitMemory),
			},
			DefaultRequest: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse(DefaultRequestCPU), corev1.ResourceMemory: resource.MustParse(DefaultRequestMemory),
			},
		}}},
	}
}
