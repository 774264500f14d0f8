package reach

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkRules runs a table. Whether the flow is allowed follows from the two sides.
func checkRules(t *testing.T, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			type result struct {
				Allowed         bool
				Reason          Reason
				Egress, Ingress string
				Problems        []string
			}
			want := result{Reason: c.reason, Egress: c.egress, Ingress: c.ingress, Problems: c.problems}
			switch want.Reason {
			case "":
				want.Reason = ReasonPolicies
				fallthrough
			case ReasonPolicies, ReasonSelfTraffic, ReasonLocalNode:
				if want.Egress == "" {
					want.Egress = "open"
				}
				if want.Ingress == "" {
					want.Ingress = "open"
				}
				want.Allowed = !strings.Contains(want.Egress+want.Ingress, "isolated")
			}
			e := New(townWith(t, c.policies...))
			v := e.Evaluate(c.flow)
			got := result{Allowed: v.Allowed, Reason: v.Reason, Egress: side(v.Egress), Ingress: side(v.Ingress)}
			for _, problem := range e.Problems() {
				got.Problems = append(got.Problems, problem.Field)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s%s", c.flow, diff, v.Explain())
			}
		})
	}
}

const (
	denyA = `{metadata: {namespace: a, name: deny}, spec: {policyTypes: [Ingress, Egress]}}`
	denyB = `{metadata: {namespace: b, name: deny}, spec: {policyTypes: [Ingress, Egress]}}`
)

func TestIsolation(t *testing.T) {
	checkRules(t, []ruleCase{
		{name: "no policies", flow: tcp("a/web", "b/api", 80)},
		{name: "policy of another namespace", flow: tcp("a/web", "a/db", 80), policies: []string{denyB}},
		{
			name: "egress denies", flow: tcp("a/web", "b/api", 80),
			policies: []string{denyA}, egress: "isolated by a/deny",
		},
		{
			name: "ingress denies", flow: tcp("a/web", "b/api", 80),
			policies: []string{denyB}, ingress: "isolated by b/deny",
		},
		{
			name: "both deny", flow: tcp("a/web", "b/api", 80), policies: []string{denyA, denyB},
			egress: "isolated by a/deny", ingress: "isolated by b/deny",
		},
		{
			name: "one allows, the other's denial does not take away", flow: tcp("a/web", "b/api", 80),
			policies: []string{denyB, `{metadata: {namespace: b, name: allow}, spec: {ingress: [{}]}}`},
			ingress:  "allowed by b/allow",
		},
		{
			name: "all that allow decide, sorted", flow: tcp("a/web", "b/api", 80),
			policies: []string{
				`{metadata: {namespace: b, name: z}, spec: {ingress: [{}]}}`, denyB,
				`{metadata: {namespace: b, name: m}, spec: {ingress: [{}]}}`,
			},
			ingress: "allowed by b/m b/z",
		},
		{
			name: "podSelector leaves the pod out", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: b, name: p}, spec: {podSelector: {matchLabels: {app: dual}}}}`},
		},
		{
			name: "podSelector takes the pod in", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: b, name: p}, spec: {podSelector: {matchLabels: {app: api}}}}`},
			ingress:  "isolated by b/p",
		},
		{
			name: "matchExpressions", flow: tcp("a/web", "b/api", 80),
			policies: []string{`
metadata: {namespace: b, name: p}
spec: {podSelector: {matchExpressions: [{key: app, operator: In, values: [api, x]}, {key: team, operator: DoesNotExist}]}}`},
			ingress: "isolated by b/p",
		},
		{
			name: "NotIn matches a pod without the label", flow: tcp("a/web", "b/api", 80),
			policies: []string{`
metadata: {namespace: b, name: p}
spec: {podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [x]}]}}`},
			ingress: "isolated by b/p",
		},
	})
}

func TestPolicyTypes(t *testing.T) {
	checkRules(t, []ruleCase{
		{
			name: "omitted without egress: ingress only", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {}}`},
		},
		{
			name: "omitted: ingress isolated", flow: tcp("b/api", "a/web", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {}}`}, ingress: "isolated by a/p",
		},
		{
			name: "omitted with egress: both", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {egress: [{ports: [{port: 443}]}]}}`},
			egress:   "isolated by a/p",
		},
		{
			name: "omitted with egress: ingress isolated too", flow: tcp("b/api", "a/web", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {egress: [{}]}}`}, ingress: "isolated by a/p",
		},
		{
			name: "omitted with an empty egress: ingress only", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {egress: []}}`},
		},
		{
			name: "Egress with an empty, non-nil egress denies", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [Egress], egress: []}}`},
			egress:   "isolated by a/p",
		},
		{
			name: "Ingress with an empty, non-nil ingress denies", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: b, name: p}, spec: {policyTypes: [Ingress], ingress: []}}`},
			ingress:  "isolated by b/p",
		},
		{
			name: "Egress only leaves ingress open", flow: tcp("b/api", "a/web", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [Egress]}}`},
		},
		{
			name: "rules of an unnamed direction do nothing", flow: tcp("a/web", "b/api", 80),
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [Ingress], egress: [{ports: [{port: 1}]}]}}`},
		},
	})
}

func TestSelectors(t *testing.T) {
	ingressFrom := func(peers string) []string {
		return []string{`{metadata: {namespace: b, name: p}, spec: {ingress: [{from: ` + peers + `}]}}`}
	}
	const yes, no = "allowed by b/p", "isolated by b/p"
	web := tcp("a/web", "b/api", 80)
	checkRules(t, []ruleCase{
		{name: "empty from is everyone", flow: web, policies: ingressFrom(`[]`), ingress: yes},
		{name: "empty from is addresses too", flow: tcp("8.8.8.8", "b/api", 80), policies: ingressFrom(`[]`), ingress: yes},
		{name: "podSelector is one's own namespace", flow: web, policies: ingressFrom(`[{podSelector: {}}]`), ingress: no},
		{
			name: "podSelector in one's own namespace", flow: tcp("b/dual", "b/api", 80),
			policies: ingressFrom(`[{podSelector: {}}]`), ingress: yes,
		},
		{name: "empty namespaceSelector is the cluster", flow: web, policies: ingressFrom(`[{namespaceSelector: {}}]`), ingress: yes},
		{
			name: "empty namespaceSelector is not the outside", flow: tcp("8.8.8.8", "b/api", 80),
			policies: ingressFrom(`[{namespaceSelector: {}}]`), ingress: no,
		},
		{
			name: "namespaceSelector by label", flow: web,
			policies: ingressFrom(`[{namespaceSelector: {matchLabels: {team: red}}}]`), ingress: yes,
		},
		{
			name: "namespaceSelector by the name the API server sets", flow: web,
			policies: ingressFrom(`[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: a}}}]`), ingress: yes,
		},
		{
			name: "both selectors in one peer are AND", flow: web,
			policies: ingressFrom(`[{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: db}}}]`),
			ingress:  no,
		},
		{
			name: "both selectors match", flow: web,
			policies: ingressFrom(`[{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}]`),
			ingress:  yes,
		},
		{
			name: "separate peers are OR", flow: web,
			policies: ingressFrom(`[{namespaceSelector: {matchLabels: {team: red}}}, {podSelector: {matchLabels: {app: db}}}]`),
			ingress:  yes,
		},
		{
			name: "empty podSelector with a namespaceSelector", flow: web,
			policies: ingressFrom(`[{namespaceSelector: {matchLabels: {team: red}}, podSelector: {}}]`), ingress: yes,
		},
	})
}

func TestIPBlocks(t *testing.T) {
	ingressFrom := func(peers string) []string {
		return []string{`{metadata: {namespace: b, name: p}, spec: {ingress: [{from: ` + peers + `}]}}`}
	}
	const yes, no = "allowed by b/p", "isolated by b/p"
	web := tcp("a/web", "b/api", 80)
	checkRules(t, []ruleCase{
		{name: "ipBlock holds a pod", flow: web, policies: ingressFrom(`[{ipBlock: {cidr: 10.0.1.0/24}}]`), ingress: yes},
		{
			name: "ipBlock except", flow: web,
			policies: ingressFrom(`[{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.1.1/32]}}]`), ingress: no,
		},
		{
			name: "ipBlock beside except", flow: tcp("a/db", "b/api", 80),
			policies: ingressFrom(`[{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.1.1/32]}}]`), ingress: yes,
		},
		{
			name: "except binds one block only", flow: web, ingress: yes,
			policies: ingressFrom(`[{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.1.0/24]}}, {ipBlock: {cidr: 10.0.1.1/32}}]`),
		},
		{name: "ipBlock with host bits", flow: web, policies: ingressFrom(`[{ipBlock: {cidr: 10.0.1.77/24}}]`), ingress: yes},
		{name: "ipBlock of the other family", flow: web, policies: ingressFrom(`[{ipBlock: {cidr: "::/0"}}]`), ingress: no},
		{
			name: "ipBlock v6", flow: tcp("2001:db8::5", "b/six", 80),
			policies: ingressFrom(`[{ipBlock: {cidr: "2001:db8::/32", except: ["2001:db8:1::/48"]}}]`), ingress: yes,
		},
		{
			name: "ipBlock v6 except", flow: tcp("2001:db8:1::5", "b/six", 80),
			policies: ingressFrom(`[{ipBlock: {cidr: "2001:db8::/32", except: ["2001:db8:1::/48"]}}]`), ingress: no,
		},
		{
			name: "the one family in common", flow: tcp("b/dual", "b/six", 80),
			policies: ingressFrom(`[{ipBlock: {cidr: "fd00::/64"}}]`), ingress: yes,
		},
		{
			name: "either family of dual-stack pods", flow: tcp("b/dual", "b/dual2", 80),
			policies: ingressFrom(`[{ipBlock: {cidr: "fd00::/64"}}]`), ingress: yes,
		},
		{
			name: "egress to an address", flow: tcp("a/web", "8.8.8.8", 53), egress: "allowed by a/p",
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 8.8.8.0/24}}]}]}}`},
		},
	})
}

func TestPorts(t *testing.T) {
	ports := func(ports string) []string {
		return []string{`{metadata: {namespace: b, name: p}, spec: {ingress: [{ports: ` + ports + `}]}}`}
	}
	const yes, no = "allowed by b/p", "isolated by b/p"
	checkRules(t, []ruleCase{
		{name: "empty ports is all", flow: udp("a/web", "b/api", 80), policies: ports(`[]`), ingress: yes},
		{name: "number", flow: tcp("a/web", "b/api", 80), policies: ports(`[{port: 80}]`), ingress: yes},
		{name: "other number", flow: tcp("a/web", "b/api", 81), policies: ports(`[{port: 80}]`), ingress: no},
		{name: "no protocol is TCP", flow: udp("a/web", "b/api", 80), policies: ports(`[{port: 80}]`), ingress: no},
		{name: "protocol", flow: udp("a/web", "b/api", 53), policies: ports(`[{protocol: UDP, port: 53}]`), ingress: yes},
		{name: "TCP is not UDP", flow: tcp("a/web", "b/api", 53), policies: ports(`[{protocol: UDP, port: 53}]`), ingress: no},
		{name: "no port is all of the protocol", flow: udp("a/web", "b/api", 9), policies: ports(`[{protocol: UDP}]`), ingress: yes},
		{name: "no port is only that protocol", flow: tcp("a/web", "b/api", 9), policies: ports(`[{protocol: UDP}]`), ingress: no},
		{name: "neither port nor protocol is all TCP", flow: tcp("a/web", "b/api", 9), policies: ports(`[{}]`), ingress: yes},
		{name: "neither port nor protocol is not UDP", flow: udp("a/web", "b/api", 9), policies: ports(`[{}]`), ingress: no},
		{name: "endPort below", flow: tcp("a/web", "b/api", 79), policies: ports(`[{port: 80, endPort: 90}]`), ingress: no},
		{name: "endPort first", flow: tcp("a/web", "b/api", 80), policies: ports(`[{port: 80, endPort: 90}]`), ingress: yes},
		{name: "endPort last", flow: tcp("a/web", "b/api", 90), policies: ports(`[{port: 80, endPort: 90}]`), ingress: yes},
		{name: "endPort above", flow: tcp("a/web", "b/api", 91), policies: ports(`[{port: 80, endPort: 90}]`), ingress: no},
		{name: "endPort keeps the protocol", flow: udp("a/web", "b/api", 85), policies: ports(`[{port: 80, endPort: 90}]`), ingress: no},
		{name: "endPort equal to port", flow: tcp("a/web", "b/api", 80), policies: ports(`[{port: 80, endPort: 80}]`), ingress: yes},
		{name: "named port", flow: tcp("a/web", "b/api", 8080), policies: ports(`[{port: http}]`), ingress: yes},
		{name: "named port of another number", flow: tcp("a/web", "b/api", 80), policies: ports(`[{port: http}]`), ingress: no},
		{name: "named port needs its protocol", flow: udp("a/web", "b/api", 53), policies: ports(`[{port: dns}]`), ingress: no},
		{name: "named port whose container port is of another protocol", flow: tcp("a/web", "b/api", 53), policies: ports(`[{port: dns}]`), ingress: no},
		{name: "named UDP port", flow: udp("a/web", "b/api", 53), policies: ports(`[{port: dns, protocol: UDP}]`), ingress: yes},
		{name: "named port of a pod without it", flow: tcp("a/web", "b/dual", 8080), policies: ports(`[{port: http}]`), ingress: no},
		{name: "named port of a sidecar", flow: tcp("a/web", "b/api", 9090), policies: ports(`[{port: metrics}]`), ingress: yes},
		{name: "named port of a finished init container", flow: tcp("a/web", "b/api", 9999), policies: ports(`[{port: setup}]`), ingress: no},
		{name: "one name in two containers", flow: tcp("a/web", "b/api", 7001), policies: ports(`[{port: both}]`), ingress: yes},
		{name: "items are OR", flow: tcp("a/web", "b/api", 443), policies: ports(`[{port: 80}, {port: 443}]`), ingress: yes},
		{
			name: "egress resolves the name at the destination", flow: tcp("a/web", "b/api", 8080), egress: "allowed by a/p",
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [Egress], egress: [{ports: [{port: http}]}]}}`},
		},
		{
			name: "a name resolves to nothing at an address", flow: tcp("a/web", "8.8.8.8", 8080), egress: "isolated by a/p",
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [Egress], egress: [{ports: [{port: http}]}]}}`},
		},
		{
			name: "ports and peers of different rules do not mix", flow: tcp("a/web", "b/api", 443), ingress: no,
			policies: []string{`
metadata: {namespace: b, name: p}
spec:
  ingress:
  - {from: [{namespaceSelector: {matchLabels: {team: red}}}], ports: [{port: 80}]}
  - {from: [{namespaceSelector: {matchLabels: {team: blue}}}], ports: [{port: 443}]}`},
		},
	})
}
