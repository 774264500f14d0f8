package reach

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// policy is a NetworkPolicy, read.
type policy struct {
	ref  PolicyRef
	pods labels.Selector
	// isolates says which directions of the selected pods the policy isolates.
	isolates [len(directions)]bool
	// rules allow, by direction.
	rules    [len(directions)][]rule
	problems []Problem
}

// rule is a NetworkPolicyIngressRule or NetworkPolicyEgressRule, read: "The traffic must match both" its ports and its
// peers (API reference).
type rule struct {
	// anyPort and anyPeer come from an empty list in the source. A list whose entries were all unreadable is not empty.
	anyPort, anyPeer bool
	ports            []portMatch
	peers            []peerMatch
}

// policyReader turns one NetworkPolicy into a policy and collects what it cannot read.
type policyReader struct {
	ref      PolicyRef
	problems []Problem
}

func readPolicy(source *networkingv1.NetworkPolicy) *policy {
	r := &policyReader{ref: PolicyRef{Namespace: source.Namespace, Name: source.Name}}
	spec := field.NewPath("spec")
	p := &policy{ref: r.ref}
	typesOK := r.readPolicyTypes(&source.Spec, p, spec.Child("policyTypes"))
	p.rules[Egress] = r.readEgress(source.Spec.Egress, spec.Child("egress"))
	p.rules[Ingress] = r.readIngress(source.Spec.Ingress, spec.Child("ingress"))
	// A policy whose subject or scope is unknown is taken to isolate as much as it could, and to allow nothing.
	pods, podsOK := r.readSelector(&source.Spec.PodSelector, spec.Child("podSelector"))
	p.pods = pods
	if !podsOK {
		p.pods = labels.Everything()
	}
	if !podsOK || !typesOK {
		p.rules = [len(directions)][]rule{}
	}
	p.problems = r.problems
	return p
}

// readPolicyTypes applies the default of spec.policyTypes (API reference): "policies that contain an egress section are
// assumed to affect egress, and all policies (whether or not they contain an ingress section) are assumed to affect
// ingress". An egress section counts when it has a rule, as in the API server's defaulting.
func (r *policyReader) readPolicyTypes(spec *networkingv1.NetworkPolicySpec, p *policy, path *field.Path) bool {
	if len(spec.PolicyTypes) == 0 {
		p.isolates[Ingress] = true
		p.isolates[Egress] = len(spec.Egress) > 0
		return true
	}
	ok := true
	for i, policyType := range spec.PolicyTypes {
		switch policyType {
		case networkingv1.PolicyTypeEgress:
			p.isolates[Egress] = true
		case networkingv1.PolicyTypeIngress:
			p.isolates[Ingress] = true
		default:
			r.report(path.Index(i), fmt.Sprintf(
				"%q is not Ingress or Egress; the policy isolates both directions and allows nothing", policyType))
			p.isolates[Egress], p.isolates[Ingress] = true, true
			ok = false
		}
	}
	return ok
}

func (r *policyReader) readEgress(source []networkingv1.NetworkPolicyEgressRule, path *field.Path) []rule {
	rules := make([]rule, 0, len(source))
	for i := range source {
		at := path.Index(i)
		rules = append(rules, r.readRule(source[i].Ports, source[i].To, at, at.Child("to")))
	}
	return rules
}

func (r *policyReader) readIngress(source []networkingv1.NetworkPolicyIngressRule, path *field.Path) []rule {
	rules := make([]rule, 0, len(source))
	for i := range source {
		at := path.Index(i)
		rules = append(rules, r.readRule(source[i].Ports, source[i].From, at, at.Child("from")))
	}
	return rules
}

// readRule applies what both kinds of rule share (API reference): an empty or missing list of ports "matches all ports",
// an empty or missing list of peers matches "all sources" or "all destinations", and the items of each are combined
// using a logical OR.
func (r *policyReader) readRule(
	ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer, path, peersPath *field.Path,
) rule {
	read := rule{anyPort: len(ports) == 0, anyPeer: len(peers) == 0}
	for i := range ports {
		if port, ok := r.readPort(&ports[i], path.Child("ports").Index(i)); ok {
			read.ports = append(read.ports, port)
		}
	}
	for i := range peers {
		if peer, ok := r.readPeer(&peers[i], peersPath.Index(i)); ok {
			read.peers = append(read.peers, peer)
		}
	}
	return read
}

func (r *policyReader) report(path *field.Path, message string) {
	r.problems = append(r.problems, Problem{
		Kind: KindNetworkPolicy, Namespace: r.ref.Namespace, Name: r.ref.Name, Field: path.String(), Message: message,
	})
}

// connection is what a rule is compared with, apart from the far end.
type connection struct {
	port   Port
	family corev1.IPFamily
	// destination is nil when it is not a pod that selectors see.
	destination *pod
}

// matches returns the best outcome of the direction's rules against the far end of a flow.
func (p *policy) matches(d Direction, far party, c connection) outcome {
	best := noMatch
	for i := range p.rules[d] {
		best = max(best, p.rules[d][i].matches(far, c, p.ref.Namespace))
		if best == match {
			break
		}
	}
	return best
}

func (r *rule) matches(far party, c connection, policyNamespace string) outcome {
	if !r.matchesPort(c) {
		return noMatch
	}
	if r.anyPeer {
		return match
	}
	best := noMatch
	for i := range r.peers {
		best = max(best, r.peers[i].matches(far, c.family, policyNamespace))
		if best == match {
			break
		}
	}
	return best
}

func (r *rule) matchesPort(c connection) bool {
	if r.anyPort {
		return true
	}
	for i := range r.ports {
		if r.ports[i].matches(c.port, c.destination) {
			return true
		}
	}
	return false
}
