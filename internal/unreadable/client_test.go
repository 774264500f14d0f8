package unreadable

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// TestListsBesideTheUnreadable: an object that can't be read makes a list of its kind fail
// as its row in concerned says, by what is listed, and every list where there is no row.
// Fails with a row taken out, and with nobody for a kind without one.
func TestListsBesideTheUnreadable(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	registry := NewRegistry(func(string, types.NamespacedName) {})
	c := registry.Client(fake.NewClientBuilder().WithScheme(scheme).Build(), nil)
	fails := func(list client.ObjectList, options ...client.ListOption) bool {
		t.Helper()
		err := c.List(t.Context(), list, options...)
		if err != nil && !IsUnreadable(err) {
			t.Fatal(err)
		}
		return err != nil
	}
	for _, d := range kinds.All() {
		row := concerned[d.Kind]
		if row == nil {
			t.Errorf("internal/unreadable/client.go: concerned has no %s: say which lists one that can't be read makes fail", d.Kind)
			continue
		}
		u := &unstructured.Unstructured{Object: map[string]any{}}
		u.SetGroupVersionKind(d.GVK())
		u.SetName("bad")
		if d.Namespaced {
			u.SetNamespace("agency-a")
		}
		registry.add(u, errors.New("cannot decode"))
		e := registry.of(d.Kind)[0]
		for _, namespace := range []string{"", "agency-a", "agency-b"} {
			if fails(d.NewList().(client.ObjectList), client.InNamespace(namespace)) != row(e, namespace, "") {
				t.Errorf("a list of %s in %q fails otherwise than concerned says", d.Kind, namespace)
			}
		}
		delete(concerned, d.Kind)
		if !fails(d.NewList().(client.ObjectList), client.InNamespace("agency-b")) {
			t.Errorf("%s without a row makes no list fail", d.Kind)
		}
		concerned[d.Kind] = row
		if list := d.NewList().(client.ObjectList); fails(list, Skip) || meta.LenList(list) > 0 || !fails(list, Strict) {
			t.Errorf("who says what happens to unreadable %s is not heard", d.Kind)
		}
	}
	suspends := &v1alpha1.DataSharingApprovalList{}
	if fails(suspends) || len(suspends.Items) != 1 || suspends.Items[0].Spec.Decision != v1alpha1.DecisionSuspend {
		t.Errorf("an approval that can't be read is no suspension: %+v", suspends.Items)
	}
}
