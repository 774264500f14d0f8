package seeds

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

// outside are addresses that portals are tried on: the platforms of the catalogue
// that have one, the API server, the metadata of machines, and the Internet.
var outside = []string{"192.0.2.16", "192.0.2.32", "192.0.2.1", "10.96.0.1", "169.254.169.254", "203.0.113.9", "2001:db8::9"}

// ports are tried on everything: those on which anything of the sample serves, and others.
var ports = []int32{8080, 8443, 443, 80, 22}

// blocks are the addresses of the catalogue's platforms as the sample writes them.
var blocks = map[string]string{"192.0.2.16": "192.0.2.16/28", "192.0.2.32": "192.0.2.32/28"}

// network is what the API server's pods and network policies amount to, by the
// evaluator that test/conformance holds against two others.
type network struct {
	evaluator *reach.Evaluator
	// pods has one pod of each portal, by namespace/name of the portal.
	pods map[string]reach.Endpoint
}

func look(t *testing.T) network {
	t.Helper()
	var namespaces corev1.NamespaceList
	var pods corev1.PodList
	var policies networkingv1.NetworkPolicyList
	for _, list := range []client.ObjectList{&namespaces, &pods, &policies} {
		if err := env.Admin.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	n := network{pods: map[string]reach.Endpoint{}}
	s := reach.Snapshot{Namespaces: namespaces.Items, Policies: policies.Items}
	for i := range pods.Items {
		p := &pods.Items[i]
		if p.DeletionTimestamp != nil {
			continue
		}
		s.Pods = append(s.Pods, *p)
		if name := p.Labels[names.LabelPortal]; name != "" {
			n.pods[p.Namespace+"/"+name] = reach.PodEndpoint(p.Namespace, p.Name)
		}
	}
	n.evaluator = reach.New(s)
	return n
}

func (n network) allows(from, to reach.Endpoint, port int32) bool {
	return n.evaluator.Evaluate(reach.Flow{From: from, To: to, Protocol: corev1.ProtocolTCP, Port: port}).Allowed
}

// from returns everything that a portal reaches.
func (n network) from(portal string) []sample.Flow {
	out := []sample.Flow{}
	pod, running := n.pods[portal]
	if !running {
		return out
	}
	add := func(name string, to reach.Endpoint) {
		for _, port := range ports {
			if n.allows(pod, to, port) {
				out = append(out, sample.Flow{From: portal, To: name, Port: fmt.Sprintf("TCP/%d", port)})
			}
		}
	}
	for name, to := range n.pods {
		if name != portal {
			add(name, to)
		}
	}
	for _, address := range outside {
		add(cmp.Or(blocks[address], address), reach.AddressEndpoint(netip.MustParseAddr(address)))
	}
	slices.SortFunc(out, func(a, b sample.Flow) int { return strings.Compare(a.To+a.Port, b.To+b.Port) })
	return out
}

// to returns the portals and addresses that reach a portal on any port.
func (n network) to(portal string) []string {
	out := []string{}
	pod, running := n.pods[portal]
	if !running {
		return out
	}
	reaches := func(name string, from reach.Endpoint) {
		if slices.ContainsFunc(ports, func(port int32) bool { return n.allows(from, pod, port) }) {
			out = append(out, name)
		}
	}
	for name, from := range n.pods {
		if name != portal {
			reaches(name, from)
		}
	}
	for _, address := range outside {
		reaches(address, reach.AddressEndpoint(netip.MustParseAddr(address)))
	}
	slices.Sort(out)
	return out
}

func key(p *v1alpha1.AgencyPortal) string { return p.Namespace + "/" + p.Name }

// runsOne waits until a portal has a pod: one that has none reaches nothing.
func runsOne(t *testing.T, p *v1alpha1.AgencyPortal) {
	t.Helper()
	harness.Eventually(t, func() error {
		if _, running := look(t).pods[key(p)]; !running {
			return fmt.Errorf("%s has no pod", key(p))
		}
		return nil
	})
}

// reachesOnly waits until a portal reaches exactly these, each as "name TCP/port".
func reachesOnly(t *testing.T, p *v1alpha1.AgencyPortal, want ...string) {
	t.Helper()
	harness.Eventually(t, func() error {
		var got []string
		for _, f := range look(t).from(key(p)) {
			got = append(got, f.To+" "+f.Port)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s reaches %q, want %q", key(p), got, want)
		}
		return nil
	})
}
