package reach

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// chooser turns bytes into choices, so that a fuzzer that changes a byte changes one choice. Without bytes left it
// chooses the first option.
type chooser struct{ data []byte }

func (c *chooser) intn(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

func pick[T any](c *chooser, options ...T) T { return options[c.intn(len(options))] }

func several[T any](c *chooser, most int, one func() T) []T {
	var items []T
	for range c.intn(most + 1) {
		items = append(items, one())
	}
	return items
}

// world chooses a small world, in which contradictions and unreadable fields are rare but do occur.
func (c *chooser) world() Snapshot {
	var s Snapshot
	for i := range 1 + c.intn(3) {
		s.Namespaces = append(s.Namespaces, corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i), Labels: c.labels()},
		})
	}
	for i := range 1 + c.intn(6) {
		s.Pods = append(s.Pods, c.pod(i))
	}
	s.Policies = several(c, 5, c.policy)
	for i := range s.Policies {
		s.Policies[i].Name = fmt.Sprintf("p%d", i)
	}
	return s
}

func (c *chooser) namespace() string { return fmt.Sprintf("n%d", c.intn(3)) }

func (c *chooser) labels() map[string]string {
	labels := map[string]string{}
	for _, key := range []string{"x", "y"} {
		if value := pick(c, "", "1", "2", "-"); value != "-" {
			labels[key] = value
		}
	}
	return labels
}

func (c *chooser) pod(i int) corev1.Pod {
	node := c.intn(2)
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace(), Name: fmt.Sprintf("pod%d", i-c.intn(8)/7), Labels: c.labels()},
		Spec: corev1.PodSpec{
			NodeName: fmt.Sprintf("node%d", node),
			Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
				{Name: pick(c, "http", "dns", ""), ContainerPort: pick[int32](c, 80, 81, 90), Protocol: c.protocol()},
			}}},
		},
		Status: corev1.PodStatus{
			Phase:   pick(c, corev1.PodRunning, corev1.PodRunning, corev1.PodRunning, corev1.PodPending, corev1.PodSucceeded),
			HostIPs: []corev1.HostIP{{IP: fmt.Sprintf("192.168.0.%d", node)}},
		},
	}
	v4, v6 := corev1.PodIP{IP: fmt.Sprintf("10.0.0.%d", 1+i)}, corev1.PodIP{IP: fmt.Sprintf("fd00::%d", 1+i)}
	p.Status.PodIPs = pick(c, []corev1.PodIP{v4}, []corev1.PodIP{v4}, []corev1.PodIP{v4, v6}, []corev1.PodIP{v6}, nil)
	if c.intn(8) == 7 {
		p.Spec.HostNetwork = true
		p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.HostIPs[0].IP}}
	}
	return p
}

func (c *chooser) protocol() corev1.Protocol {
	return pick(c, "", corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
}

func (c *chooser) policy() networkingv1.NetworkPolicy {
	return networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace()},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: c.selector(),
			PolicyTypes: pick(c, nil, []networkingv1.PolicyType{"Ingress"}, []networkingv1.PolicyType{"Egress"},
				[]networkingv1.PolicyType{"Ingress", "Egress"}, []networkingv1.PolicyType{}, []networkingv1.PolicyType{"Sideways"}),
			Ingress: several(c, 2, func() networkingv1.NetworkPolicyIngressRule {
				return networkingv1.NetworkPolicyIngressRule{Ports: several(c, 2, c.policyPort), From: several(c, 2, c.peer)}
			}),
			Egress: several(c, 2, func() networkingv1.NetworkPolicyEgressRule {
				return networkingv1.NetworkPolicyEgressRule{Ports: several(c, 2, c.policyPort), To: several(c, 2, c.peer)}
			}),
		},
	}
}

func (c *chooser) selector() metav1.LabelSelector {
	switch c.intn(6) {
	case 0, 1:
		return metav1.LabelSelector{}
	case 2, 3:
		return metav1.LabelSelector{MatchLabels: map[string]string{pick(c, "x", "y"): pick(c, "1", "2", "")}}
	}
	return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key:      pick(c, "x", "y", "kubernetes.io/metadata.name"),
		Operator: pick(c, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, "Resembles"),
		Values:   pick(c, []string{"1"}, []string{"n1", "2"}, nil),
	}}}
}

func (c *chooser) policyPort() networkingv1.NetworkPolicyPort {
	var p networkingv1.NetworkPolicyPort
	if protocol := c.protocol(); protocol != "" {
		p.Protocol = &protocol
	}
	if port := pick(c, intstr.FromInt32(80), intstr.FromInt32(81), intstr.FromString("http"), intstr.FromInt32(-1)); port.IntVal >= 0 {
		p.Port = &port
	}
	if end := pick[int32](c, 0, 0, 85, 65535, 70000); end > 0 {
		p.EndPort = &end
	}
	return p
}

func (c *chooser) peer() networkingv1.NetworkPolicyPeer {
	pods, namespaces := c.selector(), c.selector()
	switch c.intn(6) {
	case 0:
		return networkingv1.NetworkPolicyPeer{PodSelector: &pods}
	case 1:
		return networkingv1.NetworkPolicyPeer{NamespaceSelector: &namespaces}
	case 2:
		return networkingv1.NetworkPolicyPeer{PodSelector: &pods, NamespaceSelector: &namespaces}
	case 3, 4:
		return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{
			CIDR:   pick(c, "10.0.0.0/8", "10.0.0.0/30", "fd00::/64", "0.0.0.0/0", "nonsense"),
			Except: several(c, 2, func() string { return pick(c, "10.0.0.2/31", "10.0.0.1/32", "fd00::2/127", "x") }),
		}}
	}
	return networkingv1.NetworkPolicyPeer{}
}

// endpointsOf lists every pod, and an address outside, one inside, and a node's.
func endpointsOf(s Snapshot) []Endpoint {
	endpoints := []Endpoint{parseEndpoint("8.8.8.8"), parseEndpoint("10.0.0.2"), parseEndpoint("192.168.0.1"), parseEndpoint("2001:db8::1")}
	for _, p := range s.Pods {
		endpoints = append(endpoints, PodEndpoint(p.Namespace, p.Name))
	}
	slices.SortFunc(endpoints, Endpoint.Compare)
	return slices.Compact(endpoints)
}

// flowsOf lists every ordered pair of endpoints on the ports.
func flowsOf(s Snapshot, ports ...Port) []Flow {
	endpoints := endpointsOf(s)
	var flows []Flow
	for _, from := range endpoints {
		for _, to := range endpoints {
			for _, port := range ports {
				flows = append(flows, Flow{From: from, To: to, Protocol: port.Protocol, Port: port.Number})
			}
		}
	}
	return flows
}
