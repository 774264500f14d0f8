package child

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/govplatform/govplatform/internal/names"
)

// merging makes a column of a function of one type. The function takes parts of what
// is wanted as they are, and changes nothing in them.
func merging[T Object](take func(want, merged T)) func(want, merged Object) error {
	return func(want, merged Object) error {
		w, ok1 := want.(T)
		m, ok2 := merged.(T)
		if !ok1 || !ok2 {
			return fmt.Errorf("merge %T into %T: the row is for %T", want, merged, *new(T))
		}
		take(w, m)
		return nil
	}
}

var (
	// The spec of a namespace holds finalizers of the API server only.
	mergeNamespace     = merging(func(_, _ *corev1.Namespace) {})
	mergeResourceQuota = merging(func(w, m *corev1.ResourceQuota) { m.Spec = w.Spec })
	mergeLimitRange    = merging(func(w, m *corev1.LimitRange) { m.Spec = w.Spec })
	mergeNetworkPolicy = merging(func(w, m *networkingv1.NetworkPolicy) { m.Spec = w.Spec })
	mergeBudget        = merging(func(w, m *policyv1.PodDisruptionBudget) { m.Spec = w.Spec })
	mergeAutoscaler    = merging(func(w, m *autoscalingv2.HorizontalPodAutoscaler) { m.Spec = w.Spec })
	mergeAdmission     = merging(func(w, m *admissionv1.ValidatingAdmissionPolicy) { m.Spec = w.Spec })
	mergeBinding       = merging(func(w, m *admissionv1.ValidatingAdmissionPolicyBinding) { m.Spec = w.Spec })
	mergeRole          = merging(func(w, m *rbacv1.Role) { m.Rules = w.Rules })
	mergeRoleBinding   = merging(func(w, m *rbacv1.RoleBinding) { m.RoleRef, m.Subjects = w.RoleRef, w.Subjects })
	mergeAccount       = merging(func(w, m *corev1.ServiceAccount) {
		m.AutomountServiceAccountToken, m.Secrets, m.ImagePullSecrets = w.AutomountServiceAccountToken, w.Secrets, w.ImagePullSecrets
	})
	mergeDeployment = merging(func(w, m *appsv1.Deployment) {
		replicas := m.Spec.Replicas
		m.Spec = w.Spec
		if w.Annotations[names.AnnotationAutoscaled] != "" && replicas != nil && *replicas > *w.Spec.Replicas {
			// What is above the least number is the autoscaler's.
			m.Spec.Replicas = replicas
		}
	})
	// A Service keeps the addresses that the API server allocated. One without any is
	// not what was asked for.
	mergeService = merging(func(w, m *corev1.Service) {
		live := m.Spec
		m.Spec = w.Spec
		if live.ClusterIP != corev1.ClusterIPNone {
			m.Spec.ClusterIP, m.Spec.ClusterIPs = live.ClusterIP, live.ClusterIPs
		}
		m.Spec.IPFamilies, m.Spec.IPFamilyPolicy = live.IPFamilies, live.IPFamilyPolicy
	})
)
