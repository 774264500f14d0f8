package skew

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/internal/kinds"
)

type schema = apiextensionsv1.JSONSchemaProps

func object(properties map[string]schema) schema {
	return schema{Type: "object", Properties: properties}
}

func list(of schema) schema {
	return schema{Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &of}}
}

func mapOf(of schema) schema {
	return schema{Type: "object", AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: &of}}
}

func definition(s *schema) *apiextensionsv1.CustomResourceDefinition {
	d := &apiextensionsv1.CustomResourceDefinition{}
	d.Name, d.Spec.Names.Kind = "things.example.org", "Thing"
	d.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
		Name: "v1", Served: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: s},
		Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
	}}
	return d
}

// TestCompare takes every place away that a field can have.
func TestCompare(t *testing.T) {
	text, open := schema{Type: "string"}, schema{Type: "object", XPreserveUnknownFields: ptr.To(true)}
	full := object(map[string]schema{
		"a": text, "b": object(map[string]schema{"c": text, "d": text}),
		"e": list(object(map[string]schema{"f": text})), "g": mapOf(object(map[string]schema{"h": text})), "i": open,
	})
	with := func(name string, s schema) *schema {
		out := full.DeepCopy()
		out.Properties[name] = s
		return out
	}
	without := full.DeepCopy()
	delete(without.Properties, "a")
	for name, c := range map[string]struct {
		served *schema
		want   []string
	}{
		"the same":                  {&full, nil},
		"a property":                {without, []string{"a"}},
		"a property inside":         {with("b", object(map[string]schema{"d": text})), []string{"b.c"}},
		"all inside":                {with("b", object(nil)), []string{"b.c", "b.d"}},
		"of items":                  {with("e", list(object(nil))), []string{"e[].f"}},
		"items":                     {with("e", schema{Type: "array"}), []string{"e[]"}},
		"of values":                 {with("g", mapOf(object(nil))), []string{"g{}.h"}},
		"values":                    {with("g", object(nil)), []string{"g{}"}},
		"any field":                 {with("i", object(nil)), []string{"i (any field)"}},
		"a schema":                  {nil, []string{"the whole schema"}},
		"nothing where all is kept": {&open, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Compare(definition(&full), definition(c.served)).Missing); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if name == "nothing where all is kept" {
				return
			}
			newer := Compare(definition(c.served), definition(&full))
			if diff := cmp.Diff(c.want, newer.Extra); diff != "" || newer.Older() {
				t.Errorf("the other way round, older %t, -want +got:\n%s", newer.Older(), diff)
			}
		})
	}
	unserved, bare := definition(&full), definition(&full)
	unserved.Spec.Versions[0].Served = false
	bare.Spec.Versions[0].Subresources = nil
	for name, c := range map[string]struct {
		served *apiextensionsv1.CustomResourceDefinition
		want   string
	}{
		"unserved version": {unserved, "it lacks version v1"}, "no status": {bare, "it lacks subresource status of v1"}, "absent": {nil, "is not installed"},
	} {
		f := Compare(definition(&full), c.served)
		if err := Error([]Finding{f}); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), f.Name) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEmbedded: the definitions of all kinds are there and fit themselves.
func TestEmbedded(t *testing.T) {
	built, err := Embedded()
	if err != nil || len(built) != len(kinds.All()) {
		t.Fatalf("%d definitions, %v", len(built), err)
	}
	for _, d := range built {
		f := Compare(d, d.DeepCopy())
		if f.Older() || len(f.Extra) > 0 {
			t.Errorf("%s does not fit itself", f)
		}
	}
	if err := Error(nil); err != nil {
		t.Error(err)
	}
}
