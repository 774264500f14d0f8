package install

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/internal/kinds"
)

func contains(text []byte, part string) bool { return bytes.Contains(text, []byte(part)) }

// rights are the rules of one rendered role.
type rights struct {
	name        string
	clusterWide bool // The operator holds them in every namespace.
	rules       []rbacv1.PolicyRule
	labels      map[string]string
	aggregates  bool
}

// roles returns all rendered roles by their kind and name.
func roles(t *testing.T, objects []*unstructured.Unstructured) map[string]rights {
	t.Helper()
	found := map[string]rights{}
	for _, object := range ofKind(objects, "Role", "ClusterRole") {
		var role rbacv1.ClusterRole // Has all fields of a Role.
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &role); err != nil {
			t.Fatalf("%s: %v", id(object), err)
		}
		name := object.GetKind() + "/" + object.GetName()
		found[name] = rights{name: name, rules: role.Rules, labels: role.Labels, aggregates: role.AggregationRule != nil}
	}
	return found
}

// operatorRights returns the roles that the operator's ServiceAccount is bound to.
func operatorRights(t *testing.T, objects []*unstructured.Unstructured) []rights {
	t.Helper()
	all := roles(t, objects)
	var found []rights
	for _, object := range ofKind(objects, "RoleBinding", "ClusterRoleBinding") {
		var binding rbacv1.ClusterRoleBinding // Has all fields of a RoleBinding.
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &binding); err != nil {
			t.Fatalf("%s: %v", id(object), err)
		}
		for _, subject := range binding.Subjects {
			if subject.Kind != rbacv1.ServiceAccountKind || subject.Namespace != namespace || subject.Name != "govplatform-controller-manager" {
				t.Errorf("%s binds %s %q: the installation may bind its own ServiceAccount only", id(object), subject.Kind, subject.Name)
			}
		}
		role, ok := all[binding.RoleRef.Kind+"/"+binding.RoleRef.Name]
		if !ok {
			t.Errorf("%s refers to %s %s, which is not installed", id(object), binding.RoleRef.Kind, binding.RoleRef.Name)
			continue
		}
		role.clusterWide = object.GetKind() == "ClusterRoleBinding"
		found = append(found, role)
	}
	if len(found) == 0 {
		t.Fatal("nothing binds the operator's ServiceAccount")
	}
	return found
}

// TestThreat05_OperatorRights asserts that whoever takes over the operator does not have the cluster.
func TestThreat05_OperatorRights(t *testing.T) {
	renderers := map[string][]*unstructured.Unstructured{"kustomize": everything(t), "helm": helm(t, namespace)}
	for tool, objects := range renderers {
		t.Run(tool, func(t *testing.T) {
			for _, role := range operatorRights(t, objects) {
				for _, rule := range role.rules {
					for _, problem := range excessive(rule, role.clusterWide) {
						t.Errorf("%s: %s in %+v", role.name, problem, rule)
					}
				}
			}
			for _, role := range roles(t, objects) {
				for _, rule := range role.rules {
					for _, problem := range wildcards(rule) {
						t.Errorf("%s: %s in %+v", role.name, problem, rule)
					}
				}
			}
		})
	}
}

// TestThreat05_CheckSeesExcess shows the check each right that it is there to find.
func TestThreat05_CheckSeesExcess(t *testing.T) {
	rule := func(group, resource, verb string, names ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{verb}, ResourceNames: names}
	}
	for name, bad := range map[string]rbacv1.PolicyRule{
		"any verb":           rule("apps", "deployments", "*"),
		"any resource":       rule("apps", "*", "get"),
		"any subresource":    rule("apps", "deployments/*", "get"),
		"any group":          rule("*", "deployments", "get"),
		"secrets everywhere": rule("", "secrets", "list"),
		"escalate":           rule("rbac.authorization.k8s.io", "clusterroles", "escalate", "one"),
		"impersonate":        rule("", "users", "impersonate", "one"),
		"bind any role":      rule("rbac.authorization.k8s.io", "clusterroles", "bind"),
		"enter pods":         rule("", "pods/exec", "create"),
		"tokens of others":   rule("", "serviceaccounts/token", "create"),
		"approve signers":    rule("certificates.k8s.io", "signers", "approve"),
	} {
		if len(append(excessive(bad, true), wildcards(bad)...)) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	good := rule("rbac.authorization.k8s.io", "clusterroles", "bind", "govplatform-agency-admin")
	if problems := append(excessive(good, true), wildcards(good)...); len(problems) > 0 {
		t.Errorf("bind with a name is refused: %v", problems)
	}
}

// wildcards names the parts of a rule that mean everything, now and in later versions of Kubernetes.
func wildcards(rule rbacv1.PolicyRule) []string {
	var problems []string
	for part, values := range map[string][]string{"verbs": rule.Verbs, "resources": rule.Resources, "apiGroups": rule.APIGroups, "nonResourceURLs": rule.NonResourceURLs} {
		if slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, "*") }) {
			problems = append(problems, "a wildcard in "+part)
		}
	}
	return problems
}

// excessive names what the operator must not be able to do.
func excessive(rule rbacv1.PolicyRule, clusterWide bool) []string {
	var problems []string
	if clusterWide && slices.Contains(rule.APIGroups, "") && slices.Contains(rule.Resources, "secrets") {
		problems = append(problems, "Secrets of every namespace")
	}
	for _, verb := range []string{"escalate", "impersonate", "approve", "sign", "attest"} {
		if slices.Contains(rule.Verbs, verb) {
			problems = append(problems, "the verb "+verb)
		}
	}
	if slices.Contains(rule.Verbs, "bind") && len(rule.ResourceNames) == 0 {
		problems = append(problems, "bind without resourceNames")
	}
	for _, resource := range []string{"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy", "nodes/proxy", "serviceaccounts/token"} {
		if slices.Contains(rule.Resources, resource) {
			problems = append(problems, resource)
		}
	}
	return problems
}

// TestRolesForPeople asserts what tenants can't do, and that nobody else's roles grow by the installation.
func TestRolesForPeople(t *testing.T) {
	objects := everything(t)
	shipped := roles(t, objects)
	for _, name := range []string{"agency-admin", "agency-viewer", "authority", "catalogue-viewer", "object-remover", "platform-team", "pod-remover"} {
		role, ok := shipped["ClusterRole/govplatform-"+name]
		if !ok {
			t.Errorf("ClusterRole govplatform-%s is missing", name)
			continue
		}
		for _, rule := range role.rules {
			if slices.Contains(rule.Resources, "agencies") && strings.HasSuffix(name, "-remover") && !slices.Equal(rule.Verbs, asked[name]) {
				t.Errorf("%s may %v agencies", name, rule.Verbs)
			}
			for _, resource := range rule.Resources {
				if _, sub, ok := strings.Cut(resource, "/"); ok && sub != "log" {
					t.Errorf("%s has rights on %s", name, resource)
				}
				if writes(rule) && !slices.Contains(writable[name], resource) {
					t.Errorf("%s can write %s", name, resource)
				}
				if resource == "secrets" && name != "agency-admin" {
					t.Errorf("%s reads Secrets", name)
				}
			}
		}
	}
	// kubectl gov may be told the settings without any other ConfigMap of the operator's namespace.
	if viewer := shipped["Role/govplatform-settings-viewer"].rules; len(viewer) != 1 || !slices.Equal(viewer[0].Resources, []string{"configmaps"}) ||
		!slices.Equal(viewer[0].Verbs, []string{"get"}) || !slices.Equal(viewer[0].ResourceNames, []string{"govplatform-config", "govplatform-settings-in-force"}) {
		t.Errorf("settings-viewer has %+v", viewer)
	}
	for name, role := range shipped {
		if role.aggregates {
			t.Errorf("%s takes in rights of other roles", name)
		}
		for label := range role.labels {
			if strings.HasPrefix(label, "rbac.authorization.k8s.io/aggregate-to-") {
				t.Errorf("%s widens another role by its label %s", name, label)
			}
		}
	}
}

// ofAgencies are the platform's kinds that stand in agencies' namespaces.
func ofAgencies() []string {
	var out []string
	for _, d := range kinds.Namespaced() {
		out = append(out, d.Plural)
	}
	return out
}

// writable says what each role for people may write.
var writable = map[string][]string{
	"agency-admin":  append(ofAgencies(), "configmaps", "secrets"),
	"authority":     {"securitypolicies", "sharedplatforms"},
	"platform-team": {"agencies"},
	// Admission holds these two to what is being deleted; on agencies they have a verb that is only asked for.
	"object-remover": append(ofAgencies(), "agencies"),
	"pod-remover":    {"agencies", "pods"},
}

// asked are the verbs on agencies that only admission policies ask for.
var asked = map[string][]string{"object-remover": {"removeobjects"}, "pod-remover": {"removestuckpods"}}

func writes(rule rbacv1.PolicyRule) bool {
	return slices.ContainsFunc(rule.Verbs, func(verb string) bool { return !slices.Contains([]string{"get", "list", "watch"}, verb) })
}
