package unreadable

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// served answers reads with what an API server might have stored.
type served struct {
	client.Reader
	links []unstructured.Unstructured
}

func (s served) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	for _, l := range s.links {
		if l.GetName() == key.Name {
			l.DeepCopyInto(o.(*unstructured.Unstructured))
		}
	}
	return nil
}

func (s served) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if u, ok := list.(*unstructured.UnstructuredList); ok {
		u.Items = s.links
	}
	return nil
}

// TestLive: one object that can't be decoded keeps nobody from the others who asks
// for those alone, and nobody else takes it for nothing.
// Fails when a list is decoded as one, and when Skip is not looked at.
func TestLive(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, until string) unstructured.Unstructured {
		u := unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"validUntil": until}}}
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("DataSharingLink"))
		u.SetNamespace("agency-health")
		u.SetName(name)
		return u
	}
	r := Live(served{links: []unstructured.Unstructured{link("bad", "2099-01-01t00:00:00z"), link("good", "2099-01-01T00:00:00Z")}}, scheme)
	var all v1alpha1.DataSharingLinkList
	if err := r.List(t.Context(), &all, client.MatchingLabels{}, Skip); err != nil || len(all.Items) != 1 || all.Items[0].Name != "good" || all.Items[0].Spec.ValidUntil.IsZero() {
		t.Errorf("a list that skips: %+v, %v", all.Items, err)
	}
	var unreadable *Error
	for name, opts := range map[string][]client.ListOption{"strict": {Strict}, "plain": nil} {
		if err := r.List(t.Context(), &all, opts...); !errors.As(err, &unreadable) || unreadable.Key.Name != "bad" {
			t.Errorf("a %s list: %v", name, err)
		}
	}
	var one v1alpha1.DataSharingLink
	if err := r.Get(t.Context(), client.ObjectKey{Name: "bad"}, &one); !errors.As(err, &unreadable) {
		t.Errorf("reading it: %v", err)
	}
	if err := r.Get(t.Context(), client.ObjectKey{Name: "good"}, &one); err != nil || one.Name != "good" {
		t.Errorf("reading the other one: %s, %v", one.Name, err)
	}
	// What is not the platform's is read as ever.
	if err := r.List(t.Context(), &corev1.PodList{}); err != nil {
		t.Error(err)
	}
}
