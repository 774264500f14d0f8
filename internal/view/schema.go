package view

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/config/crd"
)

// kindSchema is what the API server knows about one kind. It is the same CRD
// and the same library, so that an object gets the same defaults and the same
// refusals offline.
type kindSchema struct {
	kind       string
	namespaced bool
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// loadSchemas compiles the shipped CRDs, by kind.
func loadSchemas() (map[string]*kindSchema, error) {
	const dir = "bases"
	entries, err := crd.Bases.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]*kindSchema{}
	for _, entry := range entries {
		data, err := crd.Bases.ReadFile(dir + "/" + entry.Name())
		if err != nil {
			return nil, err
		}
		s, err := compile(data)
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", entry.Name(), err)
		}
		out[s.kind] = s
	}
	return out, nil
}

func compile(data []byte) (*kindSchema, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &definition); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(definition.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == v1alpha1.GroupVersion.Version
	})
	if i < 0 {
		return nil, fmt.Errorf("version %s is missing", v1alpha1.GroupVersion.Version)
	}
	var internal apiextensions.CustomResourceValidation
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(definition.Spec.Versions[i].Schema, &internal, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	return &kindSchema{
		kind: definition.Spec.Names.Kind, namespaced: definition.Spec.Scope == apiextensionsv1.NamespaceScoped,
		structural: structural, schema: validator, rules: cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// admit does with the object what the API server would: it fills in defaults
// and returns everything that it would refuse, one sentence each. Status is
// dropped: what a file claims there is not believed.
func (s *kindSchema) admit(ctx context.Context, object *unstructured.Unstructured) []string {
	unstructured.RemoveNestedField(object.Object, "status")
	problems := s.metadata(object)

	metadata := object.Object["metadata"]
	unknown := pruning.PruneWithOptions(object.Object, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	object.Object["metadata"] = metadata
	slices.Sort(unknown)
	for _, path := range unknown {
		problems = append(problems, s.unknownField(path))
	}

	defaulting.Default(object.Object, s.structural)
	errs := validation.ValidateCustomResource(nil, object.Object, s.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object.Object)...)
	// A rule over a value of the wrong type would only repeat what is known.
	if len(errs) == 0 && s.rules != nil {
		broken, _ := s.rules.Validate(ctx, nil, s.structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	for _, err := range errs {
		problems = append(problems, s.explain(err))
	}
	return problems
}

func (s *kindSchema) metadata(object *unstructured.Unstructured) []string {
	var problems []string
	if object.GetAPIVersion() != v1alpha1.GroupVersion.String() {
		problems = append(problems, fmt.Sprintf("apiVersion: is %q; write %s", object.GetAPIVersion(), v1alpha1.GroupVersion))
	}
	if object.GetName() == "" {
		problems = append(problems, "metadata.name: is missing; give the object a name")
	}
	switch ns := object.GetNamespace(); {
	case s.namespaced && ns == "":
		problems = append(problems, "metadata.namespace: is missing; write agency-<name of the agency>")
	case !s.namespaced && ns != "":
		problems = append(problems, fmt.Sprintf("metadata.namespace: is %q, but %s objects belong to no namespace; remove it", ns, s.kind))
	}
	return problems
}

// explain turns an error of the schema into one sentence with field, cause and
// remedy. Rules of the CRD bring their own sentence.
func (s *kindSchema) explain(err *field.Error) string {
	detail := strings.TrimSuffix(err.Detail, ".")
	if err.Field == "" || err.Field == "<nil>" {
		// A rule of the whole object; its sentence begins with the field.
		return strings.Replace(detail, " must", ": must", 1)
	}
	switch err.Type {
	case field.ErrorTypeRequired:
		if detail == "" {
			return err.Field + ": is missing; add it"
		}
	case field.ErrorTypeNotSupported:
		return fmt.Sprintf("%s: is %v; %s", err.Field, shown(err.BadValue), strings.Replace(detail, "supported values:", "use one of", 1))
	case field.ErrorTypeDuplicate:
		return fmt.Sprintf("%s: %s occurs twice; keep one", err.Field, shown(err.BadValue))
	case field.ErrorTypeTypeInvalid:
		// The library puts the name of the type where the value belongs.
		return fmt.Sprintf("%s: is %s; %s", err.Field, withArticle(fmt.Sprint(err.BadValue)), s.typeHint(err.Field, detail))
	case field.ErrorTypeInvalid:
		if err.BadValue == "" && strings.Contains(detail, "at least") {
			return err.Field + ": is empty; write something, or remove it where it is optional"
		}
	}
	if strings.Contains(detail, quantityPattern) {
		return fmt.Sprintf("%s: is %v, which is not an amount; write a number with a unit, such as 500m for cpu or 512Mi for memory", err.Field, shown(err.BadValue))
	}
	if pattern, ok := strings.CutPrefix(detail, err.Field+" in body should match '"); ok {
		return fmt.Sprintf("%s: is %v; it must match %s", err.Field, shown(err.BadValue), strings.TrimSuffix(pattern, "'"))
	}
	detail = strings.TrimPrefix(detail, err.Field+" in body ")
	if !isScalar(err.BadValue) || strings.Contains(detail, " items") {
		return err.Field + ": " + detail
	}
	return fmt.Sprintf("%s: is %v; %s", err.Field, shown(err.BadValue), detail)
}

// quantityPattern is how the pattern of resource.Quantity begins.
const quantityPattern = `^(\+|-)?(([0-9]+(\.[0-9]*)?)`

// shown is a value as a sentence can hold it: lists and objects are only named
// by their keys.
func shown(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case map[string]any:
		data, err := json.Marshal(v)
		if err == nil && len(data) <= 120 {
			return string(data)
		}
		return "the same entry"
	}
	return fmt.Sprint(value)
}

// isScalar tells whether a value says something in a sentence. The library
// also gives placeholders of its own types.
func isScalar(value any) bool {
	switch v := value.(type) {
	case string:
		return v != ""
	case bool, int, int32, int64, float64:
		return true
	}
	return false
}

func withArticle(kind string) string {
	if strings.ContainsAny(kind[:min(1, len(kind))], "aeiou") {
		return "an " + kind
	}
	return "a " + kind
}

// typeHint says what to write where a value has the wrong type.
func (s *kindSchema) typeHint(path, detail string) string {
	i := strings.LastIndex(detail, "must be of type ")
	if i < 0 {
		return detail
	}
	want, _, _ := strings.Cut(detail[i+len("must be of type "):], ":")
	switch want {
	case "string":
		return "write a string, in quotes where it looks like a number or as true and false do"
	case "boolean":
		return "write true or false, without quotes"
	case "integer":
		return "write a whole number, without quotes"
	case "array":
		return "write a list: each entry on a line of its own behind a dash, or all in [ ]"
	case "object":
		if fields := s.fieldsAt(path); len(fields) > 0 {
			return "write its fields below it or in { }: " + strings.Join(fields, ", ")
		}
	}
	return "write a value of type " + want
}

// fieldsAt are the fields of the object at a path, sorted.
func (s *kindSchema) fieldsAt(path string) []string {
	node := s.structural
	for _, step := range strings.Split(path, ".") {
		name, _, isItem := strings.Cut(step, "[")
		next, ok := node.Properties[name]
		if !ok {
			return nil
		}
		node = &next
		if isItem && node.Items != nil {
			node = node.Items
		}
	}
	return slices.Sorted(maps.Keys(node.Properties))
}

// unknownField says what is not a field, and which field was probably meant.
func (s *kindSchema) unknownField(path string) string {
	node, last := s.structural, path
	for {
		head, rest, more := strings.Cut(last, ".")
		if !more {
			break
		}
		name, _, isItem := strings.Cut(head, "[")
		next, ok := node.Properties[name]
		if !ok {
			break
		}
		node = &next
		if isItem && node.Items != nil {
			node = node.Items
		}
		last = rest
	}
	known := make([]string, 0, len(node.Properties))
	for name := range node.Properties {
		known = append(known, name)
	}
	slices.Sort(known)
	for _, name := range known {
		if strings.EqualFold(name, last) || distance(name, last) <= 1+len(last)/4 {
			return fmt.Sprintf("%s: is not a field of %s; write %s instead, or remove it", path, s.kind, name)
		}
	}
	if len(known) > 12 {
		return fmt.Sprintf("%s: is not a field of %s; remove it (kubectl explain %s lists the fields)", path, s.kind, strings.ToLower(s.kind))
	}
	return fmt.Sprintf("%s: is not a field of %s; remove it, or use one of %s", path, s.kind, strings.Join(known, ", "))
}

// distance is the number of letters to insert, remove or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
