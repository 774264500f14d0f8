package schema

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
)

// edit is a change of an object by a person.
type edit struct {
	name   string
	change func(*unstructured.Unstructured)
	passes bool
}

// tryEdits makes each edit of an object that break-glass administrators stored.
func tryEdits(t *testing.T, o *unstructured.Unstructured, edits []edit) {
	t.Helper()
	c := person(t)
	if err := env.Admin.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer remove(t, o)
	for _, e := range edits {
		changed := o.DeepCopy()
		e.change(changed)
		err := c.Update(t.Context(), changed)
		switch {
		case e.passes && err != nil:
			t.Errorf("%s: %.400v", e.name, err)
		case !e.passes && (err == nil || !strings.Contains(err.Error(), "govplatform-platform-metadata")):
			t.Errorf("%s is not refused by the policy: %.400v", e.name, err)
		}
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
	}
}

// TestThreat34_OperatorsWritesRaiseNoBound: what the operator adds to the metadata of
// an object, managed fields and finalizers, makes no room for what people add; else an
// object would grow with each of its writes until nobody can update or delete it.
// What is there may be changed and taken away, whatever the whole is.
//
// With the whole of the metadata before as the measure, and all finalizers, both
// cycles turn.
func TestThreat34_OperatorsWritesRaiseNoBound(t *testing.T) {
	makeNamespace(t)
	o := sampleOf(t, "DataSharingLink", "full")
	delete(o.Object, "status")
	o.SetName("ratchet")
	big := strings.Repeat("<", 96<<10)
	o.SetAnnotations(map[string]string{"a": big, "b": "x"})
	var finalizers []string
	for i := range 16 {
		finalizers = append(finalizers, fmt.Sprintf("example.gov.vn/f%d", i))
	}
	o.SetFinalizers(append(finalizers, names.FlowFinalizer))
	setManagers(o, 1, 64<<10)
	without := func(o *unstructured.Unstructured) {
		_ = unstructured.SetNestedSlice(o.Object, []any{map[string]any{}}, "metadata", "managedFields")
	}
	tryEdits(t, o, []edit{
		{"an annotation in the place of the operator's managed fields", func(o *unstructured.Unstructured) {
			without(o)
			o.SetAnnotations(map[string]string{"a": big, "b": strings.Repeat("x", 40<<10)})
		}, false},
		{"an annotation of one byte more", func(o *unstructured.Unstructured) {
			o.SetAnnotations(map[string]string{"a": big, "b": "xx"})
		}, false},
		{"managed fields beyond their bound", func(o *unstructured.Unstructured) { setManagers(o, 1, 200<<10) }, false},
		{"a finalizer in the place of the operator's", func(o *unstructured.Unstructured) {
			o.SetFinalizers(append(finalizers, "example.gov.vn/f16"))
		}, false},
		{"a value that is as long", func(o *unstructured.Unstructured) {
			o.SetAnnotations(map[string]string{"a": big, "b": "y"})
		}, true},
		{"a finalizer less", func(o *unstructured.Unstructured) { o.SetFinalizers(o.GetFinalizers()[1:]) }, true},
		{"a smaller annotation", func(o *unstructured.Unstructured) { o.SetAnnotations(map[string]string{"a": big}) }, true},
	})
}

// TestThreat34_LargeSpecIsTightened: a spec from before the bound can be tightened and
// mended, which takes a few bytes; what makes it large can't grow.
//
// With the bytes of the whole spec as the measure, Personal for Public is refused.
func TestThreat34_LargeSpecIsTightened(t *testing.T) {
	makeNamespace(t)
	o := sampleOf(t, "AgencyPortal", "full")
	delete(o.Object, "status")
	o.SetName("large")
	set := func(value any, path ...string) func(*unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) {
			if err := unstructured.SetNestedField(o.Object, value, append([]string{"spec"}, path...)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	values := func(n int) []any {
		var out []any
		for i := range n {
			out = append(out, map[string]any{"name": fmt.Sprintf("V%d", i), "value": strings.Repeat("<", 4000)})
		}
		return out
	}
	set("Public", "dataClassification")(o)
	set(values(12), "env")(o)
	image, _, _ := unstructured.NestedString(o.Object, "spec", "image")
	tryEdits(t, o, []edit{
		{"a stricter class", set("Personal", "dataClassification"), true},
		{"a longer image", set(image[:strings.IndexAny(image+"@", "@")]+":fixed-1.10", "image"), true},
		{"a value more", set(values(13), "env"), false},
		{"a value less", set(values(11), "env"), true},
		{"the value again", set(values(12), "env"), false},
	})
	remove(t, o)
}
