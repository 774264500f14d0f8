// Package ownrights knows what the operator must be allowed to do: every rule of the
// roles that it is installed with.
package ownrights

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// Right is one thing that one request may do.
type Right struct {
	// Namespace in which it is needed; empty for the whole cluster.
	Namespace string
	// Group and Resource, with its subresource as in "agencies/status".
	Group, Resource string
	// Name of the only object; empty for all.
	Name string
	Verb string
}

// Of returns every right that a role gives, each once and in the order of the role.
// The namespace is that of a Role, and empty for a ClusterRole.
func Of(role []byte, namespace string) ([]Right, error) {
	var r rbacv1.ClusterRole // Has all fields of a Role.
	if err := yaml.UnmarshalStrict(role, &r); err != nil {
		return nil, fmt.Errorf("parse role: %w", err)
	}
	var out []Right
	seen := map[Right]bool{}
	for _, rule := range r.Rules {
		for _, values := range [][]string{rule.Verbs, rule.APIGroups, rule.Resources} {
			if len(values) == 0 || slices.Contains(values, "*") {
				return nil, fmt.Errorf("role %s: a rule must name its verbs, groups and resources: %+v", r.Name, rule)
			}
		}
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, name := range names {
					for _, verb := range rule.Verbs {
						if right := (Right{namespace, group, resource, name, verb}); !seen[right] {
							seen[right] = true
							out = append(out, right)
						}
					}
				}
			}
		}
	}
	return out, nil
}

// Given reports whether one of the rules that the API server lists gives a right.
func (r Right) Given(rules []authorizationv1.ResourceRule) bool {
	_, subresource, sub := strings.Cut(r.Resource, "/")
	return slices.ContainsFunc(rules, func(rule authorizationv1.ResourceRule) bool {
		return has(rule.Verbs, r.Verb) && has(rule.APIGroups, r.Group) &&
			(has(rule.Resources, r.Resource) || sub && slices.Contains(rule.Resources, "*/"+subresource)) &&
			(len(rule.ResourceNames) == 0 || r.Name != "" && slices.Contains(rule.ResourceNames, r.Name))
	})
}

func has(values []string, want string) bool {
	return slices.Contains(values, "*") || slices.Contains(values, want)
}

// Attributes are how the API server is asked about a right.
func (r Right) Attributes() *authorizationv1.ResourceAttributes {
	resource, subresource, _ := strings.Cut(r.Resource, "/")
	return &authorizationv1.ResourceAttributes{
		Namespace: r.Namespace, Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: subresource, Name: r.Name,
	}
}

// object words what a right is about, as "deployments.apps" or
// "clusterroles.rbac.authorization.k8s.io govplatform-agency-admin".
func (r Right) object() string {
	out := r.Resource
	if r.Group != "" {
		resource, subresource, sub := strings.Cut(r.Resource, "/")
		out = resource + "." + r.Group
		if sub {
			out += "/" + subresource
		}
	}
	if r.Name != "" {
		out += " " + r.Name
	}
	if r.Namespace != "" {
		out += " in namespace " + r.Namespace
	}
	return out
}

// Words names rights, those with the same verbs together: "create, update on
// deployments.apps; get on pods". It is sorted by what the rights are about.
func Words(rights []Right) string {
	verbs := map[string][]string{}
	for _, r := range rights {
		verbs[r.object()] = append(verbs[r.object()], r.Verb)
	}
	objects := map[string][]string{}
	for _, o := range slices.Sorted(maps.Keys(verbs)) {
		slices.Sort(verbs[o])
		key := strings.Join(verbs[o], ", ")
		objects[key] = append(objects[key], o)
	}
	keys := slices.SortedFunc(maps.Keys(objects), func(a, b string) int { return cmp.Compare(objects[a][0], objects[b][0]) })
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k + " on " + strings.Join(objects[k], ", ")
	}
	return strings.Join(parts, "; ")
}
