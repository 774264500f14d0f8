package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/config/crd"
)

// field is one leaf of a kind: its path, where [] stands for the items of a list,
// and what it is parsed as.
type field struct {
	path  string
	class string
}

// The classes of leaves. Everything but text and flag is parsed, and can fail to.
const (
	classText     = "text"
	classFlag     = "flag"
	classInteger  = "integer"
	classTime     = "time"
	classDuration = "duration"
	classQuantity = "quantity"
)

// fieldsOf returns the leaves of spec and status of a kind.
func fieldsOf(t *testing.T, object client.Object) []field {
	t.Helper()
	var out []field
	typ := reflect.TypeOf(object).Elem()
	for _, part := range []string{"Spec", "Status"} {
		f, ok := typ.FieldByName(part)
		if !ok {
			t.Fatalf("%s has no %s", typ, part)
		}
		walk(t, f.Type, strings.ToLower(part), &out)
	}
	return out
}

func walk(t *testing.T, typ reflect.Type, path string, out *[]field) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ {
	case reflect.TypeFor[metav1.Time]():
		*out = append(*out, field{path, classTime})
		return
	case reflect.TypeFor[metav1.Duration]():
		*out = append(*out, field{path, classDuration})
		return
	case reflect.TypeFor[resource.Quantity]():
		*out = append(*out, field{path, classQuantity})
		return
	}
	if m := reflect.TypeFor[json.Unmarshaler](); typ.Implements(m) || reflect.PointerTo(typ).Implements(m) {
		t.Errorf("%s is a %s, which parses its text: add a class with hostile spellings here, and bound the field in the schema to what it reads", path, typ)
		return
	}
	switch typ.Kind() {
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			t.Errorf("%s is base64: add a class with hostile spellings here, and bound the field in the schema", path)
			return
		}
		walk(t, typ.Elem(), path+"[]", out)
	case reflect.Struct:
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if strings.Contains(options, "inline") {
				walk(t, f.Type, path, out)
				continue
			}
			walk(t, f.Type, path+"."+name, out)
		}
	case reflect.String:
		*out = append(*out, field{path, classText})
	case reflect.Bool:
		*out = append(*out, field{path, classFlag})
	case reflect.Int32, reflect.Int64:
		*out = append(*out, field{path, classInteger})
	default:
		t.Errorf("%s is a %s: teach this test, and bound the field in the schema", path, typ)
	}
}

// lookup reports whether an object has a value at a path.
func lookup(o map[string]any, path string) bool {
	found := false
	visit(o, strings.Split(path, "."), func(any) (any, bool) { found = true; return nil, false })
	return found
}

// replaceFirst puts a value in the first place that a path fits, after change has
// seen what is there.
func replaceFirst(o map[string]any, path string, change func(any) any) bool {
	done := false
	visit(o, strings.Split(path, "."), func(v any) (any, bool) {
		if done {
			return nil, false
		}
		done = true
		return change(v), true
	})
	return done
}

func visit(v any, path []string, f func(any) (any, bool)) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	key, list := strings.CutSuffix(path[0], "[]")
	child, ok := m[key]
	if !ok {
		return
	}
	switch items, isList := child.([]any); {
	case list && isList && len(path) == 1:
		for i := range items {
			if n, ok := f(items[i]); ok {
				items[i] = n
			}
		}
	case list && isList:
		for i := range items {
			visit(items[i], path[1:], f)
		}
	case list:
	case len(path) == 1:
		if n, ok := f(child); ok {
			m[key] = n
		}
	default:
		visit(child, path[1:], f)
	}
}

func indexOrEnd(s, sep string) int {
	if i := strings.Index(s, sep); i >= 0 {
		return i
	}
	return len(s)
}

var definitions map[string]*apiextensionsv1.CustomResourceDefinition

// definition returns the shipped CRD of a kind.
func definition(t *testing.T, kind string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	if definitions == nil {
		definitions = map[string]*apiextensionsv1.CustomResourceDefinition{}
		entries, err := crd.Bases.ReadDir("bases")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			data, err := crd.Bases.ReadFile("bases/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			d := &apiextensionsv1.CustomResourceDefinition{}
			if err := yaml.Unmarshal(data, d); err != nil {
				t.Fatal(err)
			}
			definitions[d.Spec.Names.Kind] = d
		}
	}
	d := definitions[kind]
	if d == nil {
		t.Fatalf("kind %s has no CRD", kind)
	}
	return d
}

func isNamespaced(t *testing.T, kind string) bool {
	return definition(t, kind).Spec.Scope == apiextensionsv1.NamespaceScoped
}

// schemaAt returns the schema of a field.
func schemaAt(t *testing.T, kind, path string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	s := definition(t, kind).Spec.Versions[0].Schema.OpenAPIV3Schema
	for _, part := range strings.Split(path, ".") {
		key, list := strings.CutSuffix(part, "[]")
		next, ok := s.Properties[key]
		if !ok {
			t.Fatalf("the CRD of %s has no field %s", kind, path)
		}
		s = &next
		if list {
			s = s.Items.Schema
		}
	}
	return s
}

// placeholder stands in an object where raw JSON comes.
const placeholder = "@hostile@"

// withRaw returns the object in JSON with a raw value at the first place of a path.
func withRaw(t *testing.T, o *unstructured.Unstructured, path, raw string) []byte {
	t.Helper()
	return withRawAt(t, o, path, atFirst, raw)
}

// withRawAt does the same at a position in the lists around the path.
func withRawAt(t *testing.T, o *unstructured.Unstructured, path, position, raw string) []byte {
	t.Helper()
	o = o.DeepCopy()
	if !place(o.Object, path, position, placeholder) {
		t.Fatalf("the sample has no %s", path)
	}
	data, err := json.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(data, []byte(`"`+placeholder+`"`), []byte(raw), 1)
}

// urlOf returns the path of an object's collection, or of the object.
func urlOf(t *testing.T, kind, name string) string {
	t.Helper()
	d := definition(t, kind)
	prefix := "/apis/platform.gov.vn/v1alpha1"
	if isNamespaced(t, kind) {
		prefix += "/namespaces/" + namespace
	}
	if name == "" {
		return prefix + "/" + d.Spec.Names.Plural
	}
	return fmt.Sprintf("%s/%s/%s", prefix, d.Spec.Names.Plural, name)
}
