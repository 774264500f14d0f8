package schema

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// listsOf returns the paths of the lists of a kind's spec, outer ones first, as
// the schema has them.
func listsOf(t *testing.T, kind string) []string {
	t.Helper()
	var out []string
	var walk func(s *apiextensionsv1.JSONSchemaProps, path string)
	walk = func(s *apiextensionsv1.JSONSchemaProps, path string) {
		if s.Items != nil {
			if s.MaxItems == nil {
				t.Errorf("%s %s has no MaxItems", kind, path)
				return
			}
			out = append(out, path)
			walk(s.Items.Schema, path+"[]")
		}
		for name := range s.Properties {
			p := s.Properties[name]
			walk(&p, path+"."+name)
		}
	}
	walk(schemaAt(t, kind, "spec"), "spec")
	slices.Sort(out)
	return out
}

// grow makes every list at a path n items long, with copies of the last item that
// has a field, which differ as the schema wants it; where it has no more values, the
// list ends.
func grow(t *testing.T, o *unstructured.Unstructured, path, field string, n int) {
	t.Helper()
	schema := schemaAt(t, o.GetKind(), path)
	visit(o.Object, strings.Split(path, "."), func(v any) (any, bool) {
		items, ok := v.([]any)
		if !ok || len(items) == 0 {
			return nil, false
		}
		last := items[len(items)-1]
		for _, item := range items {
			if object, ok := item.(map[string]any); ok && field != "" && lookup(object, field) {
				last = item
			}
		}
		for i := len(items); i < min(n, int(*schema.MaxItems)); i++ {
			next, more := differ(last, schema, i)
			if !more {
				break
			}
			items = append(items, next)
		}
		return items, true
	})
}

// differ returns a copy of a list's item that stands beside it, by a number.
func differ(item any, list *apiextensionsv1.JSONSchemaProps, i int) (any, bool) {
	copied := unstructured.Unstructured{Object: map[string]any{"item": item}}
	next := copied.DeepCopy().Object["item"]
	kind := ""
	if list.XListType != nil {
		kind = *list.XListType
	}
	switch kind {
	case "set":
		return numbered(next, list.Items.Schema, i)
	case "map":
		object, ok := next.(map[string]any)
		for _, key := range list.XListMapKeys {
			s := list.Items.Schema.Properties[key]
			var more bool
			if object[key], more = numbered(object[key], &s, i); !ok || !more {
				return nil, false
			}
		}
	}
	return next, true
}

// numbered returns another value of the same form.
func numbered(v any, s *apiextensionsv1.JSONSchemaProps, i int) (any, bool) {
	if len(s.Enum) > 0 {
		var others []any
		for _, e := range s.Enum {
			var other any
			if err := json.Unmarshal(e.Raw, &other); err == nil && other != v {
				others = append(others, other)
			}
		}
		if i > len(others) {
			return nil, false
		}
		return others[i-1], true
	}
	switch v := v.(type) {
	case string:
		number := fmt.Sprint(i)
		letters := []rune(v)
		if s.MaxLength != nil {
			letters = letters[:min(len(letters), int(*s.MaxLength)-len(number))]
		}
		return string(letters) + number, true
	case int64:
		// The first may have been any of them.
		least, most := int64(0), int64(1)<<31
		if s.Minimum != nil {
			least = int64(*s.Minimum)
		}
		if s.Maximum != nil {
			most = int64(*s.Maximum)
		}
		next := least + int64(i) - 1
		if next >= v {
			next++
		}
		return next, next <= most
	}
	return nil, false
}

// The positions in a list at which a value is tried.
const (
	atFirst = "first"
	atLast  = "last"
	// alone is in the list as the sample has it, mostly of one item.
	alone = "only"
	// atBound is the last place of a list that is as long as the schema lets it be.
	atBound = "bound"
)

// positions returns where a field is tried: in every list around it.
func positions(path string) []string {
	if !strings.Contains(path, "[]") {
		return []string{atFirst}
	}
	return []string{atFirst, atLast, atBound}
}

// withRoom returns the object with the lists around a field as long as a position
// needs them.
func withRoom(t *testing.T, o *unstructured.Unstructured, path, position string) *unstructured.Unstructured {
	t.Helper()
	o = o.DeepCopy()
	if position == alone {
		return o
	}
	n := 3
	if position == atBound {
		n = math.MaxInt
	}
	for i := range path {
		if strings.HasPrefix(path[i:], "[]") {
			grow(t, o, path[:i], strings.TrimPrefix(path[i+2:], "."), n)
		}
	}
	return o
}

// place puts a value where a path leads: through the first item of every list that
// has it, or through the last.
func place(o map[string]any, path, position string, v any) bool {
	n := 0
	visit(o, strings.Split(path, "."), func(any) (any, bool) { n++; return nil, false })
	at := 0
	if position == atLast || position == atBound {
		at = n - 1
	}
	i := -1
	visit(o, strings.Split(path, "."), func(any) (any, bool) {
		i++
		return v, i == at
	})
	return n > 0
}
