package reach

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// PolicyRef names a NetworkPolicy.
type PolicyRef struct {
	Namespace string
	Name      string
}

// String returns namespace/name.
func (r PolicyRef) String() string { return r.Namespace + "/" + r.Name }

// Compare orders references by namespace, then by name.
func (r PolicyRef) Compare(other PolicyRef) int {
	return cmp.Or(cmp.Compare(r.Namespace, other.Namespace), cmp.Compare(r.Name, other.Name))
}

// Reason says what a verdict rests on.
type Reason string

const (
	// ReasonPolicies means: the policies, or their absence, decide. Both direction verdicts are filled in.
	ReasonPolicies Reason = "Policies"
	// ReasonSelfTraffic means: both ends are the same pod. Concepts: "a Pod cannot block access to itself".
	ReasonSelfTraffic Reason = "SelfTraffic"
	// ReasonLocalNode means: one end is the node that the other end's pod runs on. Concepts: "traffic to and from the node
	// where a Pod is running is always allowed, regardless of the IP address of the Pod or the node".
	ReasonLocalNode Reason = "LocalNode"
	// ReasonEndpointNotFound means: an end names a pod that the snapshot does not have, or names nothing.
	ReasonEndpointNotFound Reason = "EndpointNotFound"
	// ReasonEndpointTerminated means: an end is a pod in phase Succeeded or Failed. All its containers have ended and are not
	// restarted (PodPhase, k8s.io/api/core/v1), and its address may already be another pod's.
	ReasonEndpointTerminated Reason = "EndpointTerminated"
	// ReasonEndpointAmbiguous means: an end is a pod that the snapshot has twice, or an address that two live pods claim.
	ReasonEndpointAmbiguous Reason = "EndpointAmbiguous"
	// ReasonNoCommonIPFamily means: one end has only IPv4 addresses and the other only IPv6.
	ReasonNoCommonIPFamily Reason = "NoCommonIPFamily"
	// ReasonInvalidPort means: the flow's protocol is not TCP, UDP or SCTP, or its port is not 1 to 65535.
	ReasonInvalidPort Reason = "InvalidPort"
)

// DirectionVerdict is what the policies say about one side of a flow.
type DirectionVerdict struct {
	// Allowed is whether this side lets the flow pass.
	Allowed bool
	// Isolated is whether any policy selects this side's pod for this direction. An address outside the cluster and a
	// hostNetwork pod are never isolated.
	Isolated bool
	// Deciding is sorted, without duplicates: the policies that allow the flow, or, when it is denied, the policies that
	// isolate the pod. Empty when the pod is not isolated, and when the reason is not the policies.
	Deciding []PolicyRef
	// Undecided is sorted: when denied, the policies that would allow the flow if the peer had a certain address, but the
	// snapshot has no address for the peer (a pod from a file, or not yet started). They count as not allowing.
	Undecided []PolicyRef
}

// Verdict is the answer for one flow.
type Verdict struct {
	// Flow is the flow that was asked about.
	Flow Flow
	// Allowed is whether both sides let the flow pass.
	Allowed bool
	// Reason says what the verdict rests on. Only with ReasonPolicies, ReasonSelfTraffic and ReasonLocalNode have the
	// directions been looked at; with any other reason the flow is denied.
	Reason Reason
	// Egress is the source's side.
	Egress DirectionVerdict
	// Ingress is the destination's side.
	Ingress DirectionVerdict
	// IPFamily is the family the verdict was reached over: a flow between dual-stack pods is allowed when it is allowed
	// over either family. Empty when no address of either end is known.
	IPFamily corev1.IPFamily
	// Problems is sorted: those of the policies that select either end, and of the ends themselves.
	Problems []Problem
}

// Direction returns the verdict of one side.
func (v Verdict) Direction(d Direction) DirectionVerdict {
	if d == Egress {
		return v.Egress
	}
	return v.Ingress
}

// sortedRefs sorts in place and drops duplicates; nil stays nil.
func sortedRefs(refs []PolicyRef) []PolicyRef {
	slices.SortFunc(refs, PolicyRef.Compare)
	return slices.Compact(refs)
}
