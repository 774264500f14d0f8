package conformance

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"

	"github.com/govplatform/govplatform/internal/reach"
)

// kubeNetworkPolicies asks the packet engine of sigs.k8s.io/kube-network-policies. It finds the pods by their
// addresses, in informers that were never started and hold just the world.
func kubeNetworkPolicies(s reach.Snapshot) evaluator {
	factory := informers.NewSharedInformerFactory(nil, 0)
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	policies := sortedPolicies{NetworkPolicyInformer: factory.Networking().V1().NetworkPolicies(), lister: newPolicyLister(s.Policies)}
	byAddress, err := podinfo.NewInformerResolver(pods.Informer())
	if err != nil {
		panic(err)
	}
	for i := range s.Namespaces {
		mustAdd(namespaces.Informer(), &s.Namespaces[i])
	}
	for i := range s.Pods {
		mustAdd(pods.Informer(), &s.Pods[i])
	}
	engine := networkpolicy.NewPolicyEngine(
		podinfo.NewInformerProvider(pods, namespaces, nil, []podinfo.IPResolver{byAddress}),
		[]api.PolicyEvaluator{networkpolicy.NewStandardNetworkPolicy("", namespaces, pods, policies)})
	return func(q question) answer {
		return anyPacket(q, func(p packet) bool {
			family := corev1.IPv6Protocol
			if p.from.Is4() {
				family = corev1.IPv4Protocol
			}
			ok, err := engine.EvaluatePacket(context.Background(), &network.Packet{
				Family: family, SrcIP: p.from.AsSlice(), DstIP: p.to.AsSlice(),
				Proto: q.flow.Protocol, SrcPort: 40000, DstPort: int(q.flow.Port),
			})
			if err != nil {
				panic(err)
			}
			return ok
		})
	}
}

func mustAdd(informer cache.SharedIndexInformer, object any) {
	if err := informer.GetStore().Add(object); err != nil {
		panic(err)
	}
}

// sortedPolicies lists policies in a fixed order. The informer's own lister has none, and whether the peer panics on one
// policy can depend on whether it saw another one first.
type sortedPolicies struct {
	networkinginformers.NetworkPolicyInformer
	lister policyLister
}

func (s sortedPolicies) Lister() networkinglisters.NetworkPolicyLister { return s.lister }

type policyLister struct {
	networkinglisters.NetworkPolicyLister
	byNamespace map[string]namespaceLister
}

func newPolicyLister(policies []networkingv1.NetworkPolicy) policyLister {
	l := policyLister{byNamespace: map[string]namespaceLister{}}
	for i := range policies {
		in := l.byNamespace[policies[i].Namespace]
		in.policies = append(in.policies, &policies[i])
		slices.SortFunc(in.policies, func(a, b *networkingv1.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
		l.byNamespace[policies[i].Namespace] = in
	}
	return l
}

func (l policyLister) NetworkPolicies(namespace string) networkinglisters.NetworkPolicyNamespaceLister {
	return l.byNamespace[namespace]
}

type namespaceLister struct {
	networkinglisters.NetworkPolicyNamespaceLister
	policies []*networkingv1.NetworkPolicy
}

func (l namespaceLister) List(labels.Selector) ([]*networkingv1.NetworkPolicy, error) {
	return l.policies, nil
}
