package reach

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// namespace is a Namespace of the snapshot, ready for namespaceSelectors.
type namespace struct {
	labels labels.Set
}

// newNamespace adds the label that the API server sets on every namespace and keeps equal to its name, so that a
// manifest that has not passed through an API server is matched alike.
func newNamespace(source *corev1.Namespace) *namespace {
	set := make(labels.Set, len(source.Labels)+1)
	for key, value := range source.Labels {
		set[key] = value
	}
	set[corev1.LabelMetadataName] = source.Name
	return &namespace{labels: set}
}

// namedPort is a container port that has a name.
type namedPort struct {
	name string
	port Port
}

// pod is a Pod of the snapshot, ready to be a subject and a peer.
type pod struct {
	key    types.NamespacedName
	labels labels.Set
	// namespace is nil when the snapshot does not have it: then no namespaceSelector matches.
	namespace *namespace
	node      string
	// hostNetwork pods share their node's addresses, so a policy cannot tell them from the node. Concepts: network
	// plugins "ignore" them "when matching podSelector and namespaceSelector", and their traffic is treated as "all other
	// traffic to/from the node IP".
	hostNetwork bool
	terminated  bool
	// ambiguous: the snapshot has another pod of the same name.
	ambiguous bool
	addresses addresses
	// nodeAddresses are those of the node the pod runs on.
	nodeAddresses []netip.Addr
	namedPorts    []namedPort
	// selected holds the policies that isolate the pod, by direction.
	selected [len(directions)][]*policy
	problems []Problem
}

func newPod(source *corev1.Pod) *pod {
	p := &pod{
		key:         types.NamespacedName{Namespace: source.Namespace, Name: source.Name},
		labels:      source.Labels,
		node:        source.Spec.NodeName,
		hostNetwork: source.Spec.HostNetwork,
		terminated:  source.Status.Phase == corev1.PodSucceeded || source.Status.Phase == corev1.PodFailed,
		namedPorts:  namedPorts(&source.Spec),
	}
	p.readAddresses(&source.Status)
	return p
}

// readAddresses falls back from the plural fields to the singular ones, and for a hostNetwork pod to its node's.
func (p *pod) readAddresses(status *corev1.PodStatus) {
	for _, host := range status.HostIPs {
		p.addNodeAddress(host.IP)
	}
	p.addNodeAddress(status.HostIP)
	for i, ip := range status.PodIPs {
		p.addAddress(fmt.Sprintf("status.podIPs[%d].ip", i), ip.IP)
	}
	p.addAddress("status.podIP", status.PodIP)
	if p.hostNetwork && !p.addresses.known() {
		for _, address := range p.nodeAddresses {
			p.addresses.add(address)
		}
	}
}

func (p *pod) addNodeAddress(text string) {
	if address := parseAddress(text); address.IsValid() {
		p.nodeAddresses = append(p.nodeAddresses, address)
	}
}

func (p *pod) addAddress(field, text string) {
	if text == "" {
		return
	}
	address := parseAddress(text)
	if !address.IsValid() {
		p.report(field, fmt.Sprintf("%q is not an IP address: no ipBlock matches it", text))
		return
	}
	p.addresses.add(address)
}

func (p *pod) report(field, message string) {
	p.problems = append(p.problems, Problem{
		Kind: KindPod, Namespace: p.key.Namespace, Name: p.key.Name, Field: field, Message: message,
	})
}

// namedPorts lists what a named NetworkPolicyPort can resolve to: the ports of the containers that keep running, which
// includes init containers with restartPolicy Always (sidecars; kubernetes/kubernetes#125285). A container port's
// protocol "defaults to TCP" (ContainerPort, k8s.io/api/core/v1).
func namedPorts(spec *corev1.PodSpec) []namedPort {
	var named []namedPort
	add := func(ports []corev1.ContainerPort) {
		for _, p := range ports {
			port := Port{Protocol: p.Protocol, Number: p.ContainerPort}
			if port.Protocol == "" {
				port.Protocol = corev1.ProtocolTCP
			}
			if p.Name != "" && port.valid() {
				named = append(named, namedPort{name: p.Name, port: port})
			}
		}
	}
	for i := range spec.Containers {
		add(spec.Containers[i].Ports)
	}
	for i := range spec.InitContainers {
		if always := spec.InitContainers[i].RestartPolicy; always != nil && *always == corev1.ContainerRestartPolicyAlways {
			add(spec.InitContainers[i].Ports)
		}
	}
	return named
}

// resolvesTo reports whether the pod gives the port that name.
func (p *pod) resolvesTo(name string, port Port) bool {
	return slices.Contains(p.namedPorts, namedPort{name: name, port: port})
}

// selectable reports whether selectors see the pod at all.
func (p *pod) selectable() bool { return !p.hostNetwork && !p.terminated && !p.ambiguous }

// party is one end of a flow, resolved.
type party struct {
	// pod is nil for an address that belongs to no pod.
	pod *pod
	// addresses are those the flow may use: all of a pod's, or the one that was asked for.
	addresses addresses
}

// subject reports whether policies can select this end, and match it by selector.
func (p party) subject() bool { return p.pod != nil && !p.pod.hostNetwork }

// isNodeOf reports whether this end is the node that the pod runs on, or a hostNetwork pod there.
func (p party) isNodeOf(other *pod) bool {
	if p.subject() {
		return false
	}
	if p.pod != nil && p.pod.node != "" && p.pod.node == other.node {
		return true
	}
	return slices.Contains(other.nodeAddresses, p.addresses.v4) || slices.Contains(other.nodeAddresses, p.addresses.v6)
}
