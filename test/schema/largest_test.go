package schema

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// requestLimit is what etcd takes at most, unless it is told otherwise.
const requestLimit = 3 << 19

// TestThreat34_LargestObjects builds, for every kind and for characters that take
// one, three, four and, escaped, six bytes in the store, the largest object that a
// person can write: texts and lists as long as the schema lets them be, labels and
// annotations up to the bounds of admission. Then the operator's own loop adds its
// part, a finalizer and a status that is filled from the schema, at several lengths
// of its texts. It is stored with room to spare, as it is or made smaller, and what
// closing needs is stored as it is; then the object can still be deleted.
//
// Without the admission policy platform-metadata the annotations fill the object,
// and the API server answers "request is too large" to the finalizer. With a bound
// of 1200 KiB for what the operator sees, as it was, a portal fills the store to
// its last bytes. With the decisions, the rights or the inventory of a link among
// what is left out, the field is named; a field of a status without a bound is too.
func TestThreat34_LargestObjects(t *testing.T) {
	makeNamespace(t)
	c := person(t)
	for _, sample := range readSamples(t) {
		for name, r := range map[string]string{"ascii": "x", "vietnamese": "ế", "emoji": "🏛", "escaped": "<", "quotes": `"`} {
			t.Run(sample.GetKind()+"/"+sample.GetName()+"/"+name, func(t *testing.T) {
				o := largestSpec(t, c, sample, r)
				fillMetadata(t, c, o, r)
				if err := c.Create(t.Context(), o.DeepCopy()); err != nil {
					t.Fatalf("create the largest object: %v", err)
				}
				defer remove(t, o)
				f := &filler{t: t, kind: o.GetKind(), letter: r, of: 8, spec: o.Object["spec"], form: map[string]int{}}
				f.learn(o)
				for _, f.of = range []int{2, 5, 8} {
					writeFullest(t, o, f)
				}
				deletable(t, o)
			})
		}
	}
}

// admitted reports whether the API server would store the object.
func admitted(t *testing.T, c client.Client, o *unstructured.Unstructured) bool {
	t.Helper()
	return c.Create(t.Context(), o.DeepCopy(), client.DryRunAll) == nil
}

// most returns the largest number up to max for which the object that is built is
// admitted; it must be so for 0.
func most(t *testing.T, c client.Client, limit int, build func(int) *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if err := c.Create(t.Context(), build(0), client.DryRunAll); err != nil {
		t.Fatalf("the smallest is refused: %v", err)
	}
	n := sort.Search(limit, func(n int) bool { return !admitted(t, c, build(n+1)) })
	return build(n)
}

// largestSpec grows lists to their bounds and then texts as far as they are admitted.
func largestSpec(t *testing.T, c client.Client, sample *unstructured.Unstructured, r string) *unstructured.Unstructured {
	t.Helper()
	o := sample.DeepCopy()
	delete(o.Object, "status")
	o.SetName("largest")
	growLists(t, o)
	object := emptyObjects()[o.GetKind()]
	const steps = 64
	grow := func(n int) *unstructured.Unstructured {
		grown := o.DeepCopy()
		for _, f := range fieldsOf(t, object) {
			if f.class != classText || !strings.HasPrefix(f.path, "spec.") || !freeText(t, o.GetKind(), f.path) {
				continue
			}
			length := int(*schemaAt(t, o.GetKind(), f.path).MaxLength) * n / steps
			visit(grown.Object, strings.Split(f.path, "."), func(v any) (any, bool) {
				s := []rune(fmt.Sprint(v))
				if len(s) >= length {
					return nil, false
				}
				return string(s) + strings.Repeat(r, length-len(s)), true
			})
		}
		return grown
	}
	if err := c.Create(t.Context(), grow(1), client.DryRunAll); err != nil {
		t.Errorf("test/schema/largest_test.go: a text of %s can't be longer: where it is who sends the request, leave it out in freeText: %.400v", o.GetKind(), err)
	}
	return most(t, c, steps, grow)
}

func freeText(t *testing.T, kind, path string) bool {
	for _, v := range schemaAt(t, kind, path).XValidations {
		if strings.HasPrefix(v.Rule, "!self.matches(r'[") {
			// Who asks, approves or confirms is who sends the request.
			return !slices.Contains([]string{"spec.approver", "spec.requestedBy", "spec.rightsChange.requestedBy", "spec.rightsChange.confirmedBy"}, path)
		}
	}
	return false
}

// growLists fills every list, and those of long texts with long ones.
func growLists(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	growAll(t, o)
	spec, _ := o.Object["spec"].(map[string]any)
	for path, item := range map[string]func(i int) any{
		"publicServices": func(i int) any {
			return map[string]any{"procedureCode": fmt.Sprintf("1.%030d", i), "name": "x", "level": int64(4), "fee": true}
		},
		"env": func(i int) any {
			return map[string]any{"name": fmt.Sprintf("V%0127d", i), "value": "x"}
		},
		"platformRefs": func(i int) any { return map[string]any{"name": fmt.Sprintf("p%062d", i)} },
		"hostnames":    func(i int) any { return fmt.Sprintf("h%060d", i) + strings.Repeat("."+strings.Repeat("d", 62), 3) },
		"components":   func(i int) any { return fmt.Sprintf("C%039d", i) },
		"adminGroups":  func(i int) any { return fmt.Sprintf("a%03d", i) },
		"adminServiceAccounts": func(i int) any {
			return map[string]any{"namespace": fmt.Sprintf("n%062d", i), "name": fmt.Sprintf("n%0252d", i)}
		},
		"viewerGroups":      func(i int) any { return fmt.Sprintf("v%03d", i) },
		"domains":           func(i int) any { return fmt.Sprintf("d%060d", i) + strings.Repeat("."+strings.Repeat("d", 62), 3) },
		"providesPlatforms": func(i int) any { return fmt.Sprintf("p%062d", i) },
		"agencies":          func(i int) any { return fmt.Sprintf("a%055d", i) },
	} {
		if _, ok := spec[path]; !ok {
			continue
		}
		var items []any
		for i := range int(*schemaAt(t, o.GetKind(), "spec."+path).MaxItems) {
			items = append(items, item(i))
		}
		spec[path] = items
	}
	if o.GetKind() == "SecurityPolicy" {
		var owners []any
		for i := range 256 {
			owners = append(owners, map[string]any{"dataset": fmt.Sprintf("d%062d", i), "agency": strings.Repeat("a", 56)})
		}
		_ = unstructured.SetNestedSlice(o.Object, owners, "spec", "dataSharing", "datasetOwners")
	}
	if o.GetKind() == "DataService" || o.GetKind() == "DataSharingLink" {
		var items []any
		for i := range 64 {
			if name := fmt.Sprintf("o%062d", i); o.GetKind() == "DataSharingLink" {
				items = append(items, name)
			} else {
				items = append(items, map[string]any{"name": name, "method": "DELETE", "path": "/" + strings.Repeat("p", 255)})
			}
		}
		spec["operations"] = items
	}
}

// fillMetadata adds as many labels as are admitted, and annotations until there is
// no room.
func fillMetadata(t *testing.T, c client.Client, o *unstructured.Unstructured, r string) {
	t.Helper()
	labels := map[string]string{}
	for i := range 64 {
		labels[fmt.Sprintf("%s/l%062d", strings.Repeat("d", 63)+strings.Repeat("."+strings.Repeat("d", 62), 3), i)] = strings.Repeat("v", 63)
	}
	o.SetLabels(labels)
	// The API server counts the annotations' own bytes and takes 256 KiB.
	const steps = 256
	full := most(t, c, steps, func(n int) *unstructured.Unstructured {
		padded := o.DeepCopy()
		padded.SetAnnotations(map[string]string{"padding": strings.Repeat(r, n*(250<<10)/len(r)/steps)})
		return padded
	})
	o.Object = full.Object
}

// TestThreat34_MetadataIsBounded: each bound by itself, by the words that name field
// and remedy; what is there may stay or shrink; finalizers go with any metadata.
func TestThreat34_MetadataIsBounded(t *testing.T) {
	makeNamespace(t)
	c := person(t)
	many := func(n int) map[string]string {
		out := map[string]string{}
		for i := range n {
			out[fmt.Sprintf("k%d", i)] = "v"
		}
		return out
	}
	names := func(n int) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("example.gov.vn/f%d", i))
		}
		return out
	}
	for name, tt := range map[string]struct {
		change func(*unstructured.Unstructured)
		says   string
	}{
		"labels":      {func(o *unstructured.Unstructured) { o.SetLabels(many(65)) }, "metadata.labels: 65 labels are too many, at most 64"},
		"annotations": {func(o *unstructured.Unstructured) { o.SetAnnotations(many(65)) }, "metadata.annotations: 65 annotations are too many"},
		"finalizers":  {func(o *unstructured.Unstructured) { o.SetFinalizers(names(17)) }, "metadata.finalizers: 17 finalizers are too many"},
		"the operator's finalizer again and again": {func(o *unstructured.Unstructured) {
			o.SetFinalizers(slices.Repeat([]string{"platform.gov.vn/flows"}, 20000))
		}, "metadata.finalizers: 19999 finalizers are too many"},
		"owners": {func(o *unstructured.Unstructured) {
			var refs []any
			for i := range 9 {
				refs = append(refs, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": fmt.Sprint(i), "uid": fmt.Sprint(i)})
			}
			_ = unstructured.SetNestedSlice(o.Object, refs, "metadata", "ownerReferences")
		}, "metadata.ownerReferences: 9 owner references are too many"},
		"managers":      {func(o *unstructured.Unstructured) { setManagers(o, 33, 1) }, "metadata.managedFields: "},
		"managed bytes": {func(o *unstructured.Unstructured) { setManagers(o, 2, 400<<10) }, "bytes in the store"},
		"bytes": {func(o *unstructured.Unstructured) {
			o.SetAnnotations(map[string]string{"a": strings.Repeat("<", 100<<10)})
		}, "metadata: labels, annotations and managed fields take 6"},
		"owner bytes": {func(o *unstructured.Unstructured) {
			_ = unstructured.SetNestedSlice(o.Object, []any{map[string]any{"apiVersion": "v1", "kind": strings.Repeat("K", 600<<10), "name": "n", "uid": "u"}}, "metadata", "ownerReferences")
		}, "bytes in the store"},
		"control":      {func(o *unstructured.Unstructured) { o.SetAnnotations(map[string]string{"a": "x\x01"}) }, "metadata.annotations: control characters"},
		"generateName": {func(o *unstructured.Unstructured) { o.SetName(""); o.SetGenerateName(strings.Repeat("g", 64)) }, "metadata.generateName: at most 63"},
	} {
		for kind := range emptyObjects() {
			o := sampleOf(t, kind, "full")
			delete(o.Object, "status")
			o.SetName("bounded")
			tt.change(o)
			if err := c.Create(t.Context(), o, client.DryRunAll); err == nil || !strings.Contains(err.Error(), tt.says) && (name != "generateName" || !strings.Contains(err.Error(), "metadata.name must")) {
				t.Errorf("%s of %s: %.400v, want %q", name, kind, err, tt.says)
			}
		}
	}
	before := sampleOf(t, "DataSharingLink", "full")
	delete(before.Object, "status")
	before.SetName("before")
	before.SetLabels(many(100))
	if err := env.Admin.Create(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	defer remove(t, before)
	before.SetLabels(many(99))
	if err := c.Update(t.Context(), before); err != nil {
		t.Errorf("an object from before may not shrink: %v", err)
	}
	before.SetLabels(many(100))
	if err := c.Update(t.Context(), before); err == nil {
		t.Error("an object from before grew")
	}
	// One that is as large as people may make it, and beyond the bound by what others
	// wrote, can still be made smaller.
	before.SetLabels(nil)
	before.SetAnnotations(map[string]string{"a": strings.Repeat("<", 40<<10), "b": strings.Repeat("x", 200<<10)})
	before.SetFinalizers([]string{"example.gov.vn/kept"})
	setManagers(before, 2, 90<<10)
	if err := env.Admin.Update(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	before.SetFinalizers(nil)
	if err := c.Update(t.Context(), before); err != nil {
		t.Errorf("a finalizer can't be taken off: %.400v", err)
	}
}

// setManagers makes up managed fields, as anyone can who writes a whole object.
func setManagers(o *unstructured.Unstructured, n, size int) {
	var out []any
	for i := range n {
		out = append(out, map[string]any{"manager": fmt.Sprintf("m%d", i), "operation": "Apply", "apiVersion": o.GetAPIVersion(), "time": "2026-01-31T10:00:00Z", "fieldsType": "FieldsV1",
			"fieldsV1": map[string]any{"f:spec": map[string]any{"f:" + strings.Repeat("x", size): map[string]any{}}}})
	}
	_ = unstructured.SetNestedSlice(o.Object, out, "metadata", "managedFields")
}
