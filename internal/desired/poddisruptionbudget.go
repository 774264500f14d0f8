package desired

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// podDisruptionBudget lets maintenance take one pod at a time. With a single
// pod it would block maintenance for good, so there is none.
func podDisruptionBudget(s scope, minReplicas int32) *policyv1.PodDisruptionBudget {
	if minReplicas < 2 {
		return nil
	}
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: s.meta(s.portal),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable:             ptrTo(intstr.FromInt32(1)),
			Selector:                   &metav1.LabelSelector{MatchLabels: portalLabels(s.portal)},
			UnhealthyPodEvictionPolicy: ptrTo(policyv1.AlwaysAllow),
		},
	}
}
