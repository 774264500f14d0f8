package install

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

const (
	agencyLabel  = "platform.gov.vn/agency"
	enforceLabel = "pod-security.kubernetes.io/enforce"
)

// cast are the users of an admission test. RBAC lets all of them do everything.
type cast struct {
	operator client.Client
	attacker client.Client
	admin    client.Client
}

// guarded installs everything, makes an agency's namespace as the operator would, and waits until the policies hold.
func guarded(t *testing.T, agency string) (cast, *corev1.Namespace) {
	t.Helper()
	installed(t)
	plane, admin := server(t)
	if err := plane.WaitAdmission(t.Context()); err != nil {
		t.Fatal(err)
	}
	users := cast{operator: as(t, operator, fullRights), attacker: as(t, "mallory@"+agency, fullRights), admin: admin}

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "agency-" + agency,
		Labels: map[string]string{
			agencyLabel: agency, enforceLabel: "baseline", "app.kubernetes.io/managed-by": "govplatform", "platform.gov.vn/owner-uid": "1",
		},
		Annotations: map[string]string{"platform.gov.vn/display-name": agency},
	}}
	if err := users.operator.Create(t.Context(), ns); err != nil {
		t.Fatalf("the operator can't make an agency's namespace: %v", err)
	}
	eventually(t, "the namespace is guarded and its default ServiceAccount made by Kubernetes", func(ctx context.Context) error {
		canary := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "canary"}}
		if err := stillAllowed(users.attacker.Create(ctx, canary, client.DryRunAll)); err != nil {
			return err
		}
		return admin.Get(ctx, types.NamespacedName{Namespace: ns.Name, Name: "default"}, &corev1.ServiceAccount{})
	})
	return users, ns
}

// stillAllowed returns an error until what was tried is refused.
func stillAllowed(tried error) error {
	if apierrors.IsForbidden(tried) {
		return nil
	}
	return errors.Join(errors.New("not refused yet"), tried)
}

// refused fails unless an admission policy refused what was tried, in one sentence with field, cause and remedy.
func refused(t *testing.T, what string, err error, policy string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'govplatform-"+policy+"'") {
		t.Errorf("%s: got %v, want a refusal by the admission policy %s", what, err, policy)
		return
	}
	_, message, _ := strings.Cut(err.Error(), "denied request: ")
	if !strings.Contains(message, ", because ") || !strings.Contains(message, ": ") || strings.Contains(message, "\n") {
		t.Errorf("%s: the message is not one sentence with field, cause and remedy: %q", what, message)
	}
}

// same fails unless the namespace has the labels, annotations and finalizers that it had.
func same(t *testing.T, users cast, want *corev1.Namespace) {
	t.Helper()
	var got corev1.Namespace
	if err := users.admin.Get(t.Context(), client.ObjectKeyFromObject(want), &got); err != nil {
		t.Fatalf("the namespace is gone: %v", err)
	}
	if !got.DeletionTimestamp.IsZero() {
		t.Error("the namespace is being deleted")
	}
	if !maps.Equal(got.Labels, want.Labels) || !maps.Equal(got.Annotations, want.Annotations) {
		t.Errorf("labels and annotations are %v %v, want %v %v", got.Labels, got.Annotations, want.Labels, want.Annotations)
	}
	if len(got.Spec.Finalizers) != 1 {
		t.Errorf("finalizers are %v", got.Spec.Finalizers)
	}
}

// attacks are the ways to break out by a namespace's metadata.
var attacks = map[string]func(ns *corev1.Namespace){
	"strip the agency":        func(ns *corev1.Namespace) { delete(ns.Labels, agencyLabel) },
	"change the agency":       func(ns *corev1.Namespace) { ns.Labels[agencyLabel] = "other" },
	"strip all labels":        func(ns *corev1.Namespace) { ns.Labels = nil },
	"relax pod security":      func(ns *corev1.Namespace) { ns.Labels[enforceLabel] = "privileged" },
	"strip pod security":      func(ns *corev1.Namespace) { delete(ns.Labels, enforceLabel) },
	"loosen the version":      func(ns *corev1.Namespace) { ns.Labels[enforceLabel+"-version"] = "v1.20" },
	"hide from the operator":  func(ns *corev1.Namespace) { delete(ns.Labels, "app.kubernetes.io/managed-by") },
	"forge the owner":         func(ns *corev1.Namespace) { ns.Labels["platform.gov.vn/owner-uid"] = "2" },
	"add a platform label":    func(ns *corev1.Namespace) { ns.Labels["platform.gov.vn/trusted"] = "true" },
	"change an annotation":    func(ns *corev1.Namespace) { ns.Annotations["platform.gov.vn/display-name"] = "x" },
	"strip annotations":       func(ns *corev1.Namespace) { ns.Annotations = nil },
	"hide it among harmless":  func(ns *corev1.Namespace) { ns.Labels["team"] = "x"; ns.Labels[enforceLabel] = "privileged" },
	"move the agency by name": func(ns *corev1.Namespace) { ns.Labels[agencyLabel] = "" },
}

func TestThreat06_NamespaceLabels(t *testing.T) {
	users, ns := guarded(t, "t06")
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			changed := ns.DeepCopy()
			attack(changed)
			refused(t, "update", users.attacker.Update(t.Context(), changed.DeepCopy()), "agency-namespaces")
			refused(t, "patch", users.attacker.Patch(t.Context(), changed.DeepCopy(), client.MergeFrom(ns)), "agency-namespaces")
			same(t, users, ns)
		})
	}

	refused(t, "delete", users.attacker.Delete(t.Context(), ns.DeepCopy()), "agency-namespaces")
	same(t, users, ns)

	forged := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "forged", Labels: map[string]string{agencyLabel: "t06"}}}
	refused(t, "create with the label", users.attacker.Create(t.Context(), forged.DeepCopy()), "agency-namespaces")
	plain := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "t06-plain"}}
	if err := users.attacker.Create(t.Context(), plain); err != nil {
		t.Errorf("another namespace is refused: %v", err)
	}
	joined := plain.DeepCopy()
	joined.Labels[agencyLabel] = "t06"
	refused(t, "label another namespace", users.attacker.Update(t.Context(), joined), "agency-namespaces")
	plain.Labels[enforceLabel] = "privileged"
	if err := users.attacker.Update(t.Context(), plain); err != nil {
		t.Errorf("labels of a namespace that is no agency's are refused: %v", err)
	}

	harmless := ns.DeepCopy()
	harmless.Labels["team"], harmless.Annotations = "one", map[string]string{"note": "two", "platform.gov.vn/display-name": "t06"}
	if err := users.attacker.Update(t.Context(), harmless); err != nil {
		t.Errorf("harmless labels and annotations are refused: %v", err)
	}
}

func TestThreat08_SubresourcesOfNamespaces(t *testing.T) {
	users, ns := guarded(t, "t08")
	plane, _ := server(t)
	config, err := plane.UserConfig("mallory@t08", fullRights)
	if err != nil {
		t.Fatal(err)
	}
	attacker, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			changed := ns.DeepCopy()
			attack(changed)
			_, err := attacker.CoreV1().Namespaces().UpdateStatus(t.Context(), changed, metav1.UpdateOptions{})
			refused(t, "status", err, "agency-namespaces")
			_, err = attacker.CoreV1().Namespaces().Finalize(t.Context(), changed, metav1.UpdateOptions{})
			refused(t, "finalize", err, "agency-namespaces")
			same(t, users, ns)
		})
	}
	unfinalized := ns.DeepCopy()
	unfinalized.Spec.Finalizers = nil
	_, err = attacker.CoreV1().Namespaces().Finalize(t.Context(), unfinalized, metav1.UpdateOptions{})
	refused(t, "remove the finalizer", err, "agency-namespaces")
	same(t, users, ns)
}

func TestThreat08_PlatformStatus(t *testing.T) {
	users, _ := guarded(t, "t08-status")
	agency := &v1alpha1.Agency{
		ObjectMeta: metav1.ObjectMeta{Name: "t08"},
		Spec: v1alpha1.AgencySpec{
			Code: "G08", DisplayName: "T08", AdminLevel: "Central",
			AccountableOfficer: v1alpha1.AccountableOfficer{Title: "Head", Email: "head@example.gov.vn"},
		},
	}
	if err := users.attacker.Create(t.Context(), agency); err != nil {
		t.Fatal(err)
	}
	forged := agency.DeepCopy()
	forged.Status.Namespace = "kube-system"
	refused(t, "update", users.attacker.Status().Update(t.Context(), forged.DeepCopy()), "platform-status")
	refused(t, "patch", users.attacker.Status().Patch(t.Context(), forged.DeepCopy(), client.MergeFrom(agency)), "platform-status")

	var got v1alpha1.Agency
	if err := users.admin.Get(t.Context(), client.ObjectKeyFromObject(agency), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status.Namespace != "" {
		t.Errorf("a forged status is stored: %+v", got.Status)
	}
	if err := users.operator.Status().Patch(t.Context(), forged, client.MergeFrom(agency)); err != nil {
		t.Errorf("the operator can't write status: %v", err)
	}
}

// TestThreat24_And25_ObjectsOfAgencyNamespaces tries to write each guarded kind, Endpoints, EndpointSlices (T24) and
// NetworkPolicies (T25) among them.
func TestThreat24_And25_ObjectsOfAgencyNamespaces(t *testing.T) {
	users, ns := guarded(t, "t25")
	content, err := os.ReadFile("testdata/guarded.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range parse(t, content) {
		t.Run(object.GetKind(), func(t *testing.T) {
			object.SetNamespace(ns.Name)
			refused(t, "create", users.attacker.Create(t.Context(), object.DeepCopy()), "agency-namespace-objects")
			refused(t, "apply", users.attacker.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner("mallory")), "agency-namespace-objects")
			if err := users.admin.Get(t.Context(), client.ObjectKeyFromObject(object), object.DeepCopy()); !apierrors.IsNotFound(err) {
				t.Errorf("after the refusal, reading gives %v, want not found", err)
			}
			if err := users.operator.Create(t.Context(), object.DeepCopy()); err != nil {
				t.Fatalf("the operator can't create it: %v", err)
			}
			patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"mallory":"was-here"}}}`))
			refused(t, "patch", users.attacker.Patch(t.Context(), object.DeepCopy(), patch), "agency-namespace-objects")
			refused(t, "delete", users.attacker.Delete(t.Context(), object.DeepCopy()), "agency-namespace-objects")
			refused(t, "delete all", users.attacker.DeleteAllOf(t.Context(), object.DeepCopy(), client.InNamespace(ns.Name)), "agency-namespace-objects")

			got := object.DeepCopy()
			if err := users.admin.Get(t.Context(), client.ObjectKeyFromObject(object), got); err != nil {
				t.Fatalf("the object is gone: %v", err)
			}
			if got.GetLabels()["mallory"] != "" || !got.GetDeletionTimestamp().IsZero() {
				t.Errorf("the object was changed: %v", got.Object["metadata"])
			}
		})
	}

	t.Run("subresources", func(t *testing.T) {
		pod := &corev1.Pod{}
		if err := users.admin.Get(t.Context(), types.NamespacedName{Namespace: ns.Name, Name: "guarded"}, pod); err != nil {
			t.Fatal(err)
		}
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "guarded"}}
		refused(t, "token", users.attacker.SubResource("token").Create(t.Context(), account, &authenticationv1.TokenRequest{}), "agency-namespace-objects")
		debugged := pod.DeepCopy()
		debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "example", TerminationMessagePolicy: "File", ImagePullPolicy: "Always"}}}
		refused(t, "ephemeral container", users.attacker.SubResource("ephemeralcontainers").Update(t.Context(), debugged), "agency-namespace-objects")
		for _, kind := range []string{"Deployment", "StatefulSet", "ReplicaSet"} {
			target := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"namespace": ns.Name, "name": "guarded"}}}
			scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 5}}
			refused(t, kind+" scale", users.attacker.SubResource("scale").Update(t.Context(), target, client.WithSubResourceBody(scale)), "agency-namespace-objects")
		}
		// Draining a node evicts pods and has to work for those who have that right.
		if err := users.attacker.SubResource("eviction").Create(t.Context(), pod, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "guarded"}}, client.DryRunAll); err != nil {
			t.Errorf("eviction is refused: %v", err)
		}
	})

	t.Run("own objects", func(t *testing.T) {
		for _, object := range []client.Object{
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "own"}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "own"}},
		} {
			if err := users.attacker.Create(t.Context(), object); err != nil {
				t.Errorf("%T is refused: %v", object, err)
			}
		}
		elsewhere := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "t25"}}
		if err := users.attacker.Create(t.Context(), elsewhere); err != nil {
			t.Errorf("objects of other namespaces are refused: %v", err)
		}
	})
}

// TestKubernetesWorksInAgencyNamespaces checks that the policies don't hinder those who run and clean up workloads.
func TestKubernetesWorksInAgencyNamespaces(t *testing.T) {
	users, ns := guarded(t, "kubernetes")
	content, err := os.ReadFile("testdata/guarded.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range ofKind(parse(t, content), "Deployment", "Service") {
		object.SetNamespace(ns.Name)
		if err := users.operator.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	var pod corev1.Pod
	eventually(t, "the Deployment gets a pod", func(ctx context.Context) error {
		var pods corev1.PodList
		if err := users.admin.List(ctx, &pods, client.InNamespace(ns.Name)); err != nil {
			return err
		}
		if len(pods.Items) != 1 {
			return fmt.Errorf("%d pods", len(pods.Items))
		}
		pod = pods.Items[0]
		return nil
	})

	t.Run("node", func(t *testing.T) {
		if err := users.admin.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "one"}}); err != nil {
			t.Fatal(err)
		}
		scheduler := as(t, "system:kube-scheduler")
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: "one"}}
		if err := scheduler.SubResource("binding").Create(t.Context(), &pod, binding); err != nil {
			t.Errorf("the scheduler can't bind the pod: %v", err)
		}
		node := as(t, "system:node:one", "system:nodes")
		eventually(t, "the node removes its pod", func(ctx context.Context) error {
			return node.Delete(ctx, pod.DeepCopy(), client.GracePeriodSeconds(0))
		})
	})

	t.Run("end", func(t *testing.T) {
		if err := users.operator.Delete(t.Context(), ns); err != nil {
			t.Fatalf("the operator can't delete the namespace: %v", err)
		}
		eventually(t, "Kubernetes empties and ends the namespace", func(ctx context.Context) error {
			// No kubelet confirms the end of pods here.
			_ = users.admin.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(ns.Name), client.GracePeriodSeconds(0))
			err := users.admin.Get(ctx, client.ObjectKeyFromObject(ns), &corev1.Namespace{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(err, errors.New("it is still there"))
		})
	})
}
