package apply

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
)

// merge returns the live object as it should be, and whether it is so already.
// Everything that we write is compared to the letter; only fields that the API
// server or another controller owns by design are taken from the live object.
func merge(want, live desired.Object) (merged desired.Object, equal bool, err error) {
	merged = live.DeepCopyObject().(desired.Object)
	mergeMeta(want, merged)
	switch w := want.(type) {
	case *corev1.Namespace, *corev1.ServiceAccount:
		err = mergeUnspecced(w, merged)
	case *corev1.ResourceQuota:
		merged.(*corev1.ResourceQuota).Spec = *w.Spec.DeepCopy()
	case *corev1.LimitRange:
		merged.(*corev1.LimitRange).Spec = *w.Spec.DeepCopy()
	case *corev1.Service:
		mergeService(w, merged.(*corev1.Service))
	case *networkingv1.NetworkPolicy:
		merged.(*networkingv1.NetworkPolicy).Spec = *w.Spec.DeepCopy()
	case *rbacv1.RoleBinding:
		m := merged.(*rbacv1.RoleBinding)
		m.RoleRef, m.Subjects = w.RoleRef, w.DeepCopy().Subjects
	case *rbacv1.Role:
		merged.(*rbacv1.Role).Rules = w.DeepCopy().Rules
	case *policyv1.PodDisruptionBudget:
		merged.(*policyv1.PodDisruptionBudget).Spec = *w.Spec.DeepCopy()
	case *autoscalingv2.HorizontalPodAutoscaler:
		merged.(*autoscalingv2.HorizontalPodAutoscaler).Spec = *w.Spec.DeepCopy()
	case *appsv1.Deployment:
		m := merged.(*appsv1.Deployment)
		replicas := m.Spec.Replicas
		m.Spec = *w.Spec.DeepCopy()
		if w.Annotations[names.AnnotationAutoscaled] != "" && replicas != nil && *replicas > *w.Spec.Replicas {
			// What is above the least number is the autoscaler's.
			m.Spec.Replicas = replicas
		}
	case *admissionv1.ValidatingAdmissionPolicy:
		merged.(*admissionv1.ValidatingAdmissionPolicy).Spec = *w.Spec.DeepCopy()
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		merged.(*admissionv1.ValidatingAdmissionPolicyBinding).Spec = *w.Spec.DeepCopy()
	default:
		return nil, false, fmt.Errorf("merge %T: the kind is not known to the apply engine", want)
	}
	return merged, equality.Semantic.DeepEqual(merged, live), err
}

func mergeUnspecced(want, merged desired.Object) error {
	switch w := want.(type) {
	case *corev1.Namespace:
		// Its spec holds finalizers of the API server only.
	case *corev1.ServiceAccount:
		m := merged.(*corev1.ServiceAccount)
		m.AutomountServiceAccountToken = w.AutomountServiceAccountToken
		m.Secrets, m.ImagePullSecrets = w.Secrets, w.ImagePullSecrets
	default:
		return fmt.Errorf("merge %T: the kind is not known to the apply engine", want)
	}
	return nil
}

// mergeService keeps the addresses that the API server allocated. A Service
// without one is not what was asked for.
func mergeService(want, merged *corev1.Service) {
	live := merged.Spec
	merged.Spec = *want.Spec.DeepCopy()
	if live.ClusterIP != corev1.ClusterIPNone {
		merged.Spec.ClusterIP, merged.Spec.ClusterIPs = live.ClusterIP, live.ClusterIPs
	}
	merged.Spec.IPFamilies, merged.Spec.IPFamilyPolicy = live.IPFamilies, live.IPFamilyPolicy
}

// mergeMeta forces our labels, annotations, owner references and finalizers,
// removes keys of ours that are not wanted, and leaves other people's labels.
func mergeMeta(want, merged desired.Object) {
	merged.SetLabels(mergeKeys(want.GetLabels(), merged.GetLabels()))
	merged.SetAnnotations(mergeKeys(want.GetAnnotations(), merged.GetAnnotations()))
	if !equality.Semantic.DeepEqual(want.GetOwnerReferences(), merged.GetOwnerReferences()) {
		merged.SetOwnerReferences(append([]metav1.OwnerReference(nil), want.GetOwnerReferences()...))
	}
	have := sets.New(merged.GetFinalizers()...)
	for _, f := range want.GetFinalizers() {
		if !have.Has(f) {
			merged.SetFinalizers(append(merged.GetFinalizers(), f))
		}
	}
}

func mergeKeys(want, live map[string]string) map[string]string {
	out := maps.Clone(live)
	maps.DeleteFunc(out, func(k, _ string) bool {
		_, wanted := want[k]
		return !wanted && (strings.HasPrefix(k, names.Domain) || strings.HasPrefix(k, "pod-security.kubernetes.io/"))
	})
	if out == nil && len(want) > 0 {
		out = map[string]string{}
	}
	maps.Copy(out, want)
	return out
}

// empty returns a zero object of the same type with its kind set.
func empty(o desired.Object) (desired.Object, error) {
	fresh, ok := reflect.New(reflect.TypeOf(o).Elem()).Interface().(desired.Object)
	if !ok {
		return nil, fmt.Errorf("%T is no object of the API", o)
	}
	fresh.GetObjectKind().SetGroupVersionKind(o.GetObjectKind().GroupVersionKind())
	return fresh, nil
}
