package controllers

import (
	"maps"
	"reflect"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

func labelled(uid string, more map[string]string) *corev1.Service {
	l := map[string]string{names.LabelManagedBy: names.ManagedBy, names.LabelOwnerUID: uid}
	maps.Copy(l, more)
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Labels: l, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "somebody"}}}}
}

// TestTransformKeepsWhatItShares: labels are shared where they are equal, and
// never become another object's.
func TestTransformKeepsWhatItShares(t *testing.T) {
	f := transform()
	keep := func(s *corev1.Service) *corev1.Service {
		t.Helper()
		want := maps.Clone(s.Labels)
		out, err := f(s)
		if err != nil {
			t.Fatal(err)
		}
		got := out.(*corev1.Service)
		if !maps.Equal(got.Labels, want) || len(got.ManagedFields) > 0 {
			t.Errorf("labels %v with %d managed fields, want %v without", got.Labels, len(got.ManagedFields), want)
		}
		return got
	}
	same := func(a, b *corev1.Service) bool {
		return reflect.ValueOf(a.Labels).Pointer() == reflect.ValueOf(b.Labels).Pointer()
	}
	first, second := keep(labelled("1", nil)), keep(labelled("1", nil))
	if !same(first, second) {
		t.Error("equal labels are not shared")
	}
	for name, other := range map[string]*corev1.Service{
		"another owner": keep(labelled("2", nil)),
		"one more":      keep(labelled("1", map[string]string{"a": "b"})),
		"other value":   keep(labelled("1", map[string]string{names.LabelManagedBy: "mallory"})),
		"no owner":      keep(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}}),
		"no labels":     keep(&corev1.Service{}),
	} {
		if same(first, other) {
			t.Errorf("%s: labels are shared", name)
		}
	}
	// A reader changes its copy and nothing else.
	first.DeepCopy().Labels["a"] = "b"
	if len(second.Labels) != 2 {
		t.Errorf("a change of a copy shows in the cache: %v", second.Labels)
	}
	if out, err := f(toolscache.DeletedFinalStateUnknown{Key: "a/b"}); err != nil || out != (toolscache.DeletedFinalStateUnknown{Key: "a/b"}) {
		t.Errorf("a tombstone becomes %v, %v", out, err)
	}
}

// TestTransformIsDoneOnce: what was listed comes twice, and the second time others have
// its parts already.
// Fails when transform does not ask for managed fields.
func TestTransformIsDoneOnce(t *testing.T) {
	f := transform()
	serviceOf := func(uid string) *corev1.Service {
		s := labelled(uid, nil)
		s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80}}
		return s
	}
	first := serviceOf("1")
	if _, err := f(first); err != nil {
		t.Fatal(err)
	}
	ports := &first.Spec.Ports[0]
	// Others take the places of its parts.
	for i := range 1 << 14 {
		s := serviceOf("2")
		s.Spec.Ports[0].Name = strconv.Itoa(i)
		if _, err := f(s); err != nil {
			t.Fatal(err)
		}
	}
	again := serviceOf("3")
	if _, err := f(again); err != nil {
		t.Fatal(err)
	}
	if &again.Spec.Ports[0] == ports {
		t.Fatal("the places were not taken")
	}
	if _, err := f(first); err != nil {
		t.Fatal(err)
	}
	if &first.Spec.Ports[0] != ports {
		t.Error("an object that has been here was written to")
	}
}

// TestTransformKeepsTheLastCompliantSpec: it is held once while it is the spec,
// and readers get two.
func TestTransformKeepsTheLastCompliantSpec(t *testing.T) {
	spec := v1alpha1.AgencyPortalSpec{Image: "a", Hostnames: []v1alpha1.DNSName{"a.example.gov.vn"}}
	equal := &v1alpha1.AgencyPortal{Spec: *spec.DeepCopy(), Status: v1alpha1.AgencyPortalStatus{LastCompliant: spec.DeepCopy()}}
	older := equal.DeepCopy()
	older.Spec.Image = "b"
	for _, p := range []*v1alpha1.AgencyPortal{equal, older, {Spec: spec}} {
		want := p.DeepCopy()
		p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "somebody"}}
		if _, err := transform()(p); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, want) {
			t.Errorf("%+v became %+v", want, p)
		}
	}
	if equal.Status.LastCompliant != &equal.Spec || older.Status.LastCompliant == &older.Spec {
		t.Error("the spec is held twice while it is equal, or once while it is not")
	}
	reader := equal.DeepCopy()
	reader.Spec.Hostnames[0], reader.Spec.Image = "b.example.gov.vn", "c"
	if !reflect.DeepEqual(*reader.Status.LastCompliant, spec) || !reflect.DeepEqual(equal.Spec, spec) {
		t.Error("a change of a reader's spec shows elsewhere")
	}
}

// TestTransformDropsWhatAgenciesAdd: metadata that decides nothing takes no
// memory, and what the operator writes and reads stays.
// Fails when transform does not ask writtenByAgencies.
func TestTransformDropsWhatAgenciesAdd(t *testing.T) {
	padded := metav1.ObjectMeta{
		Name: "a", Namespace: "agency-a", UID: "1", ResourceVersion: "2", Finalizers: []string{names.FlowFinalizer},
		Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"a": "b"}, OwnerReferences: []metav1.OwnerReference{{Name: "a"}},
	}
	for _, o := range []client.Object{
		&v1alpha1.AgencyPortal{ObjectMeta: padded}, &v1alpha1.DataService{ObjectMeta: padded},
		&v1alpha1.DataSharingLink{ObjectMeta: padded}, &v1alpha1.DataSharingApproval{ObjectMeta: padded},
	} {
		if _, err := transform()(o); err != nil {
			t.Fatal(err)
		}
		if len(o.GetLabels())+len(o.GetAnnotations())+len(o.GetOwnerReferences()) > 0 {
			t.Errorf("%T keeps metadata that nothing reads", o)
		}
		if o.GetName() != "a" || o.GetNamespace() != "agency-a" || o.GetUID() != "1" || o.GetResourceVersion() != "2" || len(o.GetFinalizers()) != 1 {
			t.Errorf("%T lost more than it should: %v", o, o)
		}
	}
	child := &networkingv1.NetworkPolicy{ObjectMeta: *padded.DeepCopy()}
	if _, err := transform()(child); err != nil {
		t.Fatal(err)
	}
	if len(child.Labels)+len(child.Annotations)+len(child.OwnerReferences) != 3 {
		t.Errorf("a child lost metadata that is compared: %v", child.ObjectMeta)
	}
}
