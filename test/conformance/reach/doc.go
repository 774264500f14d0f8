// Package conformance compares internal/reach with two independent evaluators of NetworkPolicy v1:
// sigs.k8s.io/kube-network-policies (the reference implementation of SIG Network, which judges packets) and
// github.com/mattfenwick/cyclonus (the analyzer behind the upstream NetworkPolicy tests).
//
// The test generates random policy sets, asks all three about every ordered pair of endpoints, and fails on any
// difference that is not explained. An explanation is one of the rules in rules_test.go, each a rule of the API
// documentation that the peer does not follow. A rule explains a difference only when
//
//   - its precondition holds in a policy that selects an end of the flow, or in the ends themselves, and
//   - rewriting the set so that the rule no longer matters, and nothing else, makes the peer agree.
//
// So a class cannot hide a second cause. An unexplained difference is shrunk and printed as YAML.
//
//	go test ./... -v -run TestConformance -seed 7 -sets 20000   # look further
//	go test ./... -v -run TestConformance -seed 7 -set 1234     # one set again
package conformance
