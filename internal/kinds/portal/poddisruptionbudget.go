package portal

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/object"
)

// podDisruptionBudget lets maintenance take one pod at a time wherever more than
// one may run, also if the autoscaler made them. A portal that never has more
// than one pod has no budget, since maintenance must be able to take that one.
func podDisruptionBudget(s object.Scope, r v1alpha1.Replicas) *policyv1.PodDisruptionBudget {
	if r.Min < 2 && !autoscales(r) {
		return nil
	}
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: s.Meta(s.Portal),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable:             ptr.To(intstr.FromInt32(1)),
			Selector:                   &metav1.LabelSelector{MatchLabels: flow.PortalLabels(s.Portal)},
			UnhealthyPodEvictionPolicy: ptr.To(policyv1.AlwaysAllow),
		},
	}
}
