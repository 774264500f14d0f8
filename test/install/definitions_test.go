package install

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds"
)

func definition(name string) *unstructured.Unstructured {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	crd.SetName(name)
	return crd
}

// TestDefinitionsAreKept: nobody removes the API with all its objects by one
// command, not even a member of system:masters; and without the operator's
// objects the API stays. Fails without config/crd/deletion_guard.yaml, and with
// config/crd among the resources of config/default. Without the guard's finalizers
// the second "kubectl delete -k config/crd" removes every definition.
func TestDefinitionsAreKept(t *testing.T) {
	_, admin := server(t)
	installed(t)
	for _, o := range kustomize(t, "config/default") {
		if o.GetKind() == "CustomResourceDefinition" || strings.HasSuffix(o.GetName(), "-definitions") {
			t.Errorf("config/default has %s, which would go with it", id(o))
		}
	}
	definitions := ofKind(kustomize(t, "config/crd"), "CustomResourceDefinition")
	if len(definitions) != len(kinds.All()) {
		t.Fatalf("%d definitions", len(definitions))
	}
	kept := func(err error) bool {
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "govplatform-definitions")
	}
	eventually(t, "definitions are guarded", func(ctx context.Context) error {
		if err := admin.Delete(ctx, definition("agencies.platform.gov.vn"), client.DryRunAll); !kept(err) {
			return errors.Join(errors.New("not refused yet"), err)
		}
		return nil
	})
	for _, d := range definitions {
		crd := definition(d.GetName())
		if err := admin.Delete(t.Context(), crd); !kept(err) {
			t.Fatalf("delete %s: %v", crd.GetName(), err)
		}
		if err := admin.Get(t.Context(), types.NamespacedName{Name: crd.GetName()}, crd); err != nil {
			t.Fatal(err)
		}
		unserved := crd.DeepCopy()
		versions, _, _ := unstructured.NestedSlice(unserved.Object, "spec", "versions")
		versions[0].(map[string]any)["served"] = false
		_ = unstructured.SetNestedSlice(unserved.Object, versions, "spec", "versions")
		if err := admin.Update(t.Context(), unserved, client.DryRunAll); !kept(err) {
			t.Errorf("serve %s no more: %v", crd.GetName(), err)
		}
		for value, admitted := range map[string]bool{"true": false, "agencies": false, crd.GetName(): true} {
			crd.SetAnnotations(map[string]string{"platform.gov.vn/allow-deletion": value})
			if err := admin.Update(t.Context(), crd); err != nil {
				t.Fatal(err)
			}
			if err := admin.Delete(t.Context(), definition(crd.GetName()), client.DryRunAll); admitted != (err == nil) || err != nil && !kept(err) {
				t.Errorf("delete %s, annotated %q: %v", crd.GetName(), value, err)
			}
		}
		crd.SetAnnotations(nil)
		if err := admin.Update(t.Context(), crd); err != nil {
			t.Fatal(err)
		}
	}
	keptThroughout(t, admin)
	// Definitions of others are none of our business.
	if err := admin.Delete(t.Context(), definition("others.example.org"), client.DryRunAll); !apierrors.IsNotFound(err) {
		t.Errorf("delete a definition of somebody else: %v", err)
	}
}

// keptThroughout removes the guard, as "kubectl delete -k config/crd" does before
// it comes to the definitions, and tries again and again after that: nobody's
// policy guards a policy, so it must hold although it is marked as deleted.
func keptThroughout(t *testing.T, admin client.Client) {
	t.Helper()
	for _, o := range kustomize(t, "config/crd") {
		if o.GetKind() == "CustomResourceDefinition" {
			continue
		}
		if err := admin.Delete(t.Context(), o.DeepCopy()); err != nil {
			t.Fatalf("delete %s: %v", id(o), err)
		}
		if err := admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil || o.GetDeletionTimestamp() == nil {
			t.Errorf("%s after its deletion: %v", id(o), err)
		}
	}
	// The API server follows its policies with a delay of less than a second.
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		err := admin.Delete(t.Context(), definition("agencies.platform.gov.vn"), client.DryRunAll)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "govplatform-definitions") {
			t.Fatalf("delete a definition without its guard: %v", err)
		}
	}
	// Applied again it stays as it is.
	apply(t, kustomize(t, "config/crd"))
}
