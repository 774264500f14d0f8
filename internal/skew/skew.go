// Package skew compares the definitions that an operator was built with and
// those that the API server serves. A definition that lacks a field makes the
// API server drop it from everything that is written, without a word.
package skew

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/config/crd"
	"github.com/govplatform/govplatform/internal/text"
)

// remedy is what helps against a definition that is absent or older.
const remedy = "run kubectl apply --server-side -k config/crd of this operator's version first, then start the operator"

// shown is how many fields a message names.
const shown = 3

// Finding is what a served definition has and lacks.
type Finding struct {
	// Name of the CustomResourceDefinition, and the Kind that it defines.
	Name, Kind string
	// Absent is a definition that is not installed.
	Absent bool
	// Missing are the fields that the operator knows and the served definition lacks, sorted.
	Missing []string
	// Extra are the fields of the served definition that the operator does not know, sorted.
	Extra []string
}

// Older reports whether the operator can't work with the served definition.
func (f Finding) Older() bool { return f.Absent || len(f.Missing) > 0 }

// String says what is wrong with the served definition.
func (f Finding) String() string {
	switch {
	case f.Absent:
		return fmt.Sprintf("CustomResourceDefinition %s is not installed", f.Name)
	case len(f.Missing) > 0:
		return fmt.Sprintf("CustomResourceDefinition %s is older than the operator: it lacks %s", f.Name, text.Few(f.Missing, shown))
	case len(f.Extra) > 0:
		return fmt.Sprintf("CustomResourceDefinition %s is newer than the operator: it also has %s", f.Name, text.Few(f.Extra, shown))
	default:
		return fmt.Sprintf("CustomResourceDefinition %s fits the operator", f.Name)
	}
}

// Error returns one error about all definitions that the operator can't work
// with, or nil.
func Error(findings []Finding) error {
	var older []string
	for _, f := range findings {
		if f.Older() {
			older = append(older, f.String())
		}
	}
	if len(older) == 0 {
		return nil
	}
	return fmt.Errorf("%s; what is written there would be dropped without a word: %s", strings.Join(older, "; "), remedy)
}

// Embedded returns the definitions that the operator was built with, by name.
func Embedded() (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list definitions: %w", err)
	}
	out := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, name := range files {
		data, err := crd.Bases.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read definition: %w", err)
		}
		d := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(data, d); err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		out[d.Name] = d
	}
	return out, nil
}

// Compare returns what the served definition has and lacks compared with the
// one that the operator was built with. A nil served definition is absent.
func Compare(built, served *apiextensionsv1.CustomResourceDefinition) Finding {
	f := Finding{Name: built.Name, Kind: built.Spec.Names.Kind, Absent: served == nil}
	if served != nil {
		f.Missing, f.Extra = lacks(built, served), lacks(served, built)
	}
	return f
}

// lacks names the fields of one definition that another has not. The version is
// part of the name only where all of it is missing.
func lacks(of, in *apiextensionsv1.CustomResourceDefinition) []string {
	var out []string
	for i := range of.Spec.Versions {
		v := &of.Spec.Versions[i]
		if !v.Served {
			continue
		}
		at := slices.IndexFunc(in.Spec.Versions, func(w apiextensionsv1.CustomResourceDefinitionVersion) bool { return w.Name == v.Name && w.Served })
		if at < 0 {
			out = append(out, "version "+v.Name)
			continue
		}
		w := &in.Spec.Versions[at]
		if v.Subresources != nil && v.Subresources.Status != nil && (w.Subresources == nil || w.Subresources.Status == nil) {
			out = append(out, "subresource status of "+v.Name)
		}
		out = append(out, fields(schemaOf(v), schemaOf(w), "")...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func schemaOf(v *apiextensionsv1.CustomResourceDefinitionVersion) *apiextensionsv1.JSONSchemaProps {
	if v.Schema == nil {
		return nil
	}
	return v.Schema.OpenAPIV3Schema
}

// fields names what a schema keeps that another drops.
func fields(of, in *apiextensionsv1.JSONSchemaProps, path string) []string {
	if of == nil || in != nil && preserves(in) {
		return nil
	}
	if in == nil {
		return []string{orAll(path)}
	}
	var out []string
	if preserves(of) {
		out = append(out, orAll(path)+" (any field)")
	}
	for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
		next := name
		if path != "" {
			next = path + "." + name
		}
		have, ok := in.Properties[name]
		if !ok {
			out = append(out, next)
			continue
		}
		want := of.Properties[name]
		out = append(out, fields(&want, &have, next)...)
	}
	if of.Items != nil {
		var have *apiextensionsv1.JSONSchemaProps
		if in.Items != nil {
			have = in.Items.Schema
		}
		out = append(out, fields(of.Items.Schema, have, path+"[]")...)
	}
	if of.AdditionalProperties != nil {
		if in.AdditionalProperties == nil {
			return append(out, path+"{}")
		}
		out = append(out, fields(of.AdditionalProperties.Schema, in.AdditionalProperties.Schema, path+"{}")...)
	}
	return out
}

func preserves(s *apiextensionsv1.JSONSchemaProps) bool {
	return s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields
}

func orAll(path string) string {
	if path == "" {
		return "the whole schema"
	}
	return path
}
