package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/govplatform/govplatform/internal/reach"
)

// generator makes small worlds that the API server would accept, with every feature of NetworkPolicy v1. Omitted fields
// stay omitted, as in a manifest that has not passed through an API server.
type generator struct{ *rand.Rand }

// world is a policy set and the ports to ask about.
type world struct {
	reach.Snapshot
	ports []reach.Port
}

// newWorld is reproducible from the seed and the number of the set.
func newWorld(seed, set uint64) world {
	g := generator{rand.New(rand.NewPCG(seed, set))}
	var w world
	for n := range 2 + g.IntN(3) {
		w.Namespaces = append(w.Namespaces, g.namespace(n))
		for p := range 1 + g.IntN(4) {
			w.Pods = append(w.Pods, g.pod(n, p))
		}
	}
	for i := range g.IntN(7) {
		w.Policies = append(w.Policies, g.policy(w.Namespaces, i))
	}
	for range 5 {
		w.ports = append(w.ports, reach.Port{Protocol: g.protocol(), Number: pick(g, portNumbers...)})
	}
	slices.SortFunc(w.ports, reach.Port.Compare)
	w.ports = slices.Compact(w.ports)
	return w
}

// portNumbers lie on, next to and between the numbers that policies and pods use.
var portNumbers = []int32{79, 80, 80, 81, 81, 82, 85, 90, 91, 443, 443, 8080, 8080, 8081, 65535}

func pick[T any](g generator, options ...T) T { return options[g.IntN(len(options))] }

// chance is true in about one of n cases.
func (g generator) chance(n int) bool { return g.IntN(n) == 0 }

func several[T any](g generator, least, most int, one func() T) []T {
	items := make([]T, 0, most)
	for range least + g.IntN(most-least+1) {
		items = append(items, one())
	}
	return items
}

func (g generator) namespace(n int) corev1.Namespace {
	name := fmt.Sprintf("ns%d", n)
	labels := map[string]string{"team": pick(g, "red", "blue")}
	if g.chance(4) {
		delete(labels, "team")
	}
	if !g.chance(12) {
		labels[corev1.LabelMetadataName] = name
	}
	return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func (g generator) labels() map[string]string {
	labels := map[string]string{}
	if !g.chance(5) {
		labels["app"] = pick(g, "web", "db", "api")
	}
	if g.chance(3) {
		labels["tier"] = pick(g, "front", "back", "")
	}
	return labels
}

// pod n/p has its own address, is IPv4, dual-stack or IPv6, and now and then on the host network or terminated.
func (g generator) pod(n, p int) corev1.Pod {
	node := g.IntN(2)
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("ns%d", n), Name: fmt.Sprintf("pod%d", p), Labels: g.labels()},
		Spec: corev1.PodSpec{
			NodeName: fmt.Sprintf("node%d", node), HostNetwork: g.chance(16),
			Containers: []corev1.Container{{Name: "main", Ports: g.containerPorts("main")}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, HostIPs: []corev1.HostIP{{IP: fmt.Sprintf("192.168.0.%d", node+1)}}},
	}
	if g.chance(6) {
		always := corev1.ContainerRestartPolicyAlways
		pod.Spec.InitContainers = []corev1.Container{{Name: "sidecar", Ports: g.containerPorts("sidecar"), RestartPolicy: &always}}
	}
	v4 := corev1.PodIP{IP: fmt.Sprintf("10.0.%d.%d", n+1, p+1)}
	v6 := corev1.PodIP{IP: fmt.Sprintf("fd00:%d::%d", n+1, p+1)}
	switch {
	case pod.Spec.HostNetwork:
		pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.HostIPs[0].IP}}
	case g.chance(6):
		pod.Status.PodIPs = []corev1.PodIP{v4, v6}
	case g.chance(16):
		pod.Status.PodIPs = []corev1.PodIP{v6}
	default:
		pod.Status.PodIPs = []corev1.PodIP{v4}
	}
	if g.chance(20) {
		pod.Status.Phase = pick(g, corev1.PodSucceeded, corev1.PodFailed)
	}
	if p > 0 && pod.Status.Phase != corev1.PodRunning && g.chance(2) {
		// Its address has been given to the namespace's first pod.
		pod.Status.PodIPs = []corev1.PodIP{{IP: fmt.Sprintf("10.0.%d.1", n+1)}}
	}
	return pod
}

// containerPorts gives each port of the pod its own number, so that a number has one name.
func (g generator) containerPorts(container string) []corev1.ContainerPort {
	protocol := pick(g, "", corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP)
	if container == "sidecar" {
		return []corev1.ContainerPort{{Name: "metrics", ContainerPort: 443, Protocol: protocol}}
	}
	ports := []corev1.ContainerPort{{Name: "http", ContainerPort: pick[int32](g, 80, 8080), Protocol: protocol}}
	if g.chance(2) {
		ports = append(ports, corev1.ContainerPort{Name: pick(g, "metrics", "admin"), ContainerPort: 81, Protocol: corev1.ProtocolTCP})
	}
	return ports
}

func (g generator) protocol() corev1.Protocol {
	return pick(g, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
}

func (g generator) policy(namespaces []corev1.Namespace, i int) networkingv1.NetworkPolicy {
	policy := networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: pick(g, namespaces...).Name, Name: fmt.Sprintf("policy%d", i)},
	}
	policy.Spec.PodSelector = g.podSelector()
	if !g.chance(30) {
		policy.Spec.PolicyTypes = pick(g, []networkingv1.PolicyType{"Ingress"}, []networkingv1.PolicyType{"Egress"},
			[]networkingv1.PolicyType{"Ingress", "Egress"}, []networkingv1.PolicyType{"Egress", "Ingress"})
	}
	if !g.chance(4) {
		policy.Spec.Ingress = several(g, 0, 3, func() networkingv1.NetworkPolicyIngressRule {
			return networkingv1.NetworkPolicyIngressRule{Ports: g.ports(), From: g.peers()}
		})
	}
	if !g.chance(4) {
		policy.Spec.Egress = several(g, 0, 3, func() networkingv1.NetworkPolicyEgressRule {
			return networkingv1.NetworkPolicyEgressRule{Ports: g.ports(), To: g.peers()}
		})
	}
	return policy
}

func (g generator) podSelector() metav1.LabelSelector {
	return g.selector("app", []string{"web", "db", "api"}, "tier", []string{"front", "back", ""})
}

func (g generator) namespaceSelector() metav1.LabelSelector {
	return g.selector("team", []string{"red", "blue"}, corev1.LabelMetadataName, []string{"ns0", "ns1", "ns2"})
}

func (g generator) selector(key1 string, values1 []string, key2 string, values2 []string) metav1.LabelSelector {
	var selector metav1.LabelSelector
	if g.chance(3) {
		return selector
	}
	key, values := key1, values1
	if g.chance(3) {
		key, values = key2, values2
	}
	if !g.chance(3) {
		selector.MatchLabels = map[string]string{key: pick(g, values...)}
	}
	if g.chance(3) {
		requirement := metav1.LabelSelectorRequirement{Key: pick(g, key1, key2), Operator: pick(g,
			metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
		if requirement.Operator == metav1.LabelSelectorOpIn || requirement.Operator == metav1.LabelSelectorOpNotIn {
			requirement.Values = several(g, 1, 2, func() string { return pick(g, append(values1, values2...)...) })
		}
		selector.MatchExpressions = append(selector.MatchExpressions, requirement)
	}
	return selector
}

func (g generator) ports() []networkingv1.NetworkPolicyPort {
	if g.chance(2) {
		return nil
	}
	return several(g, 0, 2, func() networkingv1.NetworkPolicyPort {
		var port networkingv1.NetworkPolicyPort
		if !g.chance(12) {
			protocol := g.protocol()
			port.Protocol = &protocol
		}
		switch g.IntN(8) {
		case 0:
		case 1, 2:
			name := intstr.FromString(pick(g, "http", "metrics", "admin"))
			port.Port = &name
		case 3, 4:
			first := intstr.FromInt32(pick[int32](g, 80, 81, 443))
			last := pick[int32](g, 443, 8080, 65535, first.IntVal)
			if first.IntVal < 443 && g.chance(2) {
				last = pick[int32](g, 81, 90)
			}
			port.Port, port.EndPort = &first, &last
		default:
			number := intstr.FromInt32(pick[int32](g, 80, 81, 443, 8080))
			port.Port = &number
		}
		return port
	})
}

func (g generator) peers() []networkingv1.NetworkPolicyPeer {
	if g.chance(6) {
		return nil
	}
	return several(g, 0, 3, func() networkingv1.NetworkPolicyPeer {
		pods, namespaces := g.podSelector(), g.namespaceSelector()
		switch g.IntN(5) {
		case 0:
			return networkingv1.NetworkPolicyPeer{PodSelector: &pods}
		case 1:
			return networkingv1.NetworkPolicyPeer{NamespaceSelector: &namespaces}
		case 2, 3:
			return networkingv1.NetworkPolicyPeer{PodSelector: &pods, NamespaceSelector: &namespaces}
		}
		return networkingv1.NetworkPolicyPeer{IPBlock: g.ipBlock()}
	})
}

// ipBlock chooses a block and exceptions inside it.
func (g generator) ipBlock() *networkingv1.IPBlock {
	block := pick(g,
		networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/8", "192.168.0.0/24", "203.0.113.0/25"}},
		networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.1.1/32"}},
		networkingv1.IPBlock{CIDR: "10.0.1.0/24", Except: []string{"10.0.1.0/31", "10.0.1.2/32"}},
		networkingv1.IPBlock{CIDR: "10.0.2.1/32"},
		networkingv1.IPBlock{CIDR: "203.0.113.0/24", Except: []string{"203.0.113.7/32", "203.0.113.128/25"}},
		networkingv1.IPBlock{CIDR: "192.168.0.0/24", Except: []string{"192.168.0.1/32"}},
		networkingv1.IPBlock{CIDR: "::/0", Except: []string{"fd00::/16", "2001:db8::/64"}},
		networkingv1.IPBlock{CIDR: "fd00::/16", Except: []string{"fd00:1::/32", "fd00:2::1/128"}},
	)
	block.Except = slices.DeleteFunc(slices.Clone(block.Except), func(string) bool { return !g.chance(3) })
	return &block
}
