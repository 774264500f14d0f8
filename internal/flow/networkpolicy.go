package flow

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// PortalLabels select the pods of a portal inside its namespace.
func PortalLabels(portal string) map[string]string {
	return map[string]string{names.LabelPortal: portal}
}

// DenyAll isolates the selected pods in both directions. Its
// finalizer keeps it in force until the pods that it holds are gone.
func DenyAll(s object.Scope, name string, podLabels map[string]string) *networkingv1.NetworkPolicy {
	p := NetworkPolicy(s, name, podLabels, networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)
	p.Finalizers = []string{names.GuardFinalizer}
	return p
}

// NetworkPolicy returns a policy of the given types for pods with the labels, which
// allows nothing.
func NetworkPolicy(s object.Scope, name string, podLabels map[string]string, types ...networkingv1.PolicyType) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: s.Meta(name),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: podLabels},
			PolicyTypes: types,
		},
	}
}

// Peer selects pods by the namespace's name, which the API server sets and
// nobody else can, and by labels inside it.
func Peer(p settings.Peer) networkingv1.NetworkPolicyPeer {
	out := networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.Namespace}},
	}
	if len(p.PodLabels) > 0 {
		out.PodSelector = &metav1.LabelSelector{MatchLabels: p.PodLabels}
	}
	return out
}

// Port is one port of a rule.
func Port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: ptr.To(protocol), Port: ptr.To(intstr.FromInt32(number))}
}
