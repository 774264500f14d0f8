package threats

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	// byPolicies is for what several admission policies refuse, of which any may
	// be named.
	byPolicies        = "ValidatingAdmissionPolicy 'govplatform-"
	byNodeLabelPolicy = "govplatform-node-labels"
	byStatusDoor      = "govplatform-agency-namespace-status"
)

// mirror makes a pod a mirror of a node's static pod, which is the only kind of
// pod that the API server lets a node make.
func mirror(t *testing.T, pod *corev1.Pod, node string) *corev1.Pod {
	t.Helper()
	n := harness.Stored(t, env, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}})
	pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "1", "kubernetes.io/config.hash": "1", "kubernetes.io/config.source": "file"}
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node, UID: n.UID, Controller: ptr.To(true)}}
	pod.Spec.NodeName = node
	pod.Spec.ServiceAccountName = ""
	return pod
}

// TestThreat36_NodesMakeNothing has a node's certificate and makes mirror pods
// and labels. In a namespace that is no agency's the same pod is taken, so what
// refuses it is the guard.
// Fails when agency-namespace-objects lets nodes write pods, as it did; when it
// knows nodes by their user name only; when node-labels does not exist.
func TestThreat36_NodesMakeNothing(t *testing.T) {
	operate(t)
	newAgency(t, "t36")
	node := as(t, "system:node:node-1", "system:nodes", "system:authenticated")
	pod := func(namespace string, labels map[string]string) *corev1.Pod {
		p := mirror(t, rawPod("t36", "mirror", harness.Image), "node-1")
		p.Namespace, p.Labels = namespace, labels
		return p
	}
	ours := map[string]string{names.LabelPortal: "portal"}

	harness.Eventually(t, func() error {
		return node.Create(t.Context(), pod("default", map[string]string{"app": "static"}), client.DryRunAll)
	})
	refused(t, "mirror pod with a portal's label", node.Create(t.Context(), pod("agency-t36", ours)), byPolicies)
	refused(t, "mirror pod", node.Create(t.Context(), pod("agency-t36", nil)), byObjectPolicy)
	refused(t, "mirror pod elsewhere with a portal's label", node.Create(t.Context(), pod("default", ours)), byNodeLabelPolicy)
	absent(t, &corev1.Pod{ObjectMeta: in("t36", "mirror")})
	absent(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mirror"}})

	self := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	refused(t, "label of its own", node.Patch(t.Context(), self, harness.MergePatch(`{"metadata":{"labels":{"platform.gov.vn/pool":"high"}}}`)), byNodeLabelPolicy)
	refused(t, "label of its own through status", node.Status().Patch(t.Context(), self, harness.MergePatch(`{"metadata":{"labels":{"platform.gov.vn/pool":"high"}}}`)), byNodeLabelPolicy)
	if l := harness.Stored(t, env, self).Labels["platform.gov.vn/pool"]; l != "" {
		t.Errorf("the node has the label %q", l)
	}
	if err := node.Patch(t.Context(), self, harness.MergePatch(`{"metadata":{"labels":{"example.org/rack":"1"}}}`), client.DryRunAll); err != nil {
		t.Errorf("another label is refused: %v", err)
	}

	// Whoever is in the group is a node, however it is named and whatever it was given.
	env.Create(t,
		&rbacv1.Role{ObjectMeta: in("t36", "nodes"), Rules: []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}},
		&rbacv1.RoleBinding{
			ObjectMeta: in("t36", "nodes"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "nodes"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:nodes"}},
		})
	strange := as(t, "strange", "system:nodes")
	harness.Eventually(t, func() error {
		return strange.List(t.Context(), &corev1.SecretList{}, client.InNamespace("agency-t36"))
	})
	for _, o := range []client.Object{&corev1.Pod{ObjectMeta: in("t36", "x"), Spec: rawPod("t36", "x", harness.Image).Spec}, &corev1.ConfigMap{ObjectMeta: in("t36", "x")}, &corev1.Secret{ObjectMeta: in("t36", "x")}, harness.Portal("t36", "x")} {
		refused(t, "member of system:nodes", strange.Create(t.Context(), o), byObjectPolicy)
		absent(t, o)
	}
}

// TestThreat36_NodesMakeNoPeers: a node makes no pod that the network policies take for
// a gateway, for monitoring or for a name server, and makes none of another pod by its
// status; a kubelet's work for real ones goes on. What keeps nodes from it comes back
// when somebody deletes or loosens it.
// Fails without the operator's keeper of the policy: the mirror pod beside the monitoring
// is stored.
func TestThreat36_NodesMakeNoPeers(t *testing.T) {
	operate(t)
	node := as(t, "system:node:node-1", "system:nodes", "system:authenticated")
	for _, name := range []string{"monitoring", "gateway-internet"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := env.Admin.Create(t.Context(), ns); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, func() error {
			return env.Admin.Get(t.Context(), client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{})
		})
	}
	pod := func(namespace string, labels map[string]string) *corev1.Pod {
		p := mirror(t, rawPod("t36", "mirror", harness.Image), "node-1")
		p.Namespace, p.Labels = namespace, labels
		return p
	}
	create := func(p *corev1.Pod) error { return node.Create(t.Context(), p, client.DryRunAll) }
	held := func(what string) {
		t.Helper()
		harness.Eventually(t, func() error {
			if err := create(pod("monitoring", nil)); err == nil || !strings.Contains(err.Error(), names.NodePeersPolicy) {
				return fmt.Errorf("%s: a mirror pod beside the monitoring: %w", what, err)
			}
			return nil
		})
	}
	held("at first")
	refused(t, "monitoring", node.Create(t.Context(), pod("monitoring", nil)), names.NodePeersPolicy)
	absent(t, pod("monitoring", nil))
	refused(t, "a gateway", create(pod("gateway-internet", map[string]string{"app": "x"})), names.NodePeersPolicy)
	dns := map[string]string{"k8s-app": "kube-dns", "app": "x"}
	refused(t, "a name server", create(pod("kube-system", dns)), names.NodePeersPolicy)
	refused(t, "a member of the group", as(t, "strange", "system:nodes").Create(t.Context(), pod("monitoring", nil)), "cannot create resource")
	for _, labels := range []map[string]string{nil, {"k8s-app": "kube-proxy"}, {"component": "etcd"}} {
		if err := create(pod("kube-system", labels)); err != nil {
			t.Errorf("a static pod of Kubernetes with labels %v: %v", labels, err)
		}
	}

	t.Run("status", func(t *testing.T) { peersByStatus(t, node, dns) })

	mended := func(harm string, do func(*admissionv1.ValidatingAdmissionPolicy, *admissionv1.ValidatingAdmissionPolicyBinding) error) {
		t.Helper()
		var vap *admissionv1.ValidatingAdmissionPolicy
		var binding *admissionv1.ValidatingAdmissionPolicyBinding
		// The API server writes the policy's status when it has checked its types.
		if err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			vap = harness.Stored(t, env, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: names.NodePeersPolicy}})
			binding = harness.Stored(t, env, &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: names.NodePeersPolicy}})
			return do(vap.DeepCopy(), binding.DeepCopy())
		}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, func() error {
			var v admissionv1.ValidatingAdmissionPolicy
			var b admissionv1.ValidatingAdmissionPolicyBinding
			if err := errors.Join(env.Admin.Get(t.Context(), client.ObjectKeyFromObject(vap), &v), env.Admin.Get(t.Context(), client.ObjectKeyFromObject(binding), &b)); err != nil {
				return err
			}
			if v.ResourceVersion == vap.ResourceVersion && b.ResourceVersion == binding.ResourceVersion {
				return fmt.Errorf("%s: it was not harmed", harm)
			}
			if !equality.Semantic.DeepEqual(v.Spec, vap.Spec) || !equality.Semantic.DeepEqual(b.Spec, binding.Spec) || !equality.Semantic.DeepEqual(v.Labels, vap.Labels) {
				return fmt.Errorf("%s: it is not as it was", harm)
			}
			return nil
		})
		held(harm)
	}
	mended("deleted", func(v *admissionv1.ValidatingAdmissionPolicy, _ *admissionv1.ValidatingAdmissionPolicyBinding) error {
		return env.Admin.Delete(t.Context(), v)
	})
	mended("both deleted", func(v *admissionv1.ValidatingAdmissionPolicy, b *admissionv1.ValidatingAdmissionPolicyBinding) error {
		return errors.Join(env.Admin.Delete(t.Context(), b), env.Admin.Delete(t.Context(), v))
	})
	mended("loosened", func(v *admissionv1.ValidatingAdmissionPolicy, _ *admissionv1.ValidatingAdmissionPolicyBinding) error {
		v.Spec.Validations[0].Expression = "true"
		return env.Admin.Update(t.Context(), v)
	})
	mended("only warns", func(_ *admissionv1.ValidatingAdmissionPolicy, b *admissionv1.ValidatingAdmissionPolicyBinding) error {
		b.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		return env.Admin.Update(t.Context(), b)
	})
	mended("stripped", func(v *admissionv1.ValidatingAdmissionPolicy, _ *admissionv1.ValidatingAdmissionPolicyBinding) error {
		v.Labels, v.OwnerReferences = nil, nil
		return env.Admin.Update(t.Context(), v)
	})
	home := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: harness.OperatorNamespace}})
	vap := harness.Stored(t, env, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: names.NodePeersPolicy}})
	if refs := vap.OwnerReferences; len(refs) != 1 || refs[0].UID != home.UID {
		t.Errorf("the policy goes with %+v, want with the operator's namespace", refs)
	}
}

// peersByStatus writes the status of pods as a kubelet, and as somebody in its group who
// was given the right to more.
func peersByStatus(t *testing.T, node client.Client, dns map[string]string) {
	t.Helper()
	made := func(namespace, name string, labels map[string]string) *corev1.Pod {
		p := rawPod("t36", name, harness.Image)
		p.Namespace, p.Labels, p.Spec.NodeName = namespace, labels, "node-1"
		env.Create(t, p)
		return p
	}
	gateway, server, other := made("gateway-internet", "real", nil), made("kube-system", "real-dns", dns), made("kube-system", "other", nil)
	for _, p := range []*corev1.Pod{gateway, server, other} {
		harness.Eventually(t, func() error {
			return node.Status().Patch(t.Context(), p.DeepCopy(), harness.MergePatch(`{"status":{"message":"seen"}}`), client.DryRunAll)
		})
	}
	env.Create(t,
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "t36"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods", "pods/status"}, Verbs: []string{"*"}}}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "t36"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "t36"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "strange"}},
		})
	strange := as(t, "strange", "system:nodes")
	harness.Eventually(t, func() error {
		return strange.Status().Patch(t.Context(), server.DeepCopy(), harness.MergePatch(`{"metadata":{"labels":{"app":"y"}},"status":{"message":"seen"}}`), client.DryRunAll)
	})
	label := harness.MergePatch(`{"metadata":{"labels":{"k8s-app":"kube-dns"}}}`)
	refused(t, "a label through status", strange.Status().Patch(t.Context(), other.DeepCopy(), label), names.NodePeersPolicy)
	refused(t, "a label", strange.Patch(t.Context(), other.DeepCopy(), label), names.NodePeersPolicy)
	if l := harness.Stored(t, env, other.DeepCopy()).Labels["k8s-app"]; l != "" {
		t.Errorf("the pod became a name server: %s", l)
	}
	if err := strange.Patch(t.Context(), other.DeepCopy(), harness.MergePatch(`{"metadata":{"labels":{"k8s-app":"other"}}}`), client.DryRunAll); err != nil {
		t.Errorf("another label: %v", err)
	}
}

// TestThreat36_NodesDoTheirWork does what a kubelet does for a portal's pod, and
// what it must not do by the same doors.
// Fails when agency-namespace-status does not exist: annotation and finalizer
// are stored.
func TestThreat36_NodesDoTheirWork(t *testing.T) {
	operate(t)
	newAgency(t, "u36")
	portal := harness.Portal("u36", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	pods := podsOf(t, "u36")
	if len(pods) != 1 {
		t.Fatalf("%d pods", len(pods))
	}
	pod := pods[0]
	node := as(t, "system:node:"+pod.Spec.NodeName, "system:nodes", "system:authenticated")

	harness.Eventually(t, func() error {
		return node.Status().Patch(t.Context(), pod.DeepCopy(), harness.MergePatch(`{"status":{"message":"seen"}}`), client.DryRunAll)
	})
	event := &corev1.Event{ObjectMeta: in("u36", "pulled"), InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}, Reason: "Pulled", Source: corev1.EventSource{Component: "kubelet"}}
	if err := node.Create(t.Context(), event); err != nil {
		t.Errorf("event: %v", err)
	}
	if err := node.Patch(t.Context(), event, harness.MergePatch(`{"count":2}`)); err != nil {
		t.Errorf("event again: %v", err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Spec.ServiceAccountName}}
	token := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}}}
	if err := node.SubResource("token").Create(t.Context(), account, token); err != nil && strings.Contains(err.Error(), byObjectPolicy) {
		t.Errorf("token: %v", err)
	}
	if err := node.SubResource("eviction").Create(t.Context(), &pod, &policyv1.Eviction{ObjectMeta: in("u36", pod.Name)}, client.DryRunAll); err != nil && strings.Contains(err.Error(), byObjectPolicy) {
		t.Errorf("eviction: %v", err)
	}
	if err := node.Delete(t.Context(), pod.DeepCopy(), client.DryRunAll); err != nil {
		t.Errorf("deletion: %v", err)
	}

	for what, patch := range map[string]string{
		"note":      `{"metadata":{"annotations":{"platform.gov.vn/note":"x"}}}`,
		"finalizer": `{"metadata":{"finalizers":["example.org/kept"]}}`,
	} {
		refused(t, what+" through status", node.Status().Patch(t.Context(), pod.DeepCopy(), harness.MergePatch(patch)), byStatusDoor)
	}
	if err := node.Status().Patch(t.Context(), pod.DeepCopy(), harness.MergePatch(`{"metadata":{"labels":{"platform.gov.vn/portal":"other"}}}`)); err == nil {
		t.Error("a node changes a label through status")
	}
	after := harness.Stored(t, env, pod.DeepCopy())
	if after.Labels[names.LabelPortal] != "portal" || len(after.Finalizers) > 0 || after.Annotations["platform.gov.vn/note"] != "" || len(after.OwnerReferences) != 1 {
		t.Errorf("the pod became %+v", after.ObjectMeta)
	}
	if err := node.Update(t.Context(), after.DeepCopy()); err == nil {
		t.Error("a node updates a pod")
	}
}
