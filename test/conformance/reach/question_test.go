package conformance

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/internal/reach"
)

// answer is what an evaluator says to a question.
type answer int

const (
	denied answer = iota
	allowed
	// none: the evaluator panicked.
	none
)

func (a answer) String() string { return [...]string{"denied", "allowed", "no answer"}[a] }

func answerIf(open bool) answer {
	if open {
		return allowed
	}
	return denied
}

// question is one flow, with its ends looked up. A nil pod is an address outside.
type question struct {
	flow     reach.Flow
	from, to *corev1.Pod
	// packets are the flow over each IP family that both ends have: the peers judge packets, and a flow is open when it is
	// over either family.
	packets []packet
}

// evaluator answers questions about one policy set.
type evaluator func(question) answer

// outside are addresses that are no pod's: somewhere on the internet, in the pods' range, and a node's.
var outside = []string{"203.0.113.7", "10.0.1.200", "192.168.0.1", "2001:db8::7"}

// questions lists every ordered pair of endpoints on every port of the world, but not between two addresses outside.
func (w *world) questions() []question {
	type end struct {
		endpoint reach.Endpoint
		pod      *corev1.Pod
	}
	var ends []end
	for i := range w.Pods {
		ends = append(ends, end{reach.PodEndpoint(w.Pods[i].Namespace, w.Pods[i].Name), &w.Pods[i]})
	}
	for _, address := range outside {
		ends = append(ends, end{endpoint: reach.AddressEndpoint(netip.MustParseAddr(address))})
	}
	var questions []question
	for _, from := range ends {
		for _, to := range ends {
			if from.pod == nil && to.pod == nil {
				continue
			}
			packets := packetsBetween(addressesOf(from.pod, from.endpoint), addressesOf(to.pod, to.endpoint))
			if len(packets) == 0 || w.reused(from.pod) || w.reused(to.pod) {
				continue
			}
			for _, port := range w.ports {
				questions = append(questions, question{from: from.pod, to: to.pod, packets: packets, flow: reach.Flow{
					From: from.endpoint, To: to.endpoint, Protocol: port.Protocol, Port: port.Number,
				}})
			}
		}
	}
	return questions
}

// reused reports whether a terminated pod's address is another pod's now: then no packet can stand for the pod.
func (w *world) reused(pod *corev1.Pod) bool {
	return pod != nil && terminated(pod) && slices.ContainsFunc(w.Pods, func(other corev1.Pod) bool {
		return (other.Name != pod.Name || other.Namespace != pod.Namespace) && other.Status.PodIPs[0] == pod.Status.PodIPs[0]
	})
}

func terminated(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// packet is a flow over one IP family.
type packet struct {
	from, to netip.Addr
}

func packetsBetween(sources, destinations []netip.Addr) []packet {
	var packets []packet
	for _, from := range sources {
		for _, to := range destinations {
			if from.Is4() == to.Is4() {
				packets = append(packets, packet{from: from, to: to})
			}
		}
	}
	return packets
}

func addressesOf(pod *corev1.Pod, endpoint reach.Endpoint) []netip.Addr {
	if pod == nil {
		return []netip.Addr{endpoint.Address}
	}
	addresses := make([]netip.Addr, 0, len(pod.Status.PodIPs))
	for _, ip := range pod.Status.PodIPs {
		addresses = append(addresses, netip.MustParseAddr(ip.IP))
	}
	return addresses
}

// anyPacket asks a judge of packets about each family. A panic on one of them is no answer.
func anyPacket(q question, judge func(packet) bool) (result answer) {
	defer func() {
		if recover() != nil {
			result = none
		}
	}()
	for _, p := range q.packets {
		if judge(p) {
			return allowed
		}
	}
	return denied
}

// ours is the evaluator under test.
func ours(s reach.Snapshot) evaluator {
	e := reach.New(s)
	return func(q question) answer { return answerIf(e.Evaluate(q.flow).Allowed) }
}
