package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/govplatform/govplatform/test/e2e/cluster"
	"github.com/govplatform/govplatform/test/e2e/connectivity"
)

// settled is how long the network may take to follow the objects.
const settled = time.Minute

// placeholder is a reference as samples have them: its digest is made up.
const placeholder = "registry.platform.example.gov.vn/mof/tax-filing@sha256:0000000000000000000000000000000000000000000000000000000000000000"

func TestNamesResolve(t *testing.T) {
	client, prober := clients(t)
	namespace := newNamespace(t, client, "smoke-dns")
	from := startPod(t, client, namespace, "client", serving(t, 8080))
	table := connectivity.NewTable(
		[]connectivity.Source{{Name: "pod", Pod: from}},
		[]connectivity.Target{
			{Name: "kubernetes", Kind: connectivity.DNS, Address: "kubernetes.default.svc.cluster.local"},
			{Name: "short name", Kind: connectivity.DNS, Address: "kubernetes.default"},
			{Name: "unknown", Kind: connectivity.DNS, Address: "nothing.default.svc.cluster.local."},
			{Name: "API server", Kind: connectivity.TCP, Address: "kubernetes.default.svc:443"},
			{Name: "outside", Kind: connectivity.TCP, Address: "192.0.2.1:443"},
		},
		func(_ connectivity.Source, to connectivity.Target) connectivity.State {
			if to.Name == "unknown" || to.Name == "outside" {
				return connectivity.Closed
			}
			return connectivity.Open
		})
	observe(t, prober, table)
}

// TestMadeUpDigest shows that pods run without a registry, by a digest that the sample made up.
func TestMadeUpDigest(t *testing.T) {
	client, _ := clients(t)
	if err := shared.TagImage(t.Context(), image(t), placeholder); err != nil {
		t.Fatal(err)
	}
	containers := serving(t, 8080)
	containers[0].Image = placeholder
	namespace := newNamespace(t, client, "smoke-digest")
	startPod(t, client, namespace, "portal", containers)
}

// TestPoliciesHoldPackets takes a pod through open, denied, allowed on one port, and open again.
func TestPoliciesHoldPackets(t *testing.T) {
	client, prober := clients(t)
	server := newNamespace(t, client, "smoke-server")
	other := newNamespace(t, client, "smoke-client")
	startPod(t, client, server, "web", serving(t, 8080, 9090))
	from := startPod(t, client, other, "client", serving(t, 8080))
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}
	if _, err := client.CoreV1().Services(server).Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod, err := client.CoreV1().Pods(server).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(step string, open ...string) {
		t.Helper()
		t.Log(step)
		observe(t, prober, connectivity.NewTable(
			[]connectivity.Source{{Name: "client", Pod: from}},
			[]connectivity.Target{
				{Name: "8080", Address: pod.Status.PodIP + ":8080"},
				{Name: "9090", Address: pod.Status.PodIP + ":9090"},
				{Name: "service", Address: fmt.Sprintf("web.%s.svc:80", server)},
			},
			func(_ connectivity.Source, to connectivity.Target) connectivity.State {
				if strings.Contains(strings.Join(open, " "), to.Name) {
					return connectivity.Open
				}
				return connectivity.Closed
			}))
	}
	policies := client.NetworkingV1().NetworkPolicies(server)
	apply := func(name string, spec networkingv1.NetworkPolicySpec) {
		t.Helper()
		if _, err := policies.Create(t.Context(), &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	expect("no policy", "8080", "9090", "service")
	apply("default-deny", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}})
	expect("default deny")
	port := intstr.FromInt32(8080)
	apply("allow", networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{{
			From: []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: other}},
				PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": "client"}},
			}},
			Ports: []networkingv1.NetworkPolicyPort{{Port: &port}},
		}},
	})
	expect("one client on one port", "8080", "service")
	if err := policies.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	expect("no policy again", "8080", "9090", "service")
}

// TestEnforcerOff shows that the outcome of the test before is the enforcer's doing: without it, a denied connection
// opens, and the table says so.
func TestEnforcerOff(t *testing.T) {
	client, prober := clients(t)
	namespace := newNamespace(t, client, "smoke-off")
	startPod(t, client, namespace, "web", serving(t, 8080))
	from := startPod(t, client, namespace, "client", serving(t, 8080))
	deny := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "default-deny"}, Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
	}}
	if _, err := client.NetworkingV1().NetworkPolicies(namespace).Create(t.Context(), deny, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod, err := client.CoreV1().Pods(namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	denied := func() *connectivity.Table {
		return connectivity.NewTable([]connectivity.Source{{Name: "client", Pod: from}}, []connectivity.Target{{Name: "web", Address: pod.Status.PodIP + ":8080"}},
			func(connectivity.Source, connectivity.Target) connectivity.State { return connectivity.Closed })
	}
	observe(t, prober, denied())

	shared.StopEnforcer()
	t.Cleanup(func() {
		if err := shared.StartEnforcer(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	table := denied()
	if err := prober.Observe(ctx, table); err != nil {
		t.Fatal(err)
	}
	if len(table.Differences()) == 0 {
		t.Error("a denied connection stays closed without the enforcer: these tests would pass without policies")
	}
	t.Logf("without the enforcer:\n%s", table)
}

func TestNode(t *testing.T) {
	client, _ := clients(t)
	node, err := client.CoreV1().Nodes().Get(t.Context(), cluster.NodeName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := node.Status.Allocatable.Cpu().Value(); got != processors {
		t.Errorf("the node offers %d processors, want %d", got, processors)
	}
	total := 0
	for _, size := range shared.Memory() {
		total += size
	}
	t.Logf("the cluster takes %d MiB", total)
	if total == 0 || total > 3000 {
		t.Errorf("%d MiB, want at most 3000", total)
	}
}

func clients(t *testing.T) (*kubernetes.Clientset, *connectivity.Prober) {
	t.Helper()
	client, err := kubernetes.NewForConfig(shared.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	prober, err := connectivity.NewProber(shared.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client, prober
}

// observe fails the test when the table is not as expected within the time that the network may take.
func observe(t *testing.T, prober *connectivity.Prober, table *connectivity.Table) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settled)
	defer cancel()
	if err := prober.Observe(ctx, table); err != nil {
		t.Fatal(err)
	}
	if differences := table.Differences(); len(differences) > 0 {
		t.Fatalf("connectivity is not as expected:\n%s%s", table, strings.Join(differences, "\n"))
	}
	t.Logf("\n%s", table)
}

func newNamespace(t *testing.T, client *kubernetes.Clientset, name string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	return name
}

func image(t *testing.T) cluster.Image {
	t.Helper()
	loaded, err := shared.Image("portal-backend")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// serving returns one container for each port, as tight as the platform makes them.
func serving(t *testing.T, ports ...int32) []corev1.Container {
	t.Helper()
	yes, no := true, false
	var containers []corev1.Container
	for _, port := range ports {
		containers = append(containers, corev1.Container{
			Name:  fmt.Sprintf("port-%d", port),
			Image: image(t).ByDigest(),
			Env:   []corev1.EnvVar{{Name: "PORT", Value: fmt.Sprint(port)}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromInt32(port)},
			}},
			SecurityContext: &corev1.SecurityContext{
				RunAsNonRoot: &yes, AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
				Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		})
	}
	return containers
}

// startPod creates a pod and waits until it is ready. Its programs are not started again: their log would begin anew.
func startPod(t *testing.T, client *kubernetes.Clientset, namespace, name string, containers []corev1.Container) connectivity.Pod {
	t.Helper()
	no, grace := false, int64(1)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: containers, AutomountServiceAccountToken: &no, TerminationGracePeriodSeconds: &grace, RestartPolicy: corev1.RestartPolicyNever},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last error
	created := false
	for {
		if !created {
			// The default ServiceAccount comes a moment after its namespace.
			_, last = client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
			created = last == nil
		} else {
			var current *corev1.Pod
			if current, last = client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{}); last == nil {
				if last = ready(current); last == nil {
					return connectivity.Pod{Namespace: namespace, Name: name, Container: containers[0].Name}
				}
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("pod %s/%s is not ready: %v", namespace, name, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func ready(pod *corev1.Pod) error {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if waiting := status.State.Waiting; waiting != nil {
			return fmt.Errorf("%s: %s", waiting.Reason, waiting.Message)
		}
	}
	return errors.New(string(pod.Status.Phase))
}
