package conformance

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/internal/reach"
)

// rule is one rule of the API documentation that a peer does not follow.
type rule struct {
	name string
	// documentation says where the rule is written, and what it says.
	documentation string
	// peers are those that differ.
	peers []string
	// holds is the precondition: the rule is at work in this question.
	holds func(dispute) bool
	// spellOut rewrites a world so that it means the same with the rule as without it. Exactly one of spellOut and lift
	// is set.
	spellOut func(*world)
	// lift turns an exemption off: it changes the world, or the question, so that our evaluator judges the flow by the
	// policies alone, as the peer does.
	lift func(*world, *question)
}

// dispute is a question that a peer answers differently.
type dispute struct {
	world    *world
	question question
	ours     answer
}

const apiReference = "API reference, "

const concepts = "Concepts, Network Policies: "

var allPeers = []string{"kube-network-policies", "cyclonus"}

// rules are in the order in which a difference is attributed to them.
var rules = []rule{
	{
		name:          "a pod reaches itself",
		documentation: concepts + `"a Pod cannot block access to itself"`,
		peers:         allPeers,
		holds:         func(d dispute) bool { return d.ours == allowed && isSelf(d.question) },
		lift:          askAboutTwin,
	},
	{
		name:          "a pod's own node",
		documentation: concepts + `"traffic to and from the node where a Pod is running is always allowed"`,
		peers:         allPeers,
		holds:         func(d dispute) bool { return d.ours == allowed && nodeBound(d.question) != nil },
		lift:          moveToAnotherNode,
	},
	{
		name:          "terminated pod",
		documentation: `API reference, PodPhase: Succeeded and Failed mean "all containers in the pod have terminated"`,
		peers:         allPeers,
		holds: func(d dispute) bool {
			return d.ours == denied && (d.question.from != nil && terminated(d.question.from) || d.question.to != nil && terminated(d.question.to))
		},
		lift: reviveEnds,
	},
	{
		name:          "non-nil empty rules",
		documentation: apiReference + `spec.egress: "If this field is empty then this NetworkPolicy limits all outgoing traffic"; spec.ingress alike`,
		peers:         []string{"kube-network-policies"},
		holds: func(d dispute) bool {
			return d.anySelecting(func(s selecting) bool { return s.hasEmptyRules() })
		},
		spellOut: func(w *world) {
			for i := range w.Policies {
				if len(w.Policies[i].Spec.Ingress) == 0 {
					w.Policies[i].Spec.Ingress = nil
				}
				if len(w.Policies[i].Spec.Egress) == 0 {
					w.Policies[i].Spec.Egress = nil
				}
			}
		},
	},
	{
		name:          "nil protocol",
		documentation: apiReference + `ports[].protocol: "If not specified, this field defaults to TCP"`,
		peers:         []string{"kube-network-policies"},
		holds: func(d dispute) bool {
			return d.anySelecting(func(s selecting) bool {
				return slices.ContainsFunc(s.ports(), func(p networkingv1.NetworkPolicyPort) bool { return p.Protocol == nil })
			})
		},
		spellOut: func(w *world) {
			tcp := corev1.ProtocolTCP
			w.eachPort(func(p *networkingv1.NetworkPolicyPort) {
				if p.Protocol == nil {
					p.Protocol = &tcp
				}
			})
		},
	},
	{
		name:          "omitted policyTypes",
		documentation: apiReference + `spec.policyTypes: "it will default based on the existence of ingress or egress rules"`,
		peers:         []string{"kube-network-policies"},
		holds: func(d dispute) bool {
			return d.anySelecting(func(s selecting) bool { return len(s.policy.Spec.PolicyTypes) == 0 })
		},
		spellOut: defaultPolicyTypes,
	},
	{
		// This peer refuses the whole set, so the policy need not select an end.
		name:          "omitted policyTypes in the set",
		documentation: apiReference + `spec.policyTypes: "it will default based on the existence of ingress or egress rules"`,
		peers:         []string{"cyclonus"},
		holds: func(d dispute) bool {
			return slices.ContainsFunc(d.world.Policies, func(p networkingv1.NetworkPolicy) bool { return len(p.Spec.PolicyTypes) == 0 })
		},
		spellOut: defaultPolicyTypes,
	},
	{
		name:          "named port of a sidecar",
		documentation: apiReference + `ports[].port: "a numerical or named port on a pod"; a sidecar's port is one (kubernetes/kubernetes#125285)`,
		peers:         []string{"kube-network-policies"},
		holds: func(d dispute) bool {
			return d.question.to != nil && len(d.question.to.Spec.InitContainers) > 0 &&
				d.namesPort(d.question.to.Spec.InitContainers[0].Ports, false)
		},
		spellOut: func(w *world) {
			for i := range w.Pods {
				spec := &w.Pods[i].Spec
				spec.Containers, spec.InitContainers = append(spec.Containers, spec.InitContainers...), nil
			}
		},
	},
	{
		name:          "container port without protocol",
		documentation: `API reference, ContainerPort.protocol: "Defaults to TCP"`,
		peers:         []string{"kube-network-policies"},
		holds: func(d dispute) bool {
			return d.question.to != nil && slices.ContainsFunc(
				slices.Concat(d.question.to.Spec.Containers, d.question.to.Spec.InitContainers),
				func(c corev1.Container) bool { return d.namesPort(c.Ports, true) })
		},
		spellOut: func(w *world) {
			for i := range w.Pods {
				for _, containers := range [][]corev1.Container{w.Pods[i].Spec.Containers, w.Pods[i].Spec.InitContainers} {
					for _, container := range containers {
						for k := range container.Ports {
							if container.Ports[k].Protocol == "" {
								container.Ports[k].Protocol = corev1.ProtocolTCP
							}
						}
					}
				}
			}
		},
	},
	{
		name:          "the namespace's name label",
		documentation: `Concepts, Namespaces, automatic labelling: the control plane sets "kubernetes.io/metadata.name" on all namespaces`,
		peers:         allPeers,
		holds: func(d dispute) bool {
			return d.anySelecting(func(s selecting) bool { return s.needsNameLabel(d.world) })
		},
		spellOut: func(w *world) {
			for i := range w.Namespaces {
				w.Namespaces[i].Labels[corev1.LabelMetadataName] = w.Namespaces[i].Name
			}
		},
	},
	{
		name:          "NotIn without the label",
		documentation: `Concepts, Labels and Selectors: notin selects also "all resources with no labels with the […] key"`,
		peers:         []string{"cyclonus"},
		holds:         func(d dispute) bool { return d.anySelector(notInWithoutKey) },
		spellOut:      replaceNotIn,
	},
	{
		name:          "empty value in matchLabels",
		documentation: apiReference + `LabelSelector.matchLabels: equivalent to "operator is In, and the values array contains only the value"`,
		peers:         []string{"cyclonus"},
		holds:         func(d dispute) bool { return d.anySelector(emptyValueWithoutKey) },
		spellOut:      replaceEmptyValues,
	},
}

func isSelf(q question) bool {
	return q.from != nil && q.from == q.to && !q.from.Spec.HostNetwork && !terminated(q.from)
}

// askAboutTwin asks about a pod that is like the first one in everything but its name.
func askAboutTwin(w *world, q *question) {
	twin := q.to.DeepCopy()
	twin.Name += "-twin"
	w.Pods = append(w.Pods, *twin)
	q.to = &w.Pods[len(w.Pods)-1]
	q.flow.To = reach.PodEndpoint(twin.Namespace, twin.Name)
}

// nodeBound returns the pod of the pair whose node the other end is, or nil.
func nodeBound(q question) *corev1.Pod {
	for _, pair := range [][2]*corev1.Pod{{q.from, q.to}, {q.to, q.from}} {
		pod, other := pair[0], pair[1]
		if pod == nil || pod.Spec.HostNetwork {
			continue
		}
		if other != nil && other.Spec.HostNetwork && other.Spec.NodeName == pod.Spec.NodeName {
			return pod
		}
		address := q.flow.To.Address
		if pod == q.to {
			address = q.flow.From.Address
		}
		if other == nil && pod.Status.HostIPs[0].IP == address.String() {
			return pod
		}
	}
	return nil
}

func moveToAnotherNode(w *world, q *question) {
	pod := w.find(nodeBound(*q))
	pod.Spec.NodeName = "elsewhere"
	pod.Status.HostIPs = []corev1.HostIP{{IP: "192.168.9.9"}}
}

func reviveEnds(w *world, q *question) {
	for _, end := range []*corev1.Pod{q.from, q.to} {
		if end != nil {
			w.find(end).Status.Phase = corev1.PodRunning
		}
	}
}

// namesPort reports whether a selecting policy names one of the ports, and that port is the flow's. With implicit, only
// a port without protocol counts.
func (d dispute) namesPort(ports []corev1.ContainerPort, implicit bool) bool {
	return slices.ContainsFunc(ports, func(port corev1.ContainerPort) bool {
		protocol := port.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		} else if implicit {
			return false
		}
		return port.ContainerPort == d.question.flow.Port && protocol == d.question.flow.Protocol &&
			d.anySelecting(func(s selecting) bool {
				return slices.ContainsFunc(s.ports(), func(p networkingv1.NetworkPolicyPort) bool {
					return p.Port != nil && p.Port.StrVal == port.Name
				})
			})
	})
}

func defaultPolicyTypes(w *world) {
	for i := range w.Policies {
		spec := &w.Policies[i].Spec
		if len(spec.PolicyTypes) > 0 {
			continue
		}
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(spec.Egress) > 0 {
			spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
}
