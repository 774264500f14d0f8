package schema

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// ownRules are the rules on values in statuses that are about what the operator
// makes up itself, with what it is; a dot at the end stands for all below.
var ownRules = map[string]string{
	"status.conditions":                   "conditions",
	"status.conditions[].":                "conditions",
	"status.observedGeneration":           "a generation",
	"status.policies":                     "names of objects, each once",
	"Agency.status.adopted":               "the time of an adoption",
	"Agency.status.portals":               "a count",
	"Agency.status.dataServices":          "a count",
	"Agency.status.links":                 "a count",
	"Agency.status.approvals":             "a count",
	"Agency.status.children":              "a count",
	"AgencyPortal.status.publicServices.": "counts",
	"SecurityPolicy.status.matched":       "a count",
	"SecurityPolicy.status.compliant":     "a count",
	"SecurityPolicy.status.violating":     "a count",
	"SecurityPolicy.status.exempted":      "a count",
	"SecurityPolicy.status.impact.":       "counts",
	"SecurityPolicy.status.recentStops":   "the time of a change",
	"SecurityPolicy.status.recentStops.":  "counts",
	"SharedPlatform.status.consumers":     "a count",
}

// TestStatusTakesWhatSpecsHold: a rule on values that is younger than an object does
// not hold for its spec, and must not for the copy in its status, which is new. So
// every rule in a status is either there for Go to read the field, or about what the
// operator makes up itself.
// Fails by the field's name for a copy that is not in the table of hack/statuscopies.
func TestStatusTakesWhatSpecsHold(t *testing.T) {
	used := map[string]bool{}
	for kind := range emptyObjects() {
		eachNode(schemaAt(t, kind, "status"), "status", func(s *apiextensionsv1.JSONSchemaProps, path string) {
			rule := valueRule(s)
			if rule == "" {
				return
			}
			own := ""
			for known := range ownRules {
				bare := strings.TrimPrefix(known, kind+".")
				if path == bare || strings.HasSuffix(bare, ".") && strings.HasPrefix(path, bare) {
					own = known
				}
			}
			if used[own] = true; own == "" {
				t.Errorf("%s %s has a rule on its value: if it follows from what people write, add it to copies in hack/statuscopies/main.go and run make manifests, else to ownRules in test/schema/copies_test.go: %s", kind, path, rule)
			}
		})
	}
	for known := range ownRules {
		if !used[known] {
			t.Errorf("%s has no rule", known)
		}
	}
}

// valueRule returns a rule of a schema that is about the value, and not about its
// size or whether Go can read it; empty for none.
func valueRule(s *apiextensionsv1.JSONSchemaProps) string {
	for _, r := range s.XValidations {
		readable := s.XIntOrString || r.Rule == "duration(self) >= duration('0s')" || strings.Contains(r.Rule, "timestamp('0001-01-01T00:00:00Z')")
		if !readable {
			return r.Rule
		}
	}
	list := s.XListType != nil && *s.XListType != "atomic"
	switch {
	case s.XIntOrString:
		return ""
	case s.Pattern != "", s.MinLength != nil, s.MinItems != nil, s.MinProperties != nil, s.Minimum != nil, s.Maximum != nil, list:
		return "pattern, minimum, maximum or list type"
	}
	return ""
}

func eachNode(s *apiextensionsv1.JSONSchemaProps, path string, f func(*apiextensionsv1.JSONSchemaProps, string)) {
	f(s, path)
	for name := range s.Properties {
		p := s.Properties[name]
		eachNode(&p, path+"."+name, f)
	}
	if s.Items != nil {
		eachNode(s.Items.Schema, path+"[]", f)
	}
}

// TestCopiesTakeReleasedSpecs: what a spec could hold in the released version fits
// into the copies: no text and no list is bounded more narrowly, and no choice is
// missing.
func TestCopiesTakeReleasedSpecs(t *testing.T) {
	compared := 0
	for _, copied := range []struct{ kind, spec, copied string }{
		{"SecurityPolicy", "spec", "status.inForce"},
		{"AgencyPortal", "spec", "status.lastCompliant"},
		{"Agency", "spec.adminGroups", "status.rights.adminGroups"},
		{"Agency", "spec.viewerGroups", "status.rights.viewerGroups"},
		{"Agency", "spec.adminGroups", "status.pendingRights.added.adminGroups"},
		{"DataService", "spec.dataset", "status.claim.dataset"},
		{"DataSharingLink", "spec.purpose", "status.scope.purpose"},
		{"DataSharingLink", "spec.legalBasis", "status.scope.legalBasis"},
		{"SharedPlatform", "spec.agencies", "status.consents[].agencies"},
		{"SharedPlatform", "spec.type", "status.consents[].type"},
	} {
		eachNode(descend(t, releasedSchema(t, copied.kind), copied.spec), "", func(was *apiextensionsv1.JSONSchemaProps, path string) {
			is := descend(t, definition(t, copied.kind).Spec.Versions[0].Schema.OpenAPIV3Schema, copied.copied+path)
			compared++
			choice := func(e apiextensionsv1.JSON) bool {
				return len(is.Enum) > 0 && !slices.ContainsFunc(is.Enum, func(o apiextensionsv1.JSON) bool { return string(o.Raw) == string(e.Raw) })
			}
			switch {
			case is.MaxLength != nil && (was.MaxLength == nil && len(was.Enum) == 0 || was.MaxLength != nil && *was.MaxLength > *is.MaxLength),
				is.MaxItems != nil && (was.MaxItems == nil || *was.MaxItems > *is.MaxItems),
				is.Type != was.Type, len(is.Enum) > 0 && len(was.Enum) == 0, slices.ContainsFunc(was.Enum, choice):
				t.Errorf("%s %s%s takes less than the released spec", copied.kind, copied.copied, path)
			}
		})
	}
	if compared < 90 {
		t.Errorf("only %d fields are compared", compared)
	}
}

// descend returns the schema at a path below another one.
func descend(t *testing.T, s *apiextensionsv1.JSONSchemaProps, path string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	for _, part := range strings.FieldsFunc(strings.ReplaceAll(path, "[]", ".[]"), func(r rune) bool { return r == '.' }) {
		next, ok := s.Properties[part]
		switch {
		case part == "[]" && s.Items != nil:
			s = s.Items.Schema
		case ok:
			s = &next
		default:
			t.Fatalf("there is no %s in %s", part, path)
		}
	}
	return s
}

// releasedSchema returns the schema of a kind in the released version.
func releasedSchema(t *testing.T, kind string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	file, err := os.Open("../lifecycle/testdata/v0.1.0/manifests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	decoder := utilyaml.NewYAMLOrJSONDecoder(file, 4096)
	for {
		d := &apiextensionsv1.CustomResourceDefinition{}
		if err := decoder.Decode(d); errors.Is(err, io.EOF) {
			t.Fatalf("the released version has no kind %s", kind)
		} else if err != nil {
			t.Fatal(err)
		}
		if d.Kind == "CustomResourceDefinition" && d.Spec.Names.Kind == kind {
			return d.Spec.Versions[0].Schema.OpenAPIV3Schema
		}
	}
}
