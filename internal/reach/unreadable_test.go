package reach

import "testing"

// What the API server would refuse never allows, and is named by policy and field.

const isolatedByP = "isolated by b/p"

func ingressRule(rule string) []string {
	return []string{`{metadata: {namespace: b, name: p}, spec: {ingress: [` + rule + `]}}`}
}

func TestUnreadableIPBlocks(t *testing.T) {
	const peer = "spec.ingress[0].from[0]"
	web := tcp("a/web", "b/api", 80)
	checkRules(t, []ruleCase{
		{
			name: "cidr", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock.cidr"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: 10.0.0.0}}]}`),
		},
		{
			name: "empty cidr", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock.cidr"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: ""}}]}`),
		},
		{
			name: "cidr with leading zeros", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock.cidr"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}`),
		},
		{
			name: "cidr of IPv4 mapped into IPv6", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock.cidr"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: "::ffff:10.0.0.0/104"}}]}`),
		},
		{
			name: "except", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock.except[1]"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.9.0.0/16, nonsense]}}]}`),
		},
		{
			name: "except outside the cidr", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock.except[0]"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.0.0/8]}}]}`),
		},
		{
			name: "except of the other family", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock.except[0]"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ["::/0"]}}]}`),
		},
		{
			name: "ipBlock beside a selector", flow: web, ingress: isolatedByP, problems: []string{peer + ".ipBlock"},
			policies: ingressRule(`{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}`),
		},
	})
}

func TestUnreadablePeers(t *testing.T) {
	const peer = "spec.ingress[0].from[0]"
	web := tcp("a/web", "b/api", 80)
	checkRules(t, []ruleCase{
		{
			name: "a peer that names nothing is not everyone", flow: web, ingress: isolatedByP, problems: []string{peer},
			policies: ingressRule(`{from: [{}]}`),
		},
		{
			name: "peer podSelector", flow: tcp("b/dual", "b/api", 80), ingress: isolatedByP, problems: []string{peer + ".podSelector"},
			policies: ingressRule(`{from: [{podSelector: {matchExpressions: [{key: app, operator: Resembles}]}}]}`),
		},
		{
			name: "peer namespaceSelector", flow: web, ingress: isolatedByP, problems: []string{peer + ".namespaceSelector"},
			policies: ingressRule(`{from: [{namespaceSelector: {matchLabels: {"not a key!": x}}}]}`),
		},
		{
			name: "one unreadable peer leaves the others", flow: web, ingress: "allowed by b/p", problems: []string{peer},
			policies: ingressRule(`{from: [{}, {namespaceSelector: {}}]}`),
		},
	})
}

func TestUnreadablePorts(t *testing.T) {
	const port = "spec.ingress[0].ports[0]"
	web := tcp("a/web", "b/api", 80)
	checkRules(t, []ruleCase{
		{
			name: "protocol", flow: web, ingress: isolatedByP, problems: []string{port + ".protocol"},
			policies: ingressRule(`{ports: [{protocol: ICMP}]}`),
		},
		{
			name: "protocol in lower case", flow: web, ingress: isolatedByP, problems: []string{port + ".protocol"},
			policies: ingressRule(`{ports: [{protocol: tcp}]}`),
		},
		{
			name: "port number", flow: web, ingress: isolatedByP, problems: []string{port + ".port"},
			policies: ingressRule(`{ports: [{port: 70000}]}`),
		},
		{
			name: "port name", flow: web, ingress: isolatedByP, problems: []string{port + ".port"},
			policies: ingressRule(`{ports: [{port: "80"}]}`),
		},
		{
			name: "endPort without port", flow: web, ingress: isolatedByP, problems: []string{port + ".endPort"},
			policies: ingressRule(`{ports: [{endPort: 90}]}`),
		},
		{
			name: "endPort with a named port", flow: tcp("a/web", "b/api", 8080), ingress: isolatedByP, problems: []string{port + ".endPort"},
			policies: ingressRule(`{ports: [{port: http, endPort: 9000}]}`),
		},
		{
			name: "endPort below port", flow: web, ingress: isolatedByP, problems: []string{port + ".endPort"},
			policies: ingressRule(`{ports: [{port: 80, endPort: 79}]}`),
		},
		{
			name: "endPort too high", flow: web, ingress: isolatedByP, problems: []string{port + ".endPort"},
			policies: ingressRule(`{ports: [{port: 80, endPort: 70000}]}`),
		},
	})
}

func TestUnreadablePolicies(t *testing.T) {
	web := tcp("a/web", "b/api", 80)
	checkRules(t, []ruleCase{
		{
			name: "podSelector isolates the namespace and allows nothing", flow: web, ingress: isolatedByP,
			problems: []string{"spec.podSelector"},
			policies: []string{`
metadata: {namespace: b, name: p}
spec: {podSelector: {matchExpressions: [{key: app, operator: In}]}, ingress: [{}]}`},
		},
		{
			name: "policyTypes isolates both directions and allows nothing", flow: tcp("a/web", "b/api", 80), egress: "isolated by a/p",
			problems: []string{"spec.policyTypes[0]"},
			policies: []string{`{metadata: {namespace: a, name: p}, spec: {policyTypes: [ingress], ingress: [{}], egress: [{}]}}`},
		},
	})
}
