package portal

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// targetCPU is the average use of the requested cpu, in percent, above which
// pods are added.
const targetCPU = 70

// autoscales tells whether the replicas are a range.
func autoscales(r v1alpha1.Replicas) bool { return r.Max != nil && *r.Max > r.Min }

// horizontalPodAutoscaler scales between min and max by cpu; nil for a fixed number.
func horizontalPodAutoscaler(s object.Scope, spec *v1alpha1.AgencyPortalSpec) *autoscalingv2.HorizontalPodAutoscaler {
	if !autoscales(spec.Replicas) {
		return nil
	}
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: s.Meta(s.Portal),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: s.Portal},
			MinReplicas:    ptr.To(spec.Replicas.Min),
			MaxReplicas:    *spec.Replicas.Max,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name:   corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To(int32(targetCPU))},
				},
			}},
		},
	}
}
