package reach

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestSelfAndNode(t *testing.T) {
	all := []string{denyA, denyB}
	const isolatedA, isolatedB = "isolated by a/deny", "isolated by b/deny"
	checkRules(t, []ruleCase{
		{name: "a pod reaches itself", flow: tcp("a/web", "a/web", 80), policies: all, reason: ReasonSelfTraffic, egress: "exempt", ingress: "exempt"},
		{name: "a pod reaches its own address", flow: tcp("a/web", "10.0.1.1", 80), policies: all, reason: ReasonSelfTraffic, egress: "exempt", ingress: "exempt"},
		{name: "a replica is not itself", flow: tcp("a/web", "a/db", 80), policies: all, egress: isolatedA, ingress: isolatedA},
		{name: "an address that is a pod's is that pod", flow: tcp("10.0.1.1", "10.0.2.1", 80), policies: all, egress: isolatedA, ingress: isolatedB},
		{
			name: "an address of a dual-stack pod is only that family", flow: tcp("10.0.2.2", "b/six", 80),
			reason: ReasonNoCommonIPFamily,
		},
		{name: "an IPv4-mapped address is the IPv4 address", flow: tcp("::ffff:10.0.1.1", "b/api", 80), policies: all, egress: isolatedA, ingress: isolatedB},
		{name: "outside is never isolated", flow: tcp("8.8.8.8", "b/api", 80), policies: all, ingress: isolatedB},
		{name: "outside to outside", flow: tcp("8.8.8.8", "9.9.9.9", 80), policies: all},
		{name: "hostNetwork source is not selected", flow: tcp("b/host", "a/web", 80), policies: []string{denyB}},
		{name: "hostNetwork destination is not selected", flow: tcp("a/web", "b/host", 80), policies: []string{denyB}},
		{
			name: "no selector sees a hostNetwork peer", flow: tcp("b/host", "a/web", 80), ingress: "isolated by a/p",
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {ingress: [{from: [{namespaceSelector: {}}, {namespaceSelector: {}, podSelector: {}}]}]}}`},
		},
		{
			name: "an ipBlock sees a hostNetwork peer", flow: tcp("b/host", "a/web", 80), ingress: "allowed by a/p",
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {ingress: [{from: [{ipBlock: {cidr: 192.168.0.2/32}}]}]}}`},
		},
		{
			name: "a name resolves to nothing at a hostNetwork pod", flow: tcp("a/web", "b/host", 8080), egress: "isolated by a/p",
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [Egress], egress: [{ports: [{port: http}]}]}}`},
		},
		{name: "from a hostNetwork pod of one's own node", flow: tcp("b/host", "b/api", 80), policies: all, reason: ReasonLocalNode, ingress: "exempt"},
		{name: "to a hostNetwork pod of one's own node", flow: tcp("b/api", "b/host", 80), policies: all, reason: ReasonLocalNode, egress: "exempt"},
		{name: "from one's own node's address", flow: tcp("192.168.0.1", "a/web", 80), policies: all, reason: ReasonLocalNode, ingress: "exempt"},
		{name: "to one's own node's address", flow: tcp("a/db", "192.168.0.1", 80), policies: all, reason: ReasonLocalNode, egress: "exempt"},
		{name: "from another node's address", flow: tcp("192.168.0.2", "a/web", 80), policies: all, ingress: isolatedA},
		{name: "two pods of one node are not the node", flow: tcp("a/web", "a/db", 80), policies: all, egress: isolatedA, ingress: isolatedA},
	})
}

func TestEndpointsThatAreNone(t *testing.T) {
	all := []string{denyA, denyB}
	const isolatedA, isolatedB = "isolated by a/deny", "isolated by b/deny"
	checkRules(t, []ruleCase{
		{name: "terminated destination", flow: tcp("a/web", "b/done", 80), reason: ReasonEndpointTerminated},
		{name: "terminated source", flow: tcp("b/failed", "a/web", 80), reason: ReasonEndpointTerminated},
		{name: "the address of a terminated pod is its successor's", flow: tcp("a/web", "10.0.2.1", 80), policies: []string{denyB}, ingress: isolatedB},
		{name: "the free address of a terminated pod is outside", flow: tcp("a/web", "10.0.2.9", 80), policies: []string{denyB}},
		{name: "no such pod", flow: tcp("a/web", "b/none", 80), reason: ReasonEndpointNotFound},
		{name: "no endpoint", flow: Flow{From: parseEndpoint("a/web"), Protocol: "TCP", Port: 80}, reason: ReasonEndpointNotFound},
		{name: "IPv4 only to IPv6 only", flow: tcp("a/web", "b/six", 80), reason: ReasonNoCommonIPFamily},
		{name: "IPv4 only to an IPv6 address", flow: tcp("a/web", "2001:db8::1", 80), reason: ReasonNoCommonIPFamily},
		{name: "port zero", flow: tcp("a/web", "b/api", 0), reason: ReasonInvalidPort},
		{name: "port too high", flow: tcp("a/web", "b/api", 65536), reason: ReasonInvalidPort},
		{name: "no protocol", flow: Flow{From: parseEndpoint("a/web"), To: parseEndpoint("b/api"), Port: 80}, reason: ReasonInvalidPort},
		{name: "ICMP", flow: Flow{From: parseEndpoint("a/web"), To: parseEndpoint("b/api"), Protocol: "ICMP", Port: 80}, reason: ReasonInvalidPort},
		{name: "a pod without an address", flow: tcp("b/fresh", "a/web", 80), policies: all, egress: isolatedB, ingress: isolatedA},
		{
			name: "an ipBlock cannot see a pod without an address", flow: tcp("b/fresh", "a/web", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}}`},
			ingress:  "undecided by a/p, isolated by a/p",
		},
		{
			name: "an ipBlock of a family the flow cannot use", flow: tcp("b/fresh", "a/web", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {ingress: [{from: [{ipBlock: {cidr: "::/0"}}]}]}}`},
			ingress:  "isolated by a/p",
		},
	})
}

func TestIPFamily(t *testing.T) {
	e := New(townWith(t, `{metadata: {namespace: b, name: p}, spec: {ingress: [{from: [{ipBlock: {cidr: "fd00::/64"}}]}]}}`))
	for flow, want := range map[Flow]corev1.IPFamily{
		tcp("a/web", "a/db", 1):       corev1.IPv4Protocol,
		tcp("b/dual", "a/db", 1):      corev1.IPv4Protocol,
		tcp("b/dual", "b/six", 1):     corev1.IPv6Protocol,
		tcp("b/dual", "b/dual2", 1):   corev1.IPv6Protocol,
		tcp("b/fresh", "b/fresh2", 1): "",
	} {
		if got := e.Evaluate(flow).IPFamily; got != want {
			t.Errorf("%s: family %q, want %q", flow, got, want)
		}
	}
}

func TestContradictorySnapshot(t *testing.T) {
	s := readSnapshot(t, `
namespaces:
- metadata: {name: twice, labels: {team: red}}
- metadata: {name: twice, labels: {team: blue}}
- metadata: {name: b}
pods:
- metadata: {name: web, namespace: twice}
- metadata: {name: web, namespace: missing}
- metadata: {name: x, namespace: b}
  status: {podIPs: [{ip: 10.0.0.1}]}
- metadata: {name: w, namespace: b}
  status: {podIPs: [{ip: 10.0.0.1}, {ip: nonsense}]}
- metadata: {name: z, namespace: b}
- metadata: {name: z, namespace: b}
policies:
- metadata: {namespace: b, name: p}
  spec: {ingress: [{from: [{namespaceSelector: {}}]}]}
`)
	e := New(s)
	for flow, want := range map[Flow]Reason{
		tcp("b/x", "10.0.0.1", 80):   ReasonEndpointAmbiguous,
		tcp("b/x", "b/z", 80):        ReasonEndpointAmbiguous,
		tcp("twice/web", "b/x", 80):  ReasonPolicies,
		tcp("missing/web", "b/x", 1): ReasonPolicies,
	} {
		if v := e.Evaluate(flow); v.Allowed || v.Reason != want || len(v.Problems) == 0 && v.Reason == ReasonPolicies {
			t.Errorf("%s: %s, want denied by %s with problems", flow, v.Explain(), want)
		}
	}
	var got []string
	for _, problem := range e.Problems() {
		got = append(got, problem.String())
	}
	want := []string{
		"Namespace missing: metadata.name: is not in the snapshot; no namespaceSelector matches its pods",
		"Namespace twice: metadata.name: is in the snapshot more than once; no namespaceSelector matches its pods",
		"Pod b/w: status.podIPs: 10.0.0.1 is also another live pod's; the address is no endpoint",
		`Pod b/w: status.podIPs[1].ip: "nonsense" is not an IP address: no ipBlock matches it`,
		"Pod b/x: status.podIPs: 10.0.0.1 is also another live pod's; the address is no endpoint",
		"Pod b/z: metadata.name: is in the snapshot more than once; it is no endpoint",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestAddressWithZone(t *testing.T) {
	e := New(townWith(t))
	v := e.Evaluate(Flow{From: AddressEndpoint(netip.MustParseAddr("fe80::1%eth0")), To: parseEndpoint("b/six"), Protocol: "TCP", Port: 80})
	if v.Allowed || v.Reason != ReasonEndpointNotFound {
		t.Errorf("an address with a zone: %s", v.Explain())
	}
}
