package reach

import (
	"strings"
	"testing"
)

func policyInB(name, spec string) string {
	return `{metadata: {namespace: b, name: ` + name + `}, spec: ` + spec + `}`
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name     string
		policies []string
		flow     Flow
		want     string
	}{
		{
			name: "open", flow: tcp("a/web", "b/api", 80),
			want: "a/web may reach b/api on TCP/80: egress from a/web is isolated by no policy; ingress to b/api is isolated by no policy.",
		},
		{
			name: "allowed", flow: tcp("a/web", "b/api", 80), policies: []string{policyInB("p", `{ingress: [{}]}`)},
			want: "a/web may reach b/api on TCP/80: egress from a/web is isolated by no policy; ingress to b/api is allowed by b/p.",
		},
		{
			name: "only the side that denies is named", flow: tcp("a/web", "b/api", 80), policies: []string{policyInB("p", `{}`)},
			want: "a/web cannot reach b/api on TCP/80: ingress to b/api is denied: isolated by b/p, and no policy allows this flow.",
		},
		{
			name: "both deny", flow: udp("a/web", "b/api", 80), policies: []string{denyA, denyB},
			want: "a/web cannot reach b/api on UDP/80: egress from a/web is denied: isolated by a/deny, and no policy allows this flow; " +
				"ingress to b/api is denied: isolated by b/deny, and no policy allows this flow.",
		},
		{
			name: "many", flow: tcp("a/web", "b/api", 80),
			policies: []string{policyInB("p1", `{}`), policyInB("p2", `{}`), policyInB("p3", `{}`), policyInB("p4", `{}`), policyInB("p5", `{}`)},
			want:     "a/web cannot reach b/api on TCP/80: ingress to b/api is denied: isolated by b/p1, b/p2, b/p3 and 2 more, and no policy allows this flow.",
		},
		{
			name: "undecided", flow: tcp("b/fresh", "b/api", 80), policies: []string{policyInB("p", `{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`)},
			want: "b/fresh cannot reach b/api on TCP/80: ingress to b/api is denied: isolated by b/p, and b/p cannot be decided without the peer's address.",
		},
		{
			name: "unreadable", flow: tcp("a/web", "b/api", 80), policies: []string{policyInB("p", `{ingress: [{from: [{}]}]}`)},
			want: "a/web cannot reach b/api on TCP/80: ingress to b/api is denied: isolated by b/p, and no policy allows this flow. " +
				"Faulty and therefore allowing nothing: NetworkPolicy b/p: spec.ingress[0].from[0]: " +
				"names no podSelector, namespaceSelector or ipBlock; this peer matches nothing.",
		},
		{name: "self", flow: tcp("a/web", "a/web", 80), want: "a/web may reach a/web on TCP/80: a pod always reaches itself."},
		{
			name: "node", flow: tcp("a/web", "192.168.0.1", 80),
			want: "a/web may reach 192.168.0.1 on TCP/80: traffic between a pod and its own node is always allowed.",
		},
		{name: "terminated", flow: tcp("a/web", "b/done", 80), want: "a/web cannot reach b/done on TCP/80: an end of the flow is a pod that has terminated."},
		{name: "missing", flow: tcp("a/web", "b/none", 80), want: "a/web cannot reach b/none on TCP/80: an end of the flow is not in the snapshot."},
		{name: "family", flow: tcp("a/web", "b/six", 80), want: "a/web cannot reach b/six on TCP/80: the two ends have no IP family in common."},
		{name: "port", flow: tcp("a/web", "b/api", 0), want: "a/web cannot reach b/api on TCP/0: the protocol must be TCP, UDP or SCTP and the port 1 to 65535."},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := New(townWith(t, c.policies...)).Evaluate(c.flow).Explain()
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if sentences := strings.Count(got, ". ") + 1; sentences > 2 {
				t.Errorf("%d sentences: %s", sentences, got)
			}
		})
	}
}
