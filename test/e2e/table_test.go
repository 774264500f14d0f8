package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/e2e/cluster"
	"github.com/govplatform/govplatform/test/e2e/connectivity"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	apiServer = "10.96.0.1:443"
	// nodePort is where something answers on the node that is neither the API server nor kubelet.
	nodePort = "9999"
	dnsName  = "kubernetes.default.svc.cluster.local."
)

// role is what an end of a connection is to the platform.
type role int

const (
	portalRole role = iota
	monitoringRole
	gatewayRole
	// strangerRole is a pod of a namespace that the platform has nothing to do with.
	strangerRole
	// intruderRole is a pod in an agency's namespace that is not a portal's.
	intruderRole
	operatorRole
	dnsRole
	apiServerRole
	nodeRole
	outsideRole
)

// end is one end of a connection.
type end struct {
	role role
	// agency, portal and pod are set for portals; pod is empty for a Service.
	agency, portal, pod string
	// exposure is that of a portal, or of the portals that a gateway is for.
	exposure v1alpha1.Exposure
}

// allowed says which connections the platform lets pass. All tables of this package compare with it.
func allowed(from, to end) bool {
	switch to.role {
	case portalRole:
		switch from.role {
		case monitoringRole:
			return true
		case gatewayRole:
			return from.exposure == to.exposure
		case portalRole:
			// Over approved links and to declared platforms. Else not even from another portal of the same agency, nor from
			// another pod of the same portal. A pod that connects to its own address never leaves itself.
			return opened(from, to) || from.pod != "" && from.pod == to.pod
		default:
			return from.pod != "" && from.pod == to.pod
		}
	case operatorRole:
		// The metrics, for namespaces with the label that the platform team gives.
		return from.role == monitoringRole
	case dnsRole:
		return from.role != intruderRole
	default:
		// The API server, the node and what is outside: what the platform does not hold goes where it wants.
		return from.role != portalRole && from.role != intruderRole
	}
}

func expected(ends map[string]end) func(connectivity.Source, connectivity.Target) connectivity.State {
	return func(from connectivity.Source, to connectivity.Target) connectivity.State {
		if allowed(ends[from.Name], ends[to.Name]) {
			return connectivity.Open
		}
		return connectivity.Closed
	}
}

var listenOnNode = sync.OnceValue(func() error {
	listener, err := net.Listen("tcp4", net.JoinHostPort(cluster.NodeIP, nodePort))
	if err == nil {
		go answer(listener)
	}
	return err
})

// startNodeListener answers HTTP on the node's address.
func startNodeListener(t *testing.T) {
	t.Helper()
	if err := listenOnNode(); err != nil {
		t.Fatal(err)
	}
}

// answer serves until the program ends.
func answer(listener net.Listener) {
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "reached") })}
	_ = server.Serve(listener) // It never ends by itself.
}

// bystanders are pods that are no portals, by the name that they have in tables.
func bystanders(t *testing.T, k *kubernetes.Clientset) ([]connectivity.Source, map[string]end) {
	t.Helper()
	ends := map[string]end{
		"monitoring":            {role: monitoringRole},
		"gateway-dedicated":     {role: gatewayRole, exposure: v1alpha1.ExposureDedicatedNetwork},
		"gateway-internet":      {role: gatewayRole, exposure: v1alpha1.ExposureInternet},
		"another namespace":     {role: strangerRole},
		"intruder beside mic's": {role: intruderRole},
	}
	var sources []connectivity.Source
	for name, namespace := range map[string]string{"gateway-dedicated": "gateway-dedicated", "gateway-internet": "gateway-internet"} {
		sources = append(sources, connectivity.Source{Name: name, Pod: startPod(t, k, newNamespace(t, k, namespace), "client", serving(t, 8080))})
	}
	for name, namespace := range map[string]string{"monitoring": monitoring, "another namespace": stranger} {
		withControl(t, k, namespace)
		sources = append(sources, connectivity.Source{Name: name, Pod: connectivity.Pod{Namespace: namespace, Name: "control"}})
	}
	// Nobody but a member of system:masters can make this one.
	sources = append(sources, connectivity.Source{Name: "intruder beside mic's", Pod: startPod(t, k, "agency-mic", "intruder", serving(t, 8080))})
	t.Cleanup(func() { deletePod(t, k, "agency-mic", "intruder") })
	slices.SortFunc(sources, func(a, b connectivity.Source) int { return strings.Compare(a.Name, b.Name) })
	return sources, ends
}

// TestOperatorAtRest runs what leaves the operator and the national sample as they are.
func TestOperatorAtRest(t *testing.T) {
	together(t, map[string]func(*testing.T){"Connectivity": testConnectivity, "OperatorIsHeld": testOperatorIsHeld, "StartOrder": testStartOrder})
}

// testConnectivity compares who reaches whom among all portals of the national sample and everything around them.
func testConnectivity(t *testing.T) {
	k, prober := clients(t)
	env := platform(t)
	for _, step := range installed.steps {
		t.Log(step)
	}
	startOutside(t)
	startNodeListener(t)
	rows, ends := bystanders(t, k)

	var sources []connectivity.Source
	var columns []connectivity.Target
	running := 0
	for _, expectation := range installed.sample.Expected {
		if expectation.Running == nil || !*expectation.Running {
			continue // No portal, or one that a standard refuses.
		}
		p := &v1alpha1.AgencyPortal{}
		if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: expectation.Namespace, Name: expectation.Name}, p); err != nil {
			t.Fatal(err)
		}
		pods, err := portalPods(t.Context(), p.Namespace, p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if len(pods) < int(p.Spec.Replicas.Min) {
			t.Fatalf("%s/%s has %d ready pods, want %d", p.Namespace, p.Name, len(pods), p.Spec.Replicas.Min)
		}
		running++
		agency := strings.TrimPrefix(p.Namespace, "agency-")
		first, last := pods[0], pods[len(pods)-1]
		e := end{role: portalRole, agency: agency, portal: p.Name, exposure: p.Spec.Exposure}
		row, byService, byPod := fmt.Sprintf("%d %s/%s", running, agency, p.Name), fmt.Sprintf("%d", running), fmt.Sprintf("%d'", running)
		ends[byService] = e
		e.pod = first.Name
		ends[row] = e
		e.pod = last.Name
		ends[byPod] = e
		sources = append(sources, connectivity.Source{Name: row, Pod: connectivity.Pod{Namespace: p.Namespace, Name: first.Name}})
		// The last pod: where there are several, a portal's own column is then another pod than its row.
		columns = append(columns,
			connectivity.Target{Name: byService, Address: fmt.Sprintf("%s.%s.svc.cluster.local.:%d", p.Name, p.Namespace, p.Spec.Port)},
			connectivity.Target{Name: byPod, Address: fmt.Sprintf("%s:%d", last.Status.PodIP, p.Spec.Port)})
	}
	if running != 14 {
		t.Errorf("%d portals of the sample run, want 14", running)
	}
	operator := operatorPods(t)[0]
	for _, c := range []struct {
		target connectivity.Target
		role   role
	}{
		{connectivity.Target{Name: "API service", Kind: connectivity.TCP, Address: apiServer}, apiServerRole},
		{connectivity.Target{Name: "API node", Kind: connectivity.TCP, Address: fmt.Sprintf("%s:%d", cluster.NodeIP, cluster.APIServerPort)}, apiServerRole},
		{connectivity.Target{Name: "kubelet", Kind: connectivity.TCP, Address: fmt.Sprintf("%s:%d", cluster.NodeIP, cluster.KubeletPort)}, nodeRole},
		{connectivity.Target{Name: "node", Address: net.JoinHostPort(cluster.NodeIP, nodePort)}, nodeRole},
		{connectivity.Target{Name: "outside", Address: outsideIP + ":443"}, outsideRole},
		{connectivity.Target{Name: "DNS", Kind: connectivity.DNS, Address: dnsName}, dnsRole},
		{connectivity.Target{Name: "DNS TCP", Kind: connectivity.TCP, Address: cluster.DNSServiceIP + ":53"}, dnsRole},
		{connectivity.Target{Name: "metrics", Kind: connectivity.TCP, Address: operator.Status.PodIP + ":8443"}, operatorRole},
	} {
		ends[c.target.Name] = end{role: c.role}
		columns = append(columns, c.target)
	}
	table := connectivity.NewTable(append(sources, rows...), columns, expected(ends))
	began := time.Now()
	observe(t, prober, table)
	t.Logf("%d connections, each as expected, in %.1f s. N is a portal by its Service, N' one of its pods by address.", len(table.Rows)*len(table.Columns), time.Since(began).Seconds())
}

// testOperatorIsHeld looks at the operator as it was installed: two pods under the restricted standard, one of them the
// leader, and connections from and to them only where its own network policies say so.
func testOperatorIsHeld(t *testing.T) {
	k, prober := clients(t)
	env := platform(t)
	startOutside(t)
	startNodeListener(t)
	pods := operatorPods(t)
	if len(pods) != 2 {
		t.Fatalf("%d pods, want 2", len(pods))
	}
	holder, err := leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return strings.HasPrefix(holder, p.Name+"_") }) {
		t.Errorf("the lease is held by %s, not by a pod of the operator", holder)
	}
	var ns corev1.Namespace
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: harness.OperatorNamespace}, &ns); err != nil {
		t.Fatal(err)
	}
	if ns.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Errorf("the namespace is not held to the restricted standard: %v", ns.Labels)
	}

	portal := readyPod(t, "agency-mic", "staff-portal")
	for _, pod := range pods {
		if pod.Spec.ServiceAccountName != harness.OperatorServiceAccount {
			t.Errorf("pod %s runs as %s", pod.Name, pod.Spec.ServiceAccountName)
		}
		pid, err := processOf(&pod, "/manager")
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for _, c := range []struct {
			name, address string
			open          bool
		}{
			{"API server", apiServer, true},
			{"API server on the node", fmt.Sprintf("%s:%d", cluster.NodeIP, cluster.APIServerPort), true},
			{"DNS over TCP", cluster.DNSServiceIP + ":53", true},
			{"a portal", portal.Status.PodIP + ":8080", false},
			{"the node", net.JoinHostPort(cluster.NodeIP, nodePort), false},
			{"kubelet", fmt.Sprintf("%s:%d", cluster.NodeIP, cluster.KubeletPort), false},
			{"outside", outsideIP + ":9999", false},
			// config/network-policy/allow-api-server.yaml says why, and what to do about it.
			{"outside on the API server's port", outsideIP + ":443", true},
		} {
			group.Go(func() {
				err := dialFrom(pid, c.address)
				if (err == nil) != c.open {
					t.Errorf("%s -> %s (%s): open %v, want %v: %v", pod.Name, c.name, c.address, err == nil, c.open, err)
				}
			})
		}
		group.Wait()
	}
	withControl(t, k, stranger)
	observe(t, prober, connectivity.NewTable(
		[]connectivity.Source{{Name: "another namespace", Pod: connectivity.Pod{Namespace: stranger, Name: "control"}}},
		[]connectivity.Target{
			{Name: "metrics", Kind: connectivity.TCP, Address: pods[0].Status.PodIP + ":8443"},
			{Name: "probes", Kind: connectivity.TCP, Address: pods[0].Status.PodIP + ":8081"},
		},
		func(connectivity.Source, connectivity.Target) connectivity.State { return connectivity.Closed }))
}

// dialFrom connects from the network of a process. The image of the operator has no program that could.
func dialFrom(pid int, address string) error {
	return inNetwork(fmt.Sprintf("/proc/%d/ns/net", pid), func() error {
		connection, err := net.DialTimeout("tcp4", address, connectivity.DefaultTimeout)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

var errStill = errors.New("it is still there")
