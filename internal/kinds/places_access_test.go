package kinds

import (
	"io/fs"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// rules of some roles of config/rbac.
func rules(repo fs.FS, roles ...string) ([]rbacv1.PolicyRule, error) {
	var out []rbacv1.PolicyRule
	for _, name := range roles {
		var role rbacv1.ClusterRole
		if err := parse(repo, "config/rbac/"+name+".yaml", &role); err != nil {
			return nil, err
		}
		out = append(out, role.Rules...)
	}
	return out, nil
}

// ruled returns the platform's resources on which roles have a verb.
func ruled(verb string, roles ...string) func(fs.FS) ([]string, error) {
	return func(repo fs.FS) ([]string, error) {
		all, err := rules(repo, roles...)
		var out []string
		for _, r := range all {
			if slices.Contains(r.APIGroups, v1alpha1.GroupVersion.Group) && slices.Contains(r.Verbs, verb) {
				out = append(out, r.Resources...)
			}
		}
		return out, err
	}
}

func statuses(repo fs.FS) ([]string, error) {
	all, err := ruled("patch", "role")(repo)
	var out []string
	for _, resource := range all {
		if name, ok := strings.CutSuffix(resource, "/status"); ok {
			out = append(out, name)
		}
	}
	return out, err
}

func watched(repo fs.FS) ([]string, error) {
	all, err := rules(repo, "role")
	var out []string
	for _, r := range all {
		if slices.Contains(r.Resources, "customresourcedefinitions") {
			out = append(out, r.ResourceNames...)
		}
	}
	return out, err
}

func removable(repo fs.FS) ([]string, error) {
	all, err := objects(repo, "config/admission/object-removal.yaml")
	var out []string
	for _, o := range all {
		rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "matchConstraints", "resourceRules")
		for _, r := range rules {
			resources, _, _ := unstructured.NestedStringSlice(r.(map[string]any), "resources")
			out = append(out, resources...)
		}
	}
	return out, err
}

func counted(repo fs.FS) ([]string, error) {
	all, err := objects(repo, "config/manager/quota.yaml")
	var out []string
	for _, o := range all {
		hard, _, _ := unstructured.NestedStringMap(o.Object, "spec", "hard")
		for name := range hard {
			if of, ok := strings.CutPrefix(name, "count/"); ok {
				out = append(out, of)
			}
		}
	}
	return out, err
}
