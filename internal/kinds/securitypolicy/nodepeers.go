package securitypolicy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// SettingsOwner marks what is written for the settings in force. They are a file and
// have no UID, so a constant stands in its place; only cluster administrators, who may
// do all that the mark permits, write objects of the kinds that bear it.
func SettingsOwner() names.Owner {
	return names.Owner{Kind: child.Settings, Name: "in-force", UID: "settings-in-force"}
}

// NodePeers returns the admission policy by which no node makes a pod that the network
// policies take for a gateway, for monitoring or for a name server: a node that is
// broken into would reach portals of which it runs none. The peers are inlined, so that
// a request waits for no other object. It is nothing for settings without such peers.
// The objects go with home, the operator's namespace; nil for none.
func NodePeers(s settings.Settings, home *corev1.Namespace) []object.Object {
	peers := podPeers(s)
	if len(peers) == 0 {
		return nil
	}
	m := metav1.ObjectMeta{Name: names.NodePeersPolicy, Labels: SettingsOwner().Labels()}
	if home != nil {
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: home.Name, UID: home.UID}}
	}
	vap := &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: m,
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    ptr.To(admissionv1.Fail),
			MatchConstraints: peerConstraints(slices.Sorted(maps.Keys(peers))),
			MatchConditions: []admissionv1.MatchCondition{
				{Name: "by-a-node", Expression: "request.userInfo.username.startsWith('system:node:') || has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups"},
				{Name: "not-by-break-glass", Expression: "!has(request.userInfo.groups) || !('system:masters' in request.userInfo.groups)"},
			},
			Variables: []admissionv1.Variable{
				// By namespace, the labels of each peer; none for all pods.
				{Name: "peers", Expression: celPeers(peers)},
				{Name: "here", Expression: "request.namespace in variables.peers ? variables.peers[request.namespace] : []"},
				{Name: "labels", Expression: "has(object.metadata.labels) ? object.metadata.labels : {}"},
				{Name: "before", Expression: "request.operation == 'UPDATE' && has(oldObject.metadata.labels) ? oldObject.metadata.labels : {}"},
			},
			Validations: []admissionv1.Validation{{
				// A kubelet says how a real gateway or name server of its node is, so
				// what was a peer already may be one.
				Expression: "!variables.here.exists(p, p.all(k, k in variables.labels && variables.labels[k] == p[k]) && " +
					"!(request.operation == 'UPDATE' && p.all(k, k in variables.before && variables.before[k] == p[k])))",
				Message:           fmt.Sprintf(nodePeersMessage, "this namespace"),
				MessageExpression: strings.Replace(strconv.Quote(nodePeersMessage), "%s", `" + request.namespace + "`, 1),
				Reason:            ptr.To(metav1.StatusReasonForbidden),
			}},
		},
	}
	return []object.Object{vap, denyBinding(vap)}
}

// NoStaticPods reports whether the policy of NodePeers is for every pod of the namespace
// in which clusters show the static pods of their control plane.
func NoStaticPods(s settings.Settings) bool {
	return slices.ContainsFunc(podPeers(s)[metav1.NamespaceSystem], func(labels map[string]string) bool { return len(labels) == 0 })
}

const nodePeersMessage = "metadata.namespace: a node neither makes nor labels a pod in %s that the platform would take for a gateway, for monitoring or for a name server, " +
	"because such pods reach portals, or answer them, on every node: let a workload of Kubernetes make it, or give the static pod another namespace or other labels"

// peerConstraints match pods in the peers' namespaces only, so that nothing about the
// policy can touch pods elsewhere. Of the subresources only status takes labels.
func peerConstraints(namespaces []string) *admissionv1.MatchResources {
	return &admissionv1.MatchResources{
		MatchPolicy: ptr.To(admissionv1.Equivalent),
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
			Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: namespaces}}},
		ObjectSelector: &metav1.LabelSelector{},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"},
					Resources: []string{"pods", "pods/status"}, Scope: ptr.To(admissionv1.NamespacedScope)},
			},
		}},
	}
}

// podPeers returns by namespace the labels of all peers that are pods, each once.
func podPeers(s settings.Settings) map[string][]map[string]string {
	all := slices.Clone(s.Monitoring)
	for _, g := range s.Gateways {
		all = append(all, g.Peer)
	}
	if s.ClusterDNS.Namespace != "" {
		all = append(all, s.ClusterDNS.Peer)
	}
	out := map[string][]map[string]string{}
	for _, p := range all {
		same := func(l map[string]string) bool { return maps.Equal(l, p.PodLabels) }
		if !slices.ContainsFunc(out[p.Namespace], same) {
			out[p.Namespace] = append(out[p.Namespace], p.PodLabels)
		}
	}
	for _, l := range out {
		slices.SortFunc(l, func(a, b map[string]string) int { return strings.Compare(celMap(a), celMap(b)) })
	}
	return out
}

func celPeers(peers map[string][]map[string]string) string {
	var entries []string
	for _, namespace := range slices.Sorted(maps.Keys(peers)) {
		var selectors []string
		for _, l := range peers[namespace] {
			selectors = append(selectors, celMap(l))
		}
		entries = append(entries, strconv.Quote(namespace)+": ["+strings.Join(selectors, ", ")+"]")
	}
	return "{" + strings.Join(entries, ", ") + "}"
}

func celMap(labels map[string]string) string {
	var entries []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		entries = append(entries, strconv.Quote(k)+": "+strconv.Quote(labels[k]))
	}
	return "{" + strings.Join(entries, ", ") + "}"
}
