package install

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/controlplane"
)

// fullRights is a group that RBAC lets do everything, so that only admission stands in its members' way.
const fullRights = "test:full-rights"

// shared is the one control plane of this package.
var shared struct {
	once   sync.Once
	plane  *controlplane.ControlPlane
	admin  client.Client
	result error
}

func TestMain(m *testing.M) {
	// The client's library asks for a logger; the tests say themselves what went wrong.
	log.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	code := m.Run()
	if shared.plane != nil {
		if err := shared.plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// server returns the control plane and a client without limits. The controllers of Kubernetes run too: they are those
// whom the admission policies must not hinder, and they check the types in the policies' expressions.
func server(t *testing.T) (*controlplane.ControlPlane, client.Client) {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		shared.plane, shared.result = controlplane.Start(ctx, controlplane.Options{ControllerManager: true})
		if shared.result != nil {
			return
		}
		shared.admin, shared.result = newClient(shared.plane.AdminConfig())
		if shared.result != nil {
			return
		}
		shared.result = shared.admin.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "full-rights"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: fullRights}},
		})
	})
	if shared.result != nil {
		t.Fatal(shared.result)
	}
	return shared.plane, shared.admin
}

// as returns a client for a user.
func as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	plane, _ := server(t)
	config, err := plane.UserConfig(user, groups...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// apply applies objects server-side and fails when the server refuses one or warns.
func apply(t *testing.T, objects []*unstructured.Unstructured, options ...client.ApplyOption) {
	t.Helper()
	plane, _ := server(t)
	config := plane.AdminConfig()
	warnings := &warnings{}
	config.WarningHandler = warnings
	c, err := newClient(config)
	if err != nil {
		t.Fatal(err)
	}
	options = append([]client.ApplyOption{client.FieldOwner("install-test"), client.ForceOwnership}, options...)
	for _, object := range objects {
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object.DeepCopy()), options...); err != nil {
			t.Errorf("%s: %v", id(object), err)
		}
		for _, warning := range warnings.take() {
			t.Errorf("%s: the API server warns: %s", id(object), warning)
		}
	}
}

// warnings collects what the API server warns of.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader is called for each warning.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

// eventually polls until check is satisfied and fails with its last complaint.
func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// installed applies config/default for real and returns its objects.
func installed(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	objects := everything(t)
	apply(t, objects)
	return objects
}

// TestServerTakesBoth sends every rendered object to a real API server as a dry run. The namespace has to exist for that.
func TestServerTakesBoth(t *testing.T) {
	base := everything(t)
	apply(t, ofKind(base, "Namespace"))
	for name, objects := range map[string][]*unstructured.Unstructured{
		"kustomize":      base,
		"helm":           helm(t, namespace),
		"helm, hardened": helm(t, namespace, "--values", "charts/govplatform/ci/hardened-values.yaml"),
		"helm, minimal":  helm(t, namespace, "--values", "charts/govplatform/ci/minimal-values.yaml"),
	} {
		t.Run(name, func(t *testing.T) { apply(t, objects, client.DryRunAll) })
	}
}

// TestOperatorPodsMeetTheStandard makes the operator's pod in its restricted namespace, as a dry run.
func TestOperatorPodsMeetTheStandard(t *testing.T) {
	_, admin := server(t)
	objects := installed(t)

	var deployment appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(ofKind(objects, "Deployment")[0].Object, &deployment); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: deployment.Spec.Template.ObjectMeta, Spec: deployment.Spec.Template.Spec}
	pod.Namespace, pod.Name = namespace, "operator"
	if err := admin.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("the operator's pod is refused: %v", err)
	}

	pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "lax"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "lax", Image: "lax"}}}}
	if err := admin.Create(t.Context(), pod, client.DryRunAll); err == nil {
		t.Error("a pod without a security context is accepted: the namespace does not enforce the restricted standard")
	}
}

// warns is the one admission policy that only warns: everything else refuses, also when it can't be evaluated.
const warns = "govplatform-standard-impact"

// TestAdmissionPoliciesHaveNoTypeErrors waits for Kubernetes to check the expressions against the types that they match.
func TestAdmissionPoliciesHaveNoTypeErrors(t *testing.T) {
	_, admin := server(t)
	for _, object := range ofKind(installed(t), "ValidatingAdmissionPolicy") {
		eventually(t, id(object), func(ctx context.Context) error {
			var policy admissionregistrationv1.ValidatingAdmissionPolicy
			if err := admin.Get(ctx, types.NamespacedName{Name: object.GetName()}, &policy); err != nil {
				return err
			}
			if policy.Status.TypeChecking == nil || policy.Status.ObservedGeneration != policy.Generation {
				return fmt.Errorf("types are not checked yet: %+v", policy.Status)
			}
			for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
				t.Errorf("%s: %s: %s", id(object), warning.FieldRef, warning.Warning)
			}
			return nil
		})
		want := "Fail"
		if object.GetName() == warns {
			want = "Ignore"
		}
		if got, _, _ := unstructured.NestedString(object.Object, "spec", "failurePolicy"); got != want {
			t.Errorf("%s: failurePolicy is %q, want %s", id(object), got, want)
		}
	}
	for _, object := range ofKind(installed(t), "ValidatingAdmissionPolicyBinding") {
		want := "Deny"
		if object.GetName() == warns {
			want = "Warn"
		}
		if got, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "validationActions"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: validationActions are %v, want %s", id(object), got, want)
		}
	}
}
