package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

// released is the version that installations are upgraded from.
const released = "v0.1.0"

// startReleased returns a control plane as the released version left it: its manifests, and the world of TestCapture with
// the status and the children that it gave it.
func startReleased(t *testing.T) *harness.Env {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	env, err := harness.Bare(ctx, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.ControlPlane.Stop() })
	applyAll(t, env, parse(t, read(t, "manifests.yaml")))
	if err := env.ControlPlane.WaitAdmission(ctx); err != nil {
		t.Fatal(err)
	}
	restore(t, env, read(t, "objects.yaml"))
	return env
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", released, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t *testing.T, data []byte) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); err != nil {
			if errors.Is(err, io.EOF) {
				return out
			}
			t.Fatal(err)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
}

// applyAll applies manifests as an installation does, but for the operator's Deployment: it runs in the test's process.
func applyAll(t *testing.T, env *harness.Env, pending []*unstructured.Unstructured) {
	t.Helper()
	harness.Eventually(t, func() error {
		var rest []*unstructured.Unstructured
		var last error
		for _, o := range pending {
			if o.GetKind() == "Deployment" {
				continue
			}
			if err := env.Admin.Patch(t.Context(), o.DeepCopy(), client.Apply, client.FieldOwner("install"), client.ForceOwnership); err != nil { //nolint:staticcheck // unstructured objects of any kind
				rest, last = append(rest, o), err
			}
		}
		pending = rest
		return last
	})
}

// restore creates captured objects, owners first, and gives them their status. UIDs are the API server's, so everything
// that names an old one is made to name the new one.
func restore(t *testing.T, env *harness.Env, data []byte) {
	t.Helper()
	objects := parse(t, data)
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	uids := map[string]string{}
	for _, o := range objects {
		old := string(o.GetUID())
		fresh := &unstructured.Unstructured{Object: rename(o.DeepCopy().Object, uids).(map[string]any)}
		fresh.SetUID("")
		fresh.SetCreationTimestamp(metav1.Time{})
		fresh.SetGeneration(0)
		unstructured.RemoveNestedField(fresh.Object, "status")
		if fresh.GetKind() == "Service" {
			unstructured.RemoveNestedField(fresh.Object, "spec", "clusterIP")
			unstructured.RemoveNestedField(fresh.Object, "spec", "clusterIPs")
		}
		harness.Eventually(t, func() error {
			err := env.Admin.Create(t.Context(), fresh)
			if apierrors.IsAlreadyExists(err) {
				return env.Admin.Get(t.Context(), client.ObjectKeyFromObject(fresh), fresh)
			}
			return err
		})
		uids[old] = string(fresh.GetUID())
	}
	for _, o := range objects {
		status, ok := o.Object["status"]
		if !ok || o.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
			continue
		}
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(o.GroupVersionKind())
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), live); err != nil {
			t.Fatal(err)
		}
		live.Object["status"] = rename(status, uids)
		if err := env.Admin.Status().Update(t.Context(), live); err != nil {
			t.Fatalf("status of %s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

// rank puts owners before what they own, and namespaces before what is in them.
func rank(o *unstructured.Unstructured) int {
	switch {
	case o.GetKind() == "Namespace":
		return 1
	case o.GroupVersionKind().Group != v1alpha1.GroupVersion.Group:
		return 3
	case o.GetNamespace() == "":
		return 0
	default:
		return 2
	}
}

// rename replaces old UIDs wherever they stand.
func rename(v any, uids map[string]string) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, child := range x {
			out[k] = rename(child, uids)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, child := range x {
			out[i] = rename(child, uids)
		}
		return out
	case string:
		if uid, ok := uids[x]; ok && strings.Count(x, "-") == 4 {
			return uid
		}
	}
	return v
}

// kept is what must be the very same object after an upgrade.
func kept(t *testing.T, env *harness.Env) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, gvk := range []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("Namespace"), corev1.SchemeGroupVersion.WithKind("Secret"), corev1.SchemeGroupVersion.WithKind("Service"),
		appsv1.SchemeGroupVersion.WithKind("Deployment"), networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
	} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk)
		if err := env.Admin.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			if strings.HasPrefix(o.GetNamespace()+o.GetName(), "agency-") {
				out[gvk.Kind+" "+o.GetNamespace()+"/"+o.GetName()] = string(o.GetUID())
			}
		}
	}
	return out
}
