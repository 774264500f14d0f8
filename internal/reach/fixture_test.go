package reach

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// town is the snapshot most tables use: two namespaces, and a pod for every kind of endpoint.
const town = `
namespaces:
- metadata: {name: a, labels: {team: red}}
- metadata: {name: b, labels: {team: blue}}
pods:
- metadata: {name: web, namespace: a, labels: {app: web}}
  spec: {nodeName: n1}
  status: {phase: Running, podIP: 10.0.1.1, podIPs: [{ip: 10.0.1.1}], hostIP: 192.168.0.1}
- metadata: {name: db, namespace: a, labels: {app: db}}
  spec: {nodeName: n1}
  status: {phase: Running, podIPs: [{ip: 10.0.1.2}], hostIPs: [{ip: 192.168.0.1}]}
- metadata: {name: api, namespace: b, labels: {app: api}}
  spec:
    nodeName: n2
    containers:
    - name: main
      ports:
      - {name: http, containerPort: 8080}
      - {name: dns, containerPort: 53, protocol: UDP}
      - {name: both, containerPort: 7000}
    - name: second
      ports:
      - {name: both, containerPort: 7001}
    initContainers:
    - name: sidecar
      restartPolicy: Always
      ports: [{name: metrics, containerPort: 9090}]
    - name: setup
      ports: [{name: setup, containerPort: 9999}]
  status: {phase: Running, podIPs: [{ip: 10.0.2.1}], hostIPs: [{ip: 192.168.0.2}]}
- metadata: {name: dual, namespace: b, labels: {app: dual}}
  spec: {nodeName: n2}
  status: {phase: Running, podIPs: [{ip: 10.0.2.2}, {ip: "fd00::2"}]}
- metadata: {name: dual2, namespace: b, labels: {app: dual}}
  spec: {nodeName: n2}
  status: {phase: Running, podIPs: [{ip: "fd00::4"}, {ip: 10.0.2.4}]}
- metadata: {name: six, namespace: b, labels: {app: six}}
  spec: {nodeName: n2}
  status: {phase: Running, podIPs: [{ip: "fd00::3"}]}
- metadata: {name: host, namespace: b, labels: {app: host}}
  spec:
    nodeName: n2
    hostNetwork: true
    containers:
    - name: main
      ports: [{name: http, containerPort: 8080}]
  status: {phase: Running, podIPs: [{ip: 192.168.0.2}], hostIPs: [{ip: 192.168.0.2}]}
- metadata: {name: done, namespace: b, labels: {app: api}}
  status: {phase: Succeeded, podIPs: [{ip: 10.0.2.9}]}
- metadata: {name: failed, namespace: b, labels: {app: api}}
  status: {phase: Failed, podIPs: [{ip: 10.0.2.1}]}
- metadata: {name: fresh, namespace: b, labels: {app: fresh}}
  status: {phase: Pending}
`

// snapshotFile is a snapshot as YAML: policies have the form of a manifest.
type snapshotFile struct {
	Namespaces []corev1.Namespace           `json:"namespaces"`
	Pods       []corev1.Pod                 `json:"pods"`
	Policies   []networkingv1.NetworkPolicy `json:"policies"`
}

func readSnapshot(t testing.TB, text string) Snapshot {
	t.Helper()
	var file snapshotFile
	if err := yaml.UnmarshalStrict([]byte(text), &file); err != nil {
		t.Fatalf("read snapshot: %v\n%s", err, text)
	}
	return Snapshot(file)
}

// townWith returns the town with policies, one YAML item each: "{metadata: …, spec: …}".
func townWith(t testing.TB, policies ...string) Snapshot {
	t.Helper()
	var list strings.Builder
	list.WriteString("policies:\n")
	for _, policy := range policies {
		list.WriteString("- " + strings.ReplaceAll(strings.TrimSpace(policy), "\n", "\n  ") + "\n")
	}
	s := readSnapshot(t, town)
	s.Policies = readSnapshot(t, list.String()).Policies
	return s
}

// parseEndpoint reads namespace/name, or an address; anything else names nothing.
func parseEndpoint(text string) Endpoint {
	if namespace, name, ok := strings.Cut(text, "/"); ok {
		return PodEndpoint(namespace, name)
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return Endpoint{}
	}
	return Endpoint{Address: address}
}

func tcp(from, to string, port int32) Flow {
	return Flow{From: parseEndpoint(from), To: parseEndpoint(to), Protocol: corev1.ProtocolTCP, Port: port}
}

func udp(from, to string, port int32) Flow {
	return Flow{From: parseEndpoint(from), To: parseEndpoint(to), Protocol: corev1.ProtocolUDP, Port: port}
}

// side renders a direction verdict in the words of the tables.
func side(d DirectionVerdict) string {
	refs := func(refs []PolicyRef) string {
		names := make([]string, 0, len(refs))
		for _, ref := range refs {
			names = append(names, ref.String())
		}
		return strings.Join(names, " ")
	}
	switch {
	case d.Allowed && !d.Isolated:
		return "open"
	case d.Allowed && len(d.Deciding) == 0:
		return "exempt"
	case d.Allowed:
		return "allowed by " + refs(d.Deciding)
	case len(d.Undecided) > 0:
		return "undecided by " + refs(d.Undecided) + ", isolated by " + refs(d.Deciding)
	case d.Isolated:
		return "isolated by " + refs(d.Deciding)
	default:
		return ""
	}
}

// ruleCase is one row of the tables: a flow in the town under policies. Empty egress or ingress means "open".
type ruleCase struct {
	name     string
	policies []string
	flow     Flow
	egress   string
	ingress  string
	// reason defaults to ReasonPolicies.
	reason Reason
	// problems are the fields that must be reported, in order.
	problems []string
}
