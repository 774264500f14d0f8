package conformance

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/reach"
)

// deepCopy shares nothing with the original but the ports.
func (w *world) deepCopy() world {
	duplicate := world{ports: w.ports, Snapshot: reach.Snapshot{
		Namespaces: make([]corev1.Namespace, len(w.Namespaces)),
		Pods:       make([]corev1.Pod, len(w.Pods)),
		Policies:   make([]networkingv1.NetworkPolicy, len(w.Policies)),
	}}
	for i := range w.Namespaces {
		w.Namespaces[i].DeepCopyInto(&duplicate.Namespaces[i])
	}
	for i := range w.Pods {
		w.Pods[i].DeepCopyInto(&duplicate.Pods[i])
	}
	for i := range w.Policies {
		w.Policies[i].DeepCopyInto(&duplicate.Policies[i])
	}
	return duplicate
}

// find returns this world's pod of the same name.
func (w *world) find(pod *corev1.Pod) *corev1.Pod {
	i := slices.IndexFunc(w.Pods, func(p corev1.Pod) bool { return p.Namespace == pod.Namespace && p.Name == pod.Name })
	return &w.Pods[i]
}

// in returns the same question about this world's pods.
func (w *world) in(q question) question {
	if q.from != nil {
		q.from = w.find(q.from)
	}
	if q.to != nil {
		q.to = w.find(q.to)
	}
	return q
}

func (w *world) namespaceLabels(name string) map[string]string {
	i := slices.IndexFunc(w.Namespaces, func(n corev1.Namespace) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return w.Namespaces[i].Labels
}

// eachRule visits the ports and peers of every rule. The peers may be changed in place.
func (w *world) eachRule(visit func(ports *[]networkingv1.NetworkPolicyPort, peers *[]networkingv1.NetworkPolicyPeer)) {
	for i := range w.Policies {
		spec := &w.Policies[i].Spec
		for k := range spec.Ingress {
			visit(&spec.Ingress[k].Ports, &spec.Ingress[k].From)
		}
		for k := range spec.Egress {
			visit(&spec.Egress[k].Ports, &spec.Egress[k].To)
		}
	}
}

func (w *world) eachPort(visit func(*networkingv1.NetworkPolicyPort)) {
	w.eachRule(func(ports *[]networkingv1.NetworkPolicyPort, _ *[]networkingv1.NetworkPolicyPeer) {
		for i := range *ports {
			visit(&(*ports)[i])
		}
	})
}

func (w *world) eachPeer(visit func(*networkingv1.NetworkPolicyPeer)) {
	w.eachRule(func(_ *[]networkingv1.NetworkPolicyPort, peers *[]networkingv1.NetworkPolicyPeer) {
		for i := range *peers {
			visit(&(*peers)[i])
		}
	})
}

func (w *world) eachSelector(visit func(selector *metav1.LabelSelector, ofNamespaces bool)) {
	for i := range w.Policies {
		visit(&w.Policies[i].Spec.PodSelector, false)
	}
	w.eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
		if p.PodSelector != nil {
			visit(p.PodSelector, false)
		}
		if p.NamespaceSelector != nil {
			visit(p.NamespaceSelector, true)
		}
	})
}

// eachLabels visits the labels of all namespaces or of all pods, as the API server would have stored them.
func (w *world) eachLabels(ofNamespaces bool, visit func(map[string]string)) {
	if ofNamespaces {
		for i := range w.Namespaces {
			visit(w.Namespaces[i].Labels)
		}
		return
	}
	for i := range w.Pods {
		if w.Pods[i].Labels == nil {
			w.Pods[i].Labels = map[string]string{}
		}
		visit(w.Pods[i].Labels)
	}
}
