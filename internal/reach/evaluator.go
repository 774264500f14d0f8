package reach

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Evaluator answers for one snapshot. It is safe for concurrent use.
type Evaluator struct {
	pods map[types.NamespacedName]*pod
	// podAt finds the live pod of the pod network that has an address; nil where two claim it.
	podAt    map[netip.Addr]*pod
	policies []*policy
	problems []Problem
}

// New reads the snapshot and indexes which policies select which pod. It never fails: what it cannot read allows nothing
// and is listed by [Evaluator.Problems].
func New(s Snapshot) *Evaluator {
	e := &Evaluator{
		pods:  make(map[types.NamespacedName]*pod, len(s.Pods)),
		podAt: make(map[netip.Addr]*pod, len(s.Pods)),
	}
	namespaces, namespaceProblems := readNamespaces(s)
	e.problems = append(e.problems, namespaceProblems...)
	e.readPods(s.Pods, namespaces, namespaceProblems)
	e.indexAddresses()
	e.readPolicies(s)
	for _, p := range e.pods {
		e.problems = append(e.problems, p.problems...)
	}
	e.problems = sortedProblems(e.problems)
	return e
}

// Problems returns everything the snapshot holds that could not be read, sorted. The caller must not modify it.
func (e *Evaluator) Problems() []Problem { return e.problems }

// readNamespaces leaves out a namespace that is listed twice: its labels would depend on the order of the list.
func readNamespaces(s Snapshot) (map[string]*namespace, []Problem) {
	namespaces := make(map[string]*namespace, len(s.Namespaces))
	var problems []Problem
	report := func(name, message string) {
		problems = append(problems, Problem{
			Kind: KindNamespace, Name: name, Field: "metadata.name", Message: message + "; no namespaceSelector matches its pods",
		})
	}
	for i := range s.Namespaces {
		name := s.Namespaces[i].Name
		if _, twice := namespaces[name]; twice {
			namespaces[name] = nil
			report(name, "is in the snapshot more than once")
			continue
		}
		namespaces[name] = newNamespace(&s.Namespaces[i])
	}
	for i := range s.Pods {
		name := s.Pods[i].Namespace
		if _, ok := namespaces[name]; !ok {
			namespaces[name] = nil
			report(name, "is not in the snapshot")
		}
	}
	return namespaces, sortedProblems(problems)
}

// readPods keeps one entry for a pod that is listed twice, marked ambiguous.
func (e *Evaluator) readPods(source []corev1.Pod, namespaces map[string]*namespace, problems []Problem) {
	for i := range source {
		p := newPod(&source[i])
		if _, twice := e.pods[p.key]; twice {
			p = &pod{key: p.key, ambiguous: true}
			p.report("metadata.name", "is in the snapshot more than once; it is no endpoint")
		}
		e.pods[p.key] = p
		p.namespace = namespaces[p.key.Namespace]
		if p.namespace == nil {
			for _, problem := range problems {
				if problem.Name == p.key.Namespace {
					p.problems = append(p.problems, problem)
				}
			}
		}
	}
}

// indexAddresses maps addresses to live pods. An address of a terminated pod may have been given to another one, and
// those of hostNetwork pods are their nodes'.
func (e *Evaluator) indexAddresses() {
	claimants := make(map[netip.Addr][]*pod, len(e.pods))
	for _, p := range e.pods {
		for _, address := range [...]netip.Addr{p.addresses.v4, p.addresses.v6} {
			if address.IsValid() && p.selectable() {
				claimants[address] = append(claimants[address], p)
			}
		}
	}
	for address, pods := range claimants {
		if len(pods) == 1 {
			e.podAt[address] = pods[0]
			continue
		}
		e.podAt[address] = nil
		for _, p := range pods {
			p.report("status.podIPs", fmt.Sprintf("%s is also another live pod's; the address is no endpoint", address))
		}
	}
}

// readPolicies reads the policies and enters them in the pods they select: pods of the policy's own namespace whose
// labels match spec.podSelector; "an empty selector matches all pods in the policy's namespace" (API reference).
func (e *Evaluator) readPolicies(s Snapshot) {
	byNamespace := make(map[string][]*pod)
	for _, p := range e.pods {
		if p.selectable() {
			byNamespace[p.key.Namespace] = append(byNamespace[p.key.Namespace], p)
		}
	}
	for i := range s.Policies {
		policy := readPolicy(&s.Policies[i])
		e.policies = append(e.policies, policy)
		e.problems = append(e.problems, policy.problems...)
		for _, p := range byNamespace[policy.ref.Namespace] {
			if !policy.pods.Matches(p.labels) {
				continue
			}
			for _, d := range directions {
				if policy.isolates[d] {
					p.selected[d] = append(p.selected[d], policy)
				}
			}
		}
	}
}

// resolve finds an endpoint in the snapshot. The reason is empty when it was found.
func (e *Evaluator) resolve(endpoint Endpoint) (party, Reason) {
	if address := endpoint.Address.Unmap(); address.IsValid() {
		if endpoint.Name != "" || endpoint.Namespace != "" || address.Zone() != "" {
			return party{}, ReasonEndpointNotFound
		}
		p, taken := e.podAt[address]
		if taken && p == nil {
			return party{}, ReasonEndpointAmbiguous
		}
		var only addresses
		only.add(address)
		return party{pod: p, addresses: only}, ""
	}
	p := e.pods[types.NamespacedName{Namespace: endpoint.Namespace, Name: endpoint.Name}]
	switch {
	case p == nil:
		return party{}, ReasonEndpointNotFound
	case p.ambiguous:
		return party{pod: p}, ReasonEndpointAmbiguous
	case p.terminated:
		return party{pod: p}, ReasonEndpointTerminated
	}
	return party{pod: p, addresses: p.addresses}, ""
}

// exempt returns the reason for which policies do not apply between two ends, or none.
func exempt(from, to party) Reason {
	switch {
	case from.pod != nil && from.pod == to.pod:
		return ReasonSelfTraffic
	case from.subject() && to.isNodeOf(from.pod), to.subject() && from.isNodeOf(to.pod):
		return ReasonLocalNode
	}
	return ""
}

// Evaluate answers for one flow. It never fails: a flow that cannot exist is denied with its reason.
func (e *Evaluator) Evaluate(f Flow) Verdict {
	v := Verdict{Flow: f}
	from, fromReason := e.resolve(f.From)
	to, toReason := e.resolve(f.To)
	v.Problems = problemsOf(from, to)
	switch {
	case !f.destinationPort().valid():
		v.Reason = ReasonInvalidPort
		return v
	case fromReason != "":
		v.Reason = fromReason
		return v
	case toReason != "":
		v.Reason = toReason
		return v
	}
	if v.Reason = exempt(from, to); v.Reason != "" {
		v.Allowed = true
		v.Egress = DirectionVerdict{Allowed: true, Isolated: isolated(Egress, from)}
		v.Ingress = DirectionVerdict{Allowed: true, Isolated: isolated(Ingress, to)}
		return v
	}
	return evaluateFamilies(v, from, to)
}

// evaluateFamilies returns the verdict over the first IP family that allows the flow, or else over the first one.
func evaluateFamilies(v Verdict, from, to party) Verdict {
	v.Reason = ReasonNoCommonIPFamily
	possible := commonFamilies(from.addresses, to.addresses)
	for i, family := range possible.all() {
		c := newConnection(v.Flow.destinationPort(), family, to)
		egress, ingress := evaluateSide(Egress, from, to, c), evaluateSide(Ingress, to, from, c)
		allowed := egress.Allowed && ingress.Allowed
		if i > 0 && !allowed {
			continue
		}
		v.Reason, v.IPFamily, v.Egress, v.Ingress, v.Allowed = ReasonPolicies, family, egress, ingress, allowed
		if allowed {
			break
		}
	}
	return v
}

func newConnection(port Port, family corev1.IPFamily, to party) connection {
	c := connection{port: port, family: family}
	if to.subject() {
		c.destination = to.pod
	}
	return c
}

// isolated reports whether any policy selects the end for the direction.
func isolated(d Direction, end party) bool {
	return end.subject() && len(end.pod.selected[d]) > 0
}

// evaluateSide applies the rule of isolation (API reference, spec.ingress and spec.egress): traffic is allowed if no
// policy selects the pod, or if it "matches at least one […] rule across all of the NetworkPolicy objects whose
// podSelector matches the pod"; a policy without rules allows nothing.
func evaluateSide(d Direction, near, far party, c connection) DirectionVerdict {
	if !isolated(d, near) {
		return DirectionVerdict{Allowed: true}
	}
	verdict := DirectionVerdict{Isolated: true}
	var allowing, isolating []PolicyRef
	for _, p := range near.pod.selected[d] {
		isolating = append(isolating, p.ref)
		switch p.matches(d, far, c) {
		case match:
			allowing = append(allowing, p.ref)
		case undecided:
			verdict.Undecided = append(verdict.Undecided, p.ref)
		}
	}
	if len(allowing) > 0 {
		return DirectionVerdict{Allowed: true, Isolated: true, Deciding: sortedRefs(allowing)}
	}
	verdict.Deciding, verdict.Undecided = sortedRefs(isolating), sortedRefs(verdict.Undecided)
	return verdict
}

// problemsOf collects what could not be read of both ends and of the policies that select them.
func problemsOf(from, to party) []Problem {
	var problems []Problem
	for d, end := range [...]party{Egress: from, Ingress: to} {
		if end.pod == nil {
			continue
		}
		problems = append(problems, end.pod.problems...)
		for _, p := range end.pod.selected[d] {
			problems = append(problems, p.problems...)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return slices.Clip(sortedProblems(problems))
}
