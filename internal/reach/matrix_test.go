package reach

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestMatrix(t *testing.T) {
	e := New(townWith(t, denyB, `
metadata: {namespace: b, name: api}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - {from: [{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}`))
	groups := []Group{
		{Name: "a", Endpoints: []Endpoint{parseEndpoint("a/web"), parseEndpoint("a/db"), parseEndpoint("a/web")}},
		{Name: "b", Endpoints: []Endpoint{parseEndpoint("b/api"), parseEndpoint("b/dual"), parseEndpoint("b/done"), parseEndpoint("b/none")}},
		{Name: "outside", Endpoints: []Endpoint{parseEndpoint("8.8.8.8")}},
	}
	ports := []Port{{"UDP", 8080}, {"TCP", 8080}, {"TCP", 443}, {"TCP", 8080}}
	m := e.Matrix(groups, ports)

	got := map[string]string{}
	for i, from := range m.Groups {
		for j, to := range m.Groups {
			if c := m.Cell(i, j); c.Pairs > 0 {
				got[from+" → "+to] = fmt.Sprintf("%d/%d %v", c.OpenPairs, c.Pairs, c.OpenPorts)
			}
		}
	}
	all := "[TCP/443 TCP/8080 UDP/8080]"
	want := map[string]string{
		"a → a":             "2/2 " + all,
		"a → b":             "1/4 [TCP/8080]",
		"a → outside":       "2/2 " + all,
		"b → a":             "0/4 []",
		"b → b":             "0/2 []",
		"b → outside":       "0/2 []",
		"outside → a":       "2/2 " + all,
		"outside → b":       "0/2 []",
		"outside → outside": "1/1 " + all,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}
	if example, want := m.Cell(0, 1).Example, tcp("a/web", "b/api", 8080); example != want {
		t.Errorf("example %s, want %s", example, want)
	}
	if diff := cmp.Diff([]Endpoint{parseEndpoint("b/done"), parseEndpoint("b/none")}, m.Unresolved, compareEndpoints); diff != "" {
		t.Errorf("unresolved (-want +got):\n%s", diff)
	}
	if ports := fmt.Sprint(m.Ports); ports != all {
		t.Errorf("ports %s, want %s", ports, all)
	}
}

func TestRepresentativePorts(t *testing.T) {
	e := New(townWith(t, `
metadata: {namespace: b, name: p}
spec:
  ingress: [{ports: [{port: 80, endPort: 90}, {protocol: UDP, port: 65535}, {port: http}, {protocol: SCTP}]}]`))
	want := "[SCTP/1 TCP/1 TCP/80 TCP/91 TCP/8080 TCP/8081 UDP/1 UDP/65535]"
	if got := fmt.Sprint(e.RepresentativePorts()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		tcp("a/web", "8.8.8.8", 443).String():    "a/web → 8.8.8.8 TCP/443",
		Egress.String() + " " + Ingress.String(): "egress ingress",
		parseEndpoint("::1").String():            "::1",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// nation is 200 agencies of a namespace and two workloads of three replicas each, every one closed but to itself, and
// 1,000 links between them.
func nation(agencies, links int) (Snapshot, []Group) {
	var s Snapshot
	groups := make([]Group, 0, agencies)
	for a := range agencies {
		namespace := fmt.Sprintf("agency-%d", a)
		s.Namespaces = append(s.Namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		group := Group{Name: namespace}
		for _, app := range []string{"portal", "database"} {
			for replica := range 3 {
				p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{
					Namespace: namespace, Name: fmt.Sprintf("%s-%d", app, replica), Labels: map[string]string{"app": app},
				}}
				p.Status.PodIPs = []corev1.PodIP{{IP: fmt.Sprintf("10.%d.%d.%d", a/250, a%250, len(group.Endpoints))}}
				p.Spec.NodeName = fmt.Sprintf("node-%d", replica)
				s.Pods = append(s.Pods, p)
				group.Endpoints = append(group.Endpoints, PodEndpoint(namespace, p.Name))
			}
		}
		groups = append(groups, group)
		deny := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "deny"}}
		deny.Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress", "Egress"}
		s.Policies = append(s.Policies, deny)
	}
	for l := range links {
		s.Policies = append(s.Policies, link(l%agencies, (l*7+1)%agencies, l)...)
	}
	return s, groups
}

// link opens one portal to another, on one port.
func link(consumer, provider, number int) []networkingv1.NetworkPolicy {
	port := intstr.FromInt32(8443)
	ports := []networkingv1.NetworkPolicyPort{{Port: &port}}
	portal := metav1.LabelSelector{MatchLabels: map[string]string{"app": "portal"}}
	half := func(near, far int, policyType networkingv1.PolicyType) (networkingv1.NetworkPolicy, []networkingv1.NetworkPolicyPeer) {
		p := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{
			Namespace: fmt.Sprintf("agency-%d", near), Name: fmt.Sprintf("link-%d-%s", number, policyType),
		}}
		p.Spec.PodSelector = portal
		p.Spec.PolicyTypes = []networkingv1.PolicyType{policyType}
		return p, []networkingv1.NetworkPolicyPeer{{PodSelector: &portal, NamespaceSelector: &metav1.LabelSelector{
			MatchLabels: map[string]string{corev1.LabelMetadataName: fmt.Sprintf("agency-%d", far)},
		}}}
	}
	egress, to := half(consumer, provider, "Egress")
	egress.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: to, Ports: ports}}
	ingress, from := half(provider, consumer, "Ingress")
	ingress.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: from, Ports: ports}}
	return []networkingv1.NetworkPolicy{egress, ingress}
}

// TestMatrixOfANation: exactly the linked pairs are open, on exactly the port, whatever port is tried.
func TestMatrixOfANation(t *testing.T) {
	s, groups := nation(40, 100)
	want := map[[2]int]bool{}
	for l := range 100 {
		want[[2]int{l % 40, (l*7 + 1) % 40}] = true
	}
	e := New(s)
	m := e.Matrix(groups, e.RepresentativePorts())
	for i := range groups {
		for j := range groups {
			c := m.Cell(i, j)
			if c.Open() != want[[2]int{i, j}] || c.Open() && fmt.Sprint(c.OpenPorts) != "[TCP/8443]" {
				t.Errorf("%s → %s: open %t on %v, want %t", groups[i].Name, groups[j].Name, c.Open(), c.OpenPorts, !c.Open())
			}
		}
	}
}

func BenchmarkNew(b *testing.B) {
	s, _ := nation(200, 1000)
	for b.Loop() {
		New(s)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	s, groups := nation(200, 1000)
	e := New(s)
	flow := Flow{From: groups[0].Endpoints[0], To: groups[1].Endpoints[0], Protocol: corev1.ProtocolTCP, Port: 8443}
	for b.Loop() {
		e.Evaluate(flow)
	}
}

// BenchmarkMatrix is 200 agencies by 200 on every representative port.
func BenchmarkMatrix(b *testing.B) {
	s, groups := nation(200, 1000)
	e := New(s)
	ports := e.RepresentativePorts()
	for b.Loop() {
		e.Matrix(groups, ports)
	}
}
