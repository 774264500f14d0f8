package lifecycle

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestCapture writes the manifests and a small world as the present operator leaves it. It is run once for a release:
//
//	go test ./test/lifecycle -run TestCapture -capture testdata/v0.2.0
//
// Without the flag it shows that the world still comes up.
func TestCapture(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	world(t, env)
	op.WaitQuiet(t, quiet)
	objects := everything(t, env)
	if len(objects) < 20 {
		t.Fatalf("only %d objects", len(objects))
	}
	if *capture == "" {
		return
	}
	manifests, err := harness.Render("config/default")
	if err != nil {
		t.Fatal(err)
	}
	write(t, *capture, "manifests.yaml", documents(t, manifests))
	write(t, *capture, "objects.yaml", documents(t, objects))
}

// world is what an upgrade must bring over: agencies, portals that run, scale and violate, links open and suspended.
func world(t *testing.T, env *harness.Env) {
	t.Helper()
	open := harness.Policy("direct", "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	})
	asks, gives := harness.Agency("asks", "Z91ASKS"), harness.Agency("gives", "Z91GIVES")
	env.Create(t, open, asks, gives)
	env.WaitReady(t, asks, gives)
	consumer, provider := harness.Portal("asks", "consumer"), harness.Portal("gives", "provider")
	violator := harness.Portal("asks", "violator")
	env.Create(t, consumer, provider, violator,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace("asks"), Name: "key"}, StringData: map[string]string{"key": "value"}})
	env.WaitReady(t, consumer, provider, violator)
	service := harness.Service("gives", "data", "provider")
	env.Create(t, service)
	env.WaitReady(t, service)
	kept, halted := harness.Link("asks", "kept", "consumer", "gives", "data"), harness.Link("asks", "halted", "consumer", "gives", "data")
	for link, decision := range map[*v1alpha1.DataSharingLink]v1alpha1.Decision{kept: v1alpha1.DecisionApprove, halted: v1alpha1.DecisionSuspend} {
		env.Create(t, link)
		scoped(t, env, link)
		env.Create(t, harness.Approval("gives", link, decision))
	}
	env.WaitReady(t, kept)
	env.WaitCondition(t, halted, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	strict := harness.Policy("registries", "asks", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.platform.example.gov.vn"}}
	})
	env.Create(t, strict)
	env.WaitReady(t, strict)
	// From here on the violator runs its last compliant spec.
	if err := env.Admin.Patch(t.Context(), violator, harness.MergePatch(`{"spec":{"image":"registry.evil.example/miner:1"}}`)); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, violator, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
}

func scoped(t *testing.T, env *harness.Env, link *v1alpha1.DataSharingLink) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(link), link); err != nil {
			return err
		}
		if link.Status.SpecHash == "" {
			return fmt.Errorf("link %s has no scope", link.Name)
		}
		return nil
	})
}

// everything returns the platform's objects and what the operator made of them, owners first.
func everything(t *testing.T, env *harness.Env) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	take := func(o client.Object) {
		gvk, err := apiutil.GVKForObject(o, env.Admin.Scheme())
		if err != nil {
			t.Fatal(err)
		}
		o.SetManagedFields(nil)
		o.SetResourceVersion("")
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: content}
		u.SetGroupVersionKind(gvk)
		out = append(out, u)
	}
	for _, d := range kinds.All() {
		list := d.NewList()
		if err := env.Admin.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			take(item.(client.Object))
		}
	}
	children, err := env.Children(t.Context(), func(client.Object) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range children {
		take(o)
	}
	return out
}

func documents(t *testing.T, objects []*unstructured.Unstructured) []byte {
	t.Helper()
	var parts [][]byte
	for _, o := range objects {
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, data)
	}
	return slices.Concat(bytes.Join(parts, []byte("---\n")))
}
