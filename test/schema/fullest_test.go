package schema

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
)

// inASCII are texts of a status that hold names, UIDs, kinds and hashes, which
// take one byte a character, with what they are. All others are filled with any
// character.
var inASCII = map[string]string{
	"status.inventory[].":             "kinds, names and UIDs of the operator's objects",
	"status.namespace":                "a namespace",
	"status.consumers[]":              "a namespace and a portal",
	"status.links[]":                  "a namespace and a link",
	"status.decisions[].namespace":    "a namespace",
	"status.decisions[].name":         "the name of an approval",
	"status.decisions[].uid":          "a UID",
	"status.decisions[].specHash":     "a hash",
	"status.violators[].":             "kind, agency, name and field",
	"status.impact.first[].":          "kind, agency, name and field",
	"status.policies[]":               "the name of a policy",
	"status.findings[].policy":        "the name of a policy",
	"status.findings[].control":       "a field",
	"status.catalogue[].identifier":   "names joined",
	"status.catalogue[].operations[]": "names of operations, which the spec has in ASCII",
}

// mayGo are the fields of a status that the loop may leave out, or make shorter,
// where the whole cannot be stored; * is every kind. Whatever is not here is what
// closing rests on, or what nobody can know anew, and has to be stored as it is.
var mayGo = map[string]string{
	"*.conditions":               "messages may be shortened, nothing else",
	"*.inventory":                "children are found by their marks too",
	"Agency.catalogue":           "made anew from the services",
	"AgencyPortal.findings":      "what they found and wanted may go; who finds what is read to decide, and stays",
	"AgencyPortal.lastCompliant": "goes last, where the store is full: what runs then is judged as it is observed",
	"DataSharingLink.scope":      "nobody decides about a scope that is not stored, so nothing opens",
	"DataSharingLink.specHash":   "goes with the scope",
}

// hasToStay takes back what mayGo says of every kind.
var hasToStay = map[string]string{"DataSharingLink.inventory": "says whether the link is open"}

// filler makes the fullest status that the schema of a kind has room for.
type filler struct {
	t    *testing.T
	kind string
	// letter fills texts.
	letter string
	// of is how many eighths of each text are filled.
	of   int
	spec any
	// form is which of the forms of a text the API server takes at a path.
	form map[string]int
}

// forms are what a text may have to look like; the first that the API server takes
// is used.
func (f *filler) forms(n int) []string {
	rest := func(first, s string) string { return first + strings.Repeat(s, max(n-1, 0)) }
	return []string{strings.Repeat(f.letter, n), rest("a", "a"), rest("A", "a"), rest("/", "a"), "sha256:" + strings.Repeat("1", 64)}
}

// fill returns a value as full as the schema lets it be; lists have one item, or
// as many as they can have.
func (f *filler) fill(s *apiextensionsv1.JSONSchemaProps, path string, long bool) any {
	f.t.Helper()
	if copiesSpec(f.t, f.kind, path) {
		return (&unstructured.Unstructured{Object: map[string]any{"spec": f.spec}}).DeepCopy().Object["spec"]
	}
	switch {
	case s.Items != nil:
		if s.MaxItems == nil {
			f.t.Fatalf("api/v1alpha1: %s %s has no MaxItems: bound the list", f.kind, path)
		}
		items := []any{f.fill(s.Items.Schema, path+"[]", long)}
		for i := 1; long && i < int(*s.MaxItems); i++ {
			next, more := differ(items[0], s, i)
			if !more {
				break
			}
			items = append(items, next)
		}
		return items
	case len(s.Enum) > 0:
		longest := slices.MaxFunc(s.Enum, func(a, b apiextensionsv1.JSON) int { return len(a.Raw) - len(b.Raw) })
		var v any
		if err := json.Unmarshal(longest.Raw, &v); err != nil {
			f.t.Fatal(err)
		}
		return v
	case s.Format == "date-time":
		return "2026-01-31T10:00:00Z"
	case s.Type == "string":
		if s.MaxLength == nil {
			f.t.Fatalf("api/v1alpha1: %s %s has no MaxLength: bound the text", f.kind, path)
		}
		n := max(1, int(*s.MaxLength)*f.of/8)
		forms := f.forms(n)
		form := f.form[path]
		if form == 0 && slices.ContainsFunc(slices.Collect(maps.Keys(inASCII)), func(p string) bool { return path == p || strings.HasSuffix(p, ".") && strings.HasPrefix(path, p) }) {
			form = 1
		}
		if form >= len(forms) {
			f.t.Fatalf("test/schema/fullest_test.go: the API server takes no text at %s %s: add what it looks like to forms", f.kind, path)
		}
		return forms[form]
	case s.Type == "integer":
		if s.Maximum != nil {
			return int64(*s.Maximum)
		}
		if s.Format == "int32" {
			return int64(math.MaxInt32)
		}
		return int64(1_000_000_000_000)
	case s.Type == "boolean":
		return true
	case s.Type == "object" && len(s.Properties) > 0:
		out := map[string]any{}
		for name := range s.Properties {
			p := s.Properties[name]
			out[name] = f.fill(&p, path+"."+name, long)
		}
		return out
	}
	f.t.Fatalf("test/schema/fullest_test.go: %s %s is a %q: teach fill what it is full of", f.kind, path, s.Type)
	return nil
}

// copiesSpec reports whether a field of a status has the type of the spec.
func copiesSpec(t *testing.T, kind, path string) bool {
	name, ok := strings.CutPrefix(path, "status.")
	return ok && slices.Contains(specCopies(t, kind), name)
}

// specCopies are the fields of a kind's status that have the type of its spec.
func specCopies(t *testing.T, kind string) []string {
	t.Helper()
	object := emptyObjects()[kind]
	if object == nil {
		t.Fatalf("test/schema/samples_test.go: %s has no row in internal/kinds/rows.go: add one, or take the sample out", kind)
	}
	var out []string
	typ := reflect.TypeOf(object).Elem()
	spec, _ := typ.FieldByName("Spec")
	status, _ := typ.FieldByName("Status")
	for i := range status.Type.NumField() {
		f := status.Type.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() == reflect.Pointer && f.Type.Elem() == spec.Type {
			out = append(out, key)
		}
	}
	return out
}

var index = regexp.MustCompile(`\[[0-9]+\]`)

// learn asks the API server for the form of each text, with lists of one item.
func (f *filler) learn(o *unstructured.Unstructured) {
	f.t.Helper()
	path := urlOf(f.t, o.GetKind(), o.GetName()) + "/status?dryRun=All"
	for range 16 {
		status := f.fill(schemaAt(f.t, f.kind, "status"), "status", false)
		code, body := request(f.t, http.MethodPatch, path, mustJSON(f.t, map[string]any{"status": status}))
		if code == http.StatusOK {
			return
		}
		var refusal metav1.Status
		if err := json.Unmarshal([]byte(body), &refusal); err != nil || refusal.Details == nil {
			f.t.Fatalf("a status with lists of one item: %d %.600s", code, body)
		}
		known := map[string]bool{}
		for _, leaf := range fieldsOf(f.t, emptyObjects()[f.kind]) {
			known[leaf.path] = leaf.class == classText
		}
		for _, cause := range refusal.Details.Causes {
			leaf := index.ReplaceAllString(cause.Field, "[]")
			if !known[leaf] {
				f.t.Fatalf("%s is refused: %s", cause.Field, cause.Message)
			}
			known[leaf] = false // Several rules may refuse one text.
			f.form[leaf]++
		}
	}
	f.t.Fatal("the API server takes no form of some text")
}

// asCached is a client that reads objects as the operator's caches have them:
// without managed fields, and without the metadata that agencies write.
type asCached struct{ client.Client }

func (c asCached) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if err := c.Client.Get(ctx, key, o, opts...); err != nil {
		return err
	}
	o.SetManagedFields(nil)
	if o.GetNamespace() != "" {
		o.SetLabels(nil)
		o.SetAnnotations(nil)
		o.SetOwnerReferences(nil)
	}
	return nil
}

// writeFullest does the operator's part by the loop that all controllers run: the
// finalizer, and the fullest status at the given length of its texts. What is
// stored leaves room for what comes, and has all that may not go.
func writeFullest(t *testing.T, o *unstructured.Unstructured, f *filler) {
	t.Helper()
	want := f.fill(schemaAt(t, f.kind, "status"), "status", true).(map[string]any)
	loop := reconcile.Loop[reconcile.Object]{Client: asCached{env.Admin}, Finalizer: names.FlowFinalizer,
		New: func() reconcile.Object { return emptyObjects()[f.kind].(reconcile.Object) },
		Run: func(_ context.Context, obj reconcile.Object) (ctrl.Result, error) {
			return ctrl.Result{}, setStatus(obj, want)
		}}
	r := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: o.GetName()}}
	if _, err := loop.Reconcile(t.Context(), r); err != nil {
		t.Errorf("%d/8 of every text: the status of %s cannot be stored, whatever is left out: bound its lists and texts more narrowly in api/v1alpha1, or let shrink in internal/reconcile leave out what can be known anew: %.300v", f.of, f.kind, err)
		return
	}
	size, sizes, stored := measure(t, o)
	t.Logf("%d/8 of every text: %s", f.of, sizes)
	if size > requestLimit-(128<<10) {
		t.Errorf("%d/8 of every text: less than 128 KiB are left: bound %s more narrowly in api/v1alpha1, or, for texts of names only, add them to inASCII in test/schema/fullest_test.go: %s", f.of, f.kind, sizes)
	}
	checkKept(t, f, want, stored)
	if f.of != 8 {
		return
	}
	if _, err := loop.Reconcile(t.Context(), r); err != nil {
		t.Errorf("the second round: %.300v", err)
	}
	if _, _, again := measure(t, o); again.GetResourceVersion() != stored.GetResourceVersion() {
		t.Error("the second round writes again")
	}
}

// setStatus gives an object a status.
func setStatus(obj reconcile.Object, status map[string]any) error {
	reflect.ValueOf(obj).Elem().FieldByName("Status").SetZero()
	data, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	return json.Unmarshal(data, obj)
}

// measure returns how many bytes an object takes, in all and by its parts, and the
// object.
func measure(t *testing.T, o *unstructured.Unstructured) (size int, sizes string, stored *unstructured.Unstructured) {
	t.Helper()
	_, body := request(t, http.MethodGet, urlOf(t, o.GetKind(), o.GetName()), nil)
	var parts struct {
		Metadata map[string]json.RawMessage `json:"metadata"`
		Spec     json.RawMessage            `json:"spec"`
		Status   json.RawMessage            `json:"status"`
	}
	stored = &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(body), &parts); err != nil {
		t.Fatal(err)
	}
	if err := stored.UnmarshalJSON([]byte(body)); err != nil {
		t.Fatal(err)
	}
	sizes = fmt.Sprintf("%d bytes of %d: spec %d, annotations %d, managed fields %d, status %d", len(body), requestLimit, len(parts.Spec), len(parts.Metadata["annotations"]), len(parts.Metadata["managedFields"]), len(parts.Status))
	return len(body), sizes, stored
}

// checkKept compares what is stored with what the round left.
func checkKept(t *testing.T, f *filler, want map[string]any, stored *unstructured.Unstructured) {
	t.Helper()
	asked := emptyObjects()[f.kind].(reconcile.Object)
	if err := setStatus(asked, want); err != nil {
		t.Fatal(err)
	}
	asked.GetStatusBase().ObservedGeneration = stored.GetGeneration()
	var left struct {
		Status map[string]any `json:"status"`
	}
	if err := json.Unmarshal(mustJSON(t, asked), &left); err != nil {
		t.Fatal(err)
	}
	kept := emptyObjects()[f.kind].(reconcile.Object)
	if err := json.Unmarshal(mustJSON(t, stored.Object), kept); err != nil {
		t.Fatal(err)
	}
	var is struct {
		Status map[string]any `json:"status"`
	}
	if err := json.Unmarshal(mustJSON(t, kept), &is); err != nil {
		t.Fatal(err)
	}
	var less []string
	for name := range left.Status {
		if reflect.DeepEqual(left.Status[name], is.Status[name]) {
			continue
		}
		less = append(less, name)
		_, own := mayGo[f.kind+"."+name]
		_, all := mayGo["*."+name]
		if _, stays := hasToStay[f.kind+"."+name]; stays || !own && !all {
			t.Errorf("%d/8 of every text: status.%s of %s is not stored as it is, and closing may need it: let internal/reconcile keep it, or add it to mayGo in test/schema/fullest_test.go and say why nothing needs it", f.of, name, f.kind)
		}
	}
	for i, c := range asked.GetStatusBase().Conditions {
		var got metav1.Condition
		if i < len(kept.GetStatusBase().Conditions) {
			got = kept.GetStatusBase().Conditions[i]
		}
		short, cut := strings.CutSuffix(got.Message, "...")
		shortened := cut && strings.HasPrefix(c.Message, short)
		if got.Message != c.Message && !shortened {
			t.Errorf("%d/8 of every text: condition %.20s says %.40q", f.of, c.Type, got.Message)
		}
		got.Message = c.Message
		if !reflect.DeepEqual(got, c) {
			t.Errorf("%d/8 of every text: condition %.20s is %.20s %.20s", f.of, c.Type, got.Status, got.Reason)
		}
	}
	slices.Sort(less)
	t.Logf("%d/8 of every text: shortened or left out: %v", f.of, less)
}

// TestStatusFieldsThatMayGo: what is listed as dispensable is a field, and what
// every kind has is; a list that has nothing to say is a list that nobody reads.
func TestStatusFieldsThatMayGo(t *testing.T) {
	has := map[string]bool{}
	for kind := range emptyObjects() {
		for name := range schemaAt(t, kind, "status").Properties {
			has[kind+"."+name], has["*."+name] = true, true
		}
		for path := range inASCII {
			leaf := strings.TrimSuffix(path, ".")
			if definitionHas(t, kind, leaf) {
				has[path] = true
			}
		}
	}
	for _, list := range []map[string]string{mayGo, hasToStay, inASCII} {
		for field, why := range list {
			if !has[field] || why == "" {
				t.Errorf("no kind has %s, or it has no reason: %q", field, why)
			}
		}
	}
}

// definitionHas reports whether a kind has a field.
func definitionHas(t *testing.T, kind, path string) bool {
	t.Helper()
	s := definition(t, kind).Spec.Versions[0].Schema.OpenAPIV3Schema
	for _, part := range strings.Split(path, ".") {
		key, list := strings.CutSuffix(part, "[]")
		next, ok := s.Properties[key]
		if !ok || list && next.Items == nil {
			return false
		}
		if s = &next; list {
			s = s.Items.Schema
		}
	}
	return true
}

// growAll makes every list of a spec as long as the schema lets it be.
func growAll(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	for _, path := range listsOf(t, o.GetKind()) {
		grow(t, o, path, "", math.MaxInt)
		schema := schemaAt(t, o.GetKind(), path)
		visit(o.Object, strings.Split(path, "."), func(v any) (any, bool) {
			if items, ok := v.([]any); ok && len(items) < int(*schema.MaxItems) && !finite(schema.Items.Schema) {
				t.Errorf("%s has %d items of %d: teach numbered how they differ", path, len(items), *schema.MaxItems)
			}
			return nil, false
		})
	}
}

// finite reports whether a list's items are of few values.
func finite(s *apiextensionsv1.JSONSchemaProps) bool {
	return len(s.Enum) > 0 || s.Minimum != nil && s.Maximum != nil
}

// deletable asks for the end of an object that a finalizer holds: the time of its
// deletion has to fit too.
func deletable(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if err := env.Admin.Delete(t.Context(), o.DeepCopy()); err != nil {
		t.Errorf("the largest object with its status cannot be deleted: %.300v", err)
		return
	}
	if _, _, stored := measure(t, o); stored.GetDeletionTimestamp() == nil {
		t.Errorf("the object is not being deleted; its finalizers are %v", stored.GetFinalizers())
	}
}
