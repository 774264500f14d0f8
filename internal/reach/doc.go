// Package reach answers who can reach whom under a set of NetworkPolicies, and which policies decide.
//
// It is a pure evaluator of networking.k8s.io/v1 NetworkPolicy over a [Snapshot]: it reads no cluster, no clock and no
// files, and the order of the objects in the snapshot never matters. It answers what the policies say, not whether a
// network plugin enforces them, whether anything listens on the port, or whether a connection opened earlier survives.
// Services and the policies of a whole cluster (ClusterNetworkPolicy) are outside it.
//
// The rules come from three places, cited where they are applied:
//
//   - "API reference": the field documentation of NetworkPolicySpec and the types below it, k8s.io/api/networking/v1.
//   - "API defaults": what the API server fills in on write (policyTypes, protocol, the namespace's name label). They
//     are applied here too, because a manifest read from a file has not passed through an API server.
//   - "Concepts": https://kubernetes.io/docs/concepts/services-networking/network-policies/, for what the field
//     documentation leaves out: isolation by direction, hostNetwork pods, a pod's own node, a pod's traffic to itself.
//
// In short:
//
//   - A flow needs the source's egress and the destination's ingress. A pod that no policy selects for a direction is
//     not isolated in it, and everything is allowed. A pod that is isolated may do what any one of the policies that
//     select it allows; policies only ever add.
//   - A pod always reaches itself, and its own node. hostNetwork pods are not selected, neither as subjects nor as
//     peers: their traffic is their node's traffic and only an ipBlock matches it.
//   - What cannot be read never allows. A selector, CIDR or port that the API server would refuse matches nothing, a
//     policy whose podSelector cannot be read isolates its whole namespace, and each is reported as a [Problem].
//   - A pod in phase Succeeded or Failed is not an endpoint.
package reach
