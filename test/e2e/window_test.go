package e2e

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/e2e/connectivity"
	"github.com/govplatform/govplatform/test/harness"
)

// testNewPodIsHeldFromItsFirstPacket is about the network alone. Pods come up in a namespace that denies everything, and
// connect from their first moment, while a client connects to the addresses that they will get.
func testNewPodIsHeldFromItsFirstPacket(t *testing.T) {
	const pods = 4
	k, _ := clients(t)
	startOutside(t)
	control := withControl(t, k, stranger)
	held := newNamespace(t, k, "first-packet")
	deny := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "default-deny"}, Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
	}}
	if _, err := k.NetworkingV1().NetworkPolicies(held).Create(t.Context(), deny, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var targets []string
	// Other tests take addresses too.
	for _, address := range nextAddresses(t, 0, pods+12) {
		targets = append(targets, address+":8080")
	}
	l := startLoop(t, k, stranger, "first-packet", loopInterval, false, targets...)
	for i := range pods {
		name := fmt.Sprintf("new-%d", i)
		containers := serving(t, 8080, 9090)
		// The second container speaks to others instead of listening.
		containers[1].ReadinessProbe = nil
		containers[1].Args = []string{"connect-loop", "--interval=20ms", "--for=1m", control, outsideIP + ":443"}
		if i%2 == 1 {
			// The network has more time to know a pod that has run another container before.
			slices.Reverse(containers)
		}
		startPod(t, k, held, name, containers)
		pod, err := k.CoreV1().Pods(held).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(targets, pod.Status.PodIP+":8080") {
			t.Fatalf("pod %s has address %s, which nobody tried: %v", name, pod.Status.PodIP, targets)
		}
	}
	// One more, in a namespace without policies: how long a pod waits for the network to know it.
	containers := serving(t, 8080, 9090)
	containers[1].ReadinessProbe = nil
	containers[1].Args = []string{"connect-loop", "--interval=20ms", "--for=1m", control}
	slices.Reverse(containers)
	startPod(t, k, stranger, "free", containers)
	time.Sleep(2 * time.Second)
	l.finish(t)

	for i := range pods {
		name := fmt.Sprintf("new-%d", i)
		pod, err := k.CoreV1().Pods(held).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		in := l.windows(pod.Status.PodIP+":8080", time.Time{}, time.Now())
		out := ownLoop(t, k, pod, "port-9090")
		for _, w := range in {
			t.Errorf("%s was reached for %s", name, w)
		}
		for _, target := range []string{control, outsideIP + ":443"} {
			tried := 0
			for _, a := range out {
				if a.Target == target {
					tried++
				}
			}
			if tried == 0 {
				t.Errorf("%s tried nothing", name)
			}
			windows := connectivity.Windows(slices.DeleteFunc(slices.Clone(out), func(a connectivity.Attempt) bool { return a.Target != target }))
			for _, w := range windows {
				t.Errorf("%s reached %s for %s, its first attempt was at %s", name, target, w, out[0].Time.UTC().Format("15:04:05.000"))
			}
			t.Logf("%s: %d attempts at %s from its first moment, %d stretches open", name, tried, target, len(windows))
		}
	}
	free, err := k.CoreV1().Pods(stranger).Get(t.Context(), "free", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	attempts := ownLoop(t, k, free, "port-9090")
	deletePod(t, k, stranger, "free")
	windows := connectivity.Windows(attempts)
	if len(windows) == 0 {
		t.Fatal("a pod without policies reaches nothing")
	}
	t.Logf("a pod that no policy holds reached the control %d ms after its first attempt", windows[0].First.Sub(attempts[0].Time).Milliseconds())
}

// ownLoop returns what a container of a pod tried.
func ownLoop(t *testing.T, k *kubernetes.Clientset, pod *corev1.Pod, container string) []connectivity.Attempt {
	t.Helper()
	log, err := k.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	attempts, err := connectivity.ReadLoop(bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if len(attempts) == 0 {
		t.Fatalf("pod %s/%s tried nothing", pod.Namespace, pod.Name)
	}
	return attempts
}

// testStartOrder creates, changes and deletes a portal while clients connect to its Service by name and to every address
// that its pods may get, from before anything exists until everything is gone. Monitoring gets through, and nobody else
// ever does; and no revision has a pod without its policies.
func testStartOrder(t *testing.T) {
	k, _ := clients(t)
	env := platform(t)
	agency := newAgency(t, "ordered")
	ns := names.Namespace(agency.Name)
	service := func(port int) string { return fmt.Sprintf("portal.%s.svc.cluster.local.:%d", ns, port) }
	withControl(t, k, stranger)
	watcher := startLoop(t, k, monitoring, "order", 50*time.Millisecond, false, service(8080), service(9090))
	targets := []string{service(8080), service(9090)}
	// Other tests take addresses too.
	for _, address := range nextAddresses(t, 0, 24) {
		targets = append(targets, address+":8080", address+":9090")
	}
	l := startLoop(t, k, stranger, "order", 150*time.Millisecond, false, targets...)
	log := watchRevisions(t, k)

	portal := smallPortal(agency.Name, "portal")
	var steps []struct {
		name    string
		at      time.Time
		service string
	}
	step := func(name, service string, do func() error) {
		at := time.Now()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		steps = append(steps, struct {
			name    string
			at      time.Time
			service string
		}{name, at, service})
		// Monitoring gets through to the pods of this step, and those of the step before are gone.
		eventually(t, patience, func() error {
			if err := rolledOut(t.Context(), env, portal); err != nil {
				return err
			}
			if err := watcher.read(t.Context()); err != nil {
				return err
			}
			if tried, open := watcher.openSince(service, time.Now().Add(-500*time.Millisecond)); open == 0 || open < tried {
				return fmt.Errorf("%d of %d connections of monitoring open", open, tried)
			}
			return nil
		})
	}
	change := func(modify func(*v1alpha1.AgencyPortal)) func() error {
		return func() error {
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), portal); err != nil {
				return err
			}
			modify(portal)
			return env.Admin.Update(t.Context(), portal)
		}
	}
	step("created", service(8080), func() error { return env.Admin.Create(t.Context(), portal) })
	step("new image and variable", service(8080), change(func(p *v1alpha1.AgencyPortal) {
		p.Spec.Image = portalImages[2]
		p.Spec.Env = []v1alpha1.EnvVar{{Name: "MODE", Value: "new"}}
	}))
	step("new port", service(9090), change(func(p *v1alpha1.AgencyPortal) { p.Spec.Port = 9090 }))
	deleted := time.Now()
	if err := env.Admin.Delete(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error { return portalGone(t.Context(), env, ns, "portal") })
	t.Logf("deleted: pods and policies were gone after %d ms", time.Since(deleted).Milliseconds())
	time.Sleep(quiet)
	l.finish(t)
	watcher.finish(t)

	for i, s := range steps {
		until := deleted
		if i+1 < len(steps) {
			until = steps[i+1].at
		}
		if windows := watcher.windows(s.service, s.at, until); len(windows) > 0 {
			t.Logf("%s: monitoring got through first after %d ms, and in %d stretches", s.name, max(0, windows[0].First.Sub(s.at).Milliseconds()), len(windows))
		}
	}
	lives := log.lives(ns)
	t.Logf("%d pods of the portal had addresses that were tried from before they existed", len(lives))
	l.neverOpen(t, service(8080), service(9090))
	l.neverReached(t, lives, "8080", "9090")
	log.alwaysGuarded(t)
}

// rolledOut returns nil when the portal's pods are all of its present spec.
func rolledOut(ctx context.Context, env *harness.Env, portal *v1alpha1.AgencyPortal) error {
	var current v1alpha1.AgencyPortal
	if err := env.Admin.Get(ctx, client.ObjectKeyFromObject(portal), &current); err != nil {
		return err
	}
	var pods corev1.PodList
	if err := env.Admin.List(ctx, &pods, client.InNamespace(portal.Namespace), client.MatchingLabels{names.LabelPortal: portal.Name}); err != nil {
		return err
	}
	if len(pods.Items) != int(current.Spec.Replicas.Min) {
		return fmt.Errorf("%d pods, want %d", len(pods.Items), current.Spec.Replicas.Min)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		c := p.Spec.Containers[0]
		if c.Image != current.Spec.Image || c.Ports[0].ContainerPort != current.Spec.Port {
			return fmt.Errorf("pod %s runs %s on port %d", p.Name, c.Image, c.Ports[0].ContainerPort)
		}
		if err := ready(p); err != nil {
			return fmt.Errorf("pod %s: %w", p.Name, err)
		}
	}
	return nil
}

// portalGone returns nil when nothing of a portal that matters to packets is left.
func portalGone(ctx context.Context, env *harness.Env, ns, portal string) error {
	for _, list := range []client.ObjectList{&corev1.PodList{}, &networkingv1.NetworkPolicyList{}} {
		if err := env.Admin.List(ctx, list, client.InNamespace(ns), client.MatchingLabels{names.LabelPortal: portal}); err != nil {
			return err
		}
		if n := lengthOf(list); n > 0 {
			return fmt.Errorf("%d of %T left", n, list)
		}
	}
	return nil
}

func lengthOf(list client.ObjectList) int {
	switch l := list.(type) {
	case *corev1.PodList:
		return len(l.Items)
	case *networkingv1.NetworkPolicyList:
		return len(l.Items)
	default:
		return 0
	}
}

// deletePod removes a pod without waiting.
func deletePod(t *testing.T, k *kubernetes.Clientset, namespace, name string) {
	t.Helper()
	if err := k.CoreV1().Pods(namespace).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Error(err)
	}
}

// grant gives a user all rights in a namespace, which the platform never does, and waits until the API server knows.
func grant(t *testing.T, env *harness.Env, namespace, user string) {
	t.Helper()
	create(t, env, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "all-of-" + user, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
	eventually(t, patience, func() error {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               user,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "*", Group: "*", Resource: "*"},
		}}
		if err := env.Admin.Create(t.Context(), review); err != nil {
			return err
		}
		if !review.Status.Allowed {
			return fmt.Errorf("%s has no rights in %s yet", user, namespace)
		}
		return nil
	})
}
