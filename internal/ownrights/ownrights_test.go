package ownrights

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/govplatform/govplatform/config/rbac"
)

// TestOf: each verb on each resource, and on each named object, is a right of its
// own. Fails when resource names or subresources are left out.
func TestOf(t *testing.T) {
	got, err := Of(rbac.ManagerRole, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Right{
		{Resource: "namespaces", Verb: "create"},
		{Group: "platform.gov.vn", Resource: "agencies/status", Verb: "patch"},
		{Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Name: "govplatform-agency-admin", Verb: "bind"},
		{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Name: "agencies.platform.gov.vn", Verb: "watch"},
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%+v is missing", want)
		}
	}
	if n := len(got); n < 100 {
		t.Errorf("%d rights, want more than 100", n)
	}
	got, err = Of(rbac.LeaderElectionRole, "system")
	if err != nil || !slices.Contains(got, Right{Namespace: "system", Group: "coordination.k8s.io", Resource: "leases", Verb: "update"}) {
		t.Errorf("leader election: %v (%v)", got, err)
	}
	for _, bad := range []string{"rules: [{verbs: ['*'], apiGroups: [''], resources: [pods]}]", "rules: [{verbs: [get], nonResourceURLs: [/metrics]}]", "rules: 1"} {
		if got, err := Of([]byte(bad), ""); err == nil {
			t.Errorf("%s gives %v, want an error", bad, got)
		}
	}
}

// TestGiven: a rule gives what it names, and what a wildcard covers, and nothing
// else. Fails when one of the parts of a rule is not compared.
func TestGiven(t *testing.T) {
	rule := func(verb, group, resource string, names ...string) []authorizationv1.ResourceRule {
		return []authorizationv1.ResourceRule{{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names}}
	}
	deployments := Right{Group: "apps", Resource: "deployments", Verb: "update"}
	status := Right{Group: "platform.gov.vn", Resource: "agencies/status", Verb: "patch"}
	bind := Right{Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Name: "one", Verb: "bind"}
	for name, tt := range map[string]struct {
		right Right
		rules []authorizationv1.ResourceRule
		want  bool
	}{
		"the rule itself":              {deployments, rule("update", "apps", "deployments"), true},
		"everything":                   {deployments, rule("*", "*", "*"), true},
		"another verb":                 {deployments, rule("patch", "apps", "deployments"), false},
		"another group":                {deployments, rule("update", "extensions", "deployments"), false},
		"another resource":             {deployments, rule("update", "apps", "replicasets"), false},
		"one object only":              {deployments, rule("update", "apps", "deployments", "one"), false},
		"a subresource":                {status, rule("patch", "platform.gov.vn", "agencies/status"), true},
		"every status":                 {status, rule("patch", "platform.gov.vn", "*/status"), true},
		"without its subresource":      {status, rule("patch", "platform.gov.vn", "agencies"), false},
		"a named object":               {bind, rule("bind", "rbac.authorization.k8s.io", "clusterroles", "one", "two"), true},
		"every object":                 {bind, rule("bind", "rbac.authorization.k8s.io", "clusterroles"), true},
		"another object":               {bind, rule("bind", "rbac.authorization.k8s.io", "clusterroles", "two"), false},
		"every resource's subresource": {deployments, rule("update", "apps", "*/status"), false},
		"nothing":                      {deployments, nil, false},
	} {
		if got := tt.right.Given(tt.rules); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}

// TestWords: what is missing is named by verb and resource, and the same verbs once.
func TestWords(t *testing.T) {
	got := Words([]Right{
		{Resource: "services", Verb: "update"}, {Resource: "services", Verb: "create"},
		{Resource: "namespaces", Verb: "create"}, {Resource: "namespaces", Verb: "update"},
		{Group: "platform.gov.vn", Resource: "agencies/status", Verb: "patch"},
		{Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Name: "govplatform-agency-admin", Verb: "bind"},
		{Namespace: "system", Group: "coordination.k8s.io", Resource: "leases", Verb: "get"},
	})
	want := "patch on agencies.platform.gov.vn/status; bind on clusterroles.rbac.authorization.k8s.io govplatform-agency-admin; " +
		"get on leases.coordination.k8s.io in namespace system; create, update on namespaces, services"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if Words(nil) != "" || strings.Contains(got, "  ") {
		t.Errorf("words of nothing: %q", Words(nil))
	}
}
