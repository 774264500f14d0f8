// Command statuscopies takes the rules on values out of those parts of statuses that
// copy what people wrote.
//
// A rule that is younger than an object does not hold for what its spec has already
// (the API server ratchets it), but it would hold for a copy that is new in the
// status: the standard could never be recorded as being in force, and the portal
// would never have a last compliant spec. So a copy takes what a spec could hold
// under any released version. What bounds its size stays, and so does what Go needs
// to read it again. It runs after controller-gen, on the files that it is given.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// copies are the parts of statuses that copy or follow from what people wrote.
// test/schema TestStatusTakesWhatSpecsHold names a rule that is in none of them.
var copies = map[string][]string{
	v1alpha1.KindAgency:          {"rights", "pendingRights", "catalogue"},
	v1alpha1.KindAgencyPortal:    {"lastCompliant", "platformConsents", "securityLevel", "ports"},
	v1alpha1.KindDataService:     {"claim"},
	v1alpha1.KindDataSharingLink: {"scope", "decisions"},
	v1alpha1.KindSecurityPolicy:  {"inForce", "usedAcceptance"},
	v1alpha1.KindSharedPlatform:  {"consents"},
}

func main() {
	for _, file := range os.Args[1:] {
		if err := rewrite(file); err != nil {
			fmt.Fprintf(os.Stderr, "statuscopies: %s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

func rewrite(file string) error {
	data, err := os.ReadFile(file) //nolint:gosec // the file is named on the command line
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	var definition map[string]any
	if err := yaml.Unmarshal(data, &definition); err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	if err := loosenCopies(definition); err != nil {
		return err
	}
	out, err := yaml.Marshal(definition)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := os.WriteFile(file, append([]byte("---\n"), bytes.TrimPrefix(out, []byte("---\n"))...), 0o644); err != nil { //nolint:gosec // everybody may read it
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// loosenCopies loosens the copies in every version of a definition.
func loosenCopies(definition map[string]any) error {
	kind, _ := at(definition, "spec", "names")["kind"].(string)
	versions, _ := at(definition, "spec")["versions"].([]any)
	if kind == "" || len(versions) == 0 {
		return errors.New("it is no definition of a kind")
	}
	for _, v := range versions {
		version, _ := v.(map[string]any)
		status := at(version, "schema", "openAPIV3Schema", "properties", "status", "properties")
		for _, name := range copies[kind] {
			field, ok := status[name].(map[string]any)
			if !ok {
				return fmt.Errorf("it has no status.%s", name)
			}
			loosen(field)
		}
	}
	return nil
}

func at(o map[string]any, path ...string) map[string]any {
	for _, key := range path {
		o, _ = o[key].(map[string]any)
	}
	return o
}

// bounds are the rules of a schema that are about values and not about sizes.
var bounds = []string{"pattern", "minLength", "minItems", "minProperties", "minimum", "maximum", "x-kubernetes-list-map-keys"}

// loosen takes the rules on values out of a schema and of all below it.
func loosen(schema map[string]any) {
	if schema["x-kubernetes-int-or-string"] == true {
		// An amount: its rule is what Go writes.
		return
	}
	for _, name := range bounds {
		delete(schema, name)
	}
	if _, list := schema["x-kubernetes-list-type"]; list {
		// Nor has it to be free of what stands twice; and the API server would repeat
		// every item in the managed fields.
		schema["x-kubernetes-list-type"] = "atomic"
	}
	rules, _ := schema["x-kubernetes-validations"].([]any)
	delete(schema, "x-kubernetes-validations")
	if kept := readable(rules); len(kept) > 0 {
		schema["x-kubernetes-validations"] = kept
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, p := range properties {
		if s, ok := p.(map[string]any); ok {
			loosen(s)
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		loosen(items)
	}
}

// readable returns what is left of the rules of a schema: what Go can't read must
// not be stored.
func readable(rules []any) []any {
	var out []any
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		text, _ := rule["rule"].(string)
		switch {
		case strings.Contains(text, "timestamp('2000"):
			// The year 1 begins with the time that Go writes as none.
			rule["rule"] = strings.NewReplacer("2000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "< timestamp('2200-01-01T00:00:00Z", "<= timestamp('9999-12-31T23:59:59Z").Replace(text)
			rule["message"] = "must be a time of RFC 3339 in the years 1 to 9999"
		case strings.Contains(text, "duration(self)"):
			rule["rule"], rule["message"] = "duration(self) >= duration('0s')", "must be a duration in hours, minutes and seconds, e.g. 2160h"
		default:
			continue
		}
		if !slices.ContainsFunc(out, func(o any) bool { return o.(map[string]any)["rule"] == rule["rule"] }) {
			out = append(out, rule)
		}
	}
	return out
}
