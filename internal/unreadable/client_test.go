package unreadable

import (
	"cmp"
	"errors"
	"slices"
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

// wantFailing are the lists that fail beside one that can't be read, in agency-a and with
// the text "mine": by the namespace and the value that are listed.
var wantFailing = map[string][]string{
	v1alpha1.KindSecurityPolicy:      {"all any", "agency-a any", "agency-b any", "all mine", "agency-a mine", "all other"},
	v1alpha1.KindAgency:              {"all any", "agency-a any", "agency-b any", "all mine", "agency-a mine"},
	v1alpha1.KindAgencyPortal:        {"agency-a any"},
	v1alpha1.KindSharedPlatform:      nil,
	v1alpha1.KindDataService:         nil,
	v1alpha1.KindDataSharingLink:     nil,
	v1alpha1.KindDataSharingApproval: nil,
}

// TestListsBesideTheUnreadable: an object that can't be read makes the lists of its kind
// fail that it may concern, by what is listed, and every list where no row says that.
// Fails with a row taken out or another one's, and with nobody for a kind without one.
func TestListsBesideTheUnreadable(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	registry := NewRegistry(func(string, types.NamespacedName) {})
	b := fake.NewClientBuilder().WithScheme(scheme)
	for _, d := range kinds.All() {
		b = b.WithIndex(d.New(), "value", func(client.Object) []string { return nil })
	}
	c := registry.Client(b.Build(), nil)
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
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"of": "mine"}}}
		u.SetGroupVersionKind(d.GVK())
		u.SetName("bad")
		if d.Namespaced {
			u.SetNamespace("agency-a")
		}
		registry.add(u, errors.New("cannot decode"))
		var failing []string
		for _, of := range []struct{ namespace, value string }{{"", ""}, {"agency-a", ""}, {"agency-b", ""}, {"", "mine"}, {"agency-a", "mine"}, {"", "other"}} {
			options := []client.ListOption{client.InNamespace(of.namespace)}
			if of.value != "" {
				options = append(options, client.MatchingFields{"value": of.value})
			}
			if fails(d.NewList().(client.ObjectList), options...) {
				failing = append(failing, cmp.Or(of.namespace, "all")+" "+cmp.Or(of.value, "any"))
			}
		}
		if want, known := wantFailing[d.Kind]; !known || !slices.Equal(failing, want) {
			t.Errorf("internal/unreadable/client_test.go: a %s that can't be read makes the lists %q fail, want %q: give it a row of what should in wantFailing there, or mend concerned in client.go", d.Kind, failing, want)
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
