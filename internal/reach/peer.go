package reach

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// outcome of comparing a peer or a rule with a flow, in rising order.
type outcome int

const (
	noMatch outcome = iota
	// undecided: an ipBlock stands against an endpoint whose address the snapshot does not have.
	undecided
	match
)

// peerMatch is a NetworkPolicyPeer, read: an ipBlock, or selectors.
type peerMatch struct {
	block *ipBlock
	// namespaces is nil for the policy's own namespace.
	namespaces labels.Selector
	// pods is nil for all pods.
	pods labels.Selector
}

// ipBlock is an IPBlock, read.
type ipBlock struct {
	prefix netip.Prefix
	except []netip.Prefix
}

// readPeer applies the rules of NetworkPolicyPeer (API reference): podSelector and namespaceSelector in one peer must
// both match; a podSelector alone selects "in the policy's own namespace"; a namespaceSelector alone selects "all pods
// in the namespaces"; either one, "if present but empty", selects everything it ranges over; and "if [ipBlock] is set
// then neither of the other fields can be".
func (r *policyReader) readPeer(source *networkingv1.NetworkPolicyPeer, path *field.Path) (peerMatch, bool) {
	selectors := source.PodSelector != nil || source.NamespaceSelector != nil
	switch {
	case source.IPBlock != nil && selectors:
		r.report(path.Child("ipBlock"), "ipBlock excludes the selectors; this peer matches nothing")
		return peerMatch{}, false
	case source.IPBlock != nil:
		block, ok := r.readIPBlock(source.IPBlock, path.Child("ipBlock"))
		return peerMatch{block: block}, ok
	case !selectors:
		r.report(path, "names no podSelector, namespaceSelector or ipBlock; this peer matches nothing")
		return peerMatch{}, false
	}
	pods, podsOK := r.readSelector(source.PodSelector, path.Child("podSelector"))
	namespaces, namespacesOK := r.readSelector(source.NamespaceSelector, path.Child("namespaceSelector"))
	return peerMatch{namespaces: namespaces, pods: pods}, podsOK && namespacesOK
}

// readSelector keeps nil apart from empty: nil stays nil, empty selects everything.
func (r *policyReader) readSelector(source *metav1.LabelSelector, path *field.Path) (labels.Selector, bool) {
	if source == nil {
		return nil, true
	}
	selector, err := metav1.LabelSelectorAsSelector(source)
	if err != nil {
		r.report(path, fmt.Sprintf("is not a label selector: %v; it matches nothing", err))
		return nil, false
	}
	return selector, true
}

// readIPBlock reads an IPBlock. A CIDR in a form that tools read differently (leading zeros, IPv4 mapped into IPv6) is
// refused, and so is an except that is not inside the cidr, as the API server does (API reference: "Except values will
// be rejected if they are outside the cidr range"): a block whose exceptions are unclear must not allow anything.
func (r *policyReader) readIPBlock(source *networkingv1.IPBlock, path *field.Path) (*ipBlock, bool) {
	prefix, ok := r.readCIDR(source.CIDR, path.Child("cidr"))
	block := &ipBlock{prefix: prefix}
	for i, text := range source.Except {
		at := path.Child("except").Index(i)
		except, exceptOK := r.readCIDR(text, at)
		if exceptOK && ok && (!prefix.Overlaps(except) || prefix.Bits() >= except.Bits()) {
			r.report(at, fmt.Sprintf("%q is not inside %q; this ipBlock matches nothing", text, source.CIDR))
			exceptOK = false
		}
		ok = ok && exceptOK
		block.except = append(block.except, except)
	}
	return block, ok
}

func (r *policyReader) readCIDR(text string, path *field.Path) (netip.Prefix, bool) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		r.report(path, fmt.Sprintf("%q is not an unambiguous CIDR; this ipBlock matches nothing", text))
		return netip.Prefix{}, false
	}
	return prefix.Masked(), true
}

// contains applies "except": CIDRs "that should not be included within an IPBlock" (API reference).
func (b *ipBlock) contains(address netip.Addr) bool {
	if !b.prefix.Contains(address) {
		return false
	}
	for _, except := range b.except {
		if except.Contains(address) {
			return false
		}
	}
	return true
}

// matches compares the peer with the far end of a flow. Selectors see only pods that are not on the host network; an
// ipBlock sees any address, a pod's too, since the documentation only advises against that (Concepts: "These should be
// cluster-external IPs, since Pod IPs are ephemeral and unpredictable").
func (m peerMatch) matches(far party, family corev1.IPFamily, policyNamespace string) outcome {
	if m.block != nil {
		return m.block.matches(far.addresses.of(family), family)
	}
	if !far.subject() {
		return noMatch
	}
	if m.pods != nil && !m.pods.Matches(far.pod.labels) {
		return noMatch
	}
	if m.namespaces == nil {
		return matchIf(far.pod.key.Namespace == policyNamespace)
	}
	return matchIf(far.pod.namespace != nil && m.namespaces.Matches(far.pod.namespace.labels))
}

func (b *ipBlock) matches(address netip.Addr, family corev1.IPFamily) outcome {
	if address.IsValid() {
		return matchIf(b.contains(address))
	}
	if family != "" && family != familyOf(b.prefix.Addr()) {
		return noMatch
	}
	return undecided
}

func matchIf(condition bool) outcome {
	if condition {
		return match
	}
	return noMatch
}
