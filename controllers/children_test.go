package controllers

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds"
)

// childVerbs are what the operator does to what it emits.
var childVerbs = []string{"get", "list", "watch", "create", "update", "delete"}

// missingVerbs returns those of childVerbs that something does not give.
func missingVerbs(gives func(verb string) bool) []string {
	return slices.DeleteFunc(slices.Clone(childVerbs), gives)
}

// marked returns the verbs that the markers of some code ask for, on a resource.
func marked(code, group, resource string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^// \+kubebuilder:rbac:groups="?([^,"]*)"?,resources=([^,\n]*),verbs=([^,\n]*)$`).FindAllStringSubmatch(code, -1) {
		if m[1] == group && slices.Contains(strings.Split(m[2], ";"), resource) {
			out = append(out, strings.Split(m[3], ";")...)
		}
	}
	return out
}

// TestChildrenAreOwned: who emits a kind may write it, by a marker of its own controller,
// and hears of what others do to it. Without the first the API server refuses the write,
// without the second nothing is repaired; both show only in a cluster.
//
// Fails with services taken out of the marker of portals, with create taken out of it, and
// without the watch of Services.
func TestChildrenAreOwned(t *testing.T) {
	for _, d := range kinds.All() {
		emitted := child.EmittedBy(d.Kind)
		code := codeOf(t, d.File())
		if len(emitted) > 0 && !slices.Contains(marked(code, d.GVK().Group, d.Plural+"/finalizers"), "update") {
			t.Errorf("controllers/%s: add the marker +kubebuilder:rbac:groups=%s,resources=%s/finalizers,verbs=update, since it owns what it emits", d.File(), d.GVK().Group, d.Plural)
		}
		for _, row := range emitted {
			plural, _ := meta.UnsafeGuessKindToResource(row.GVK)
			has := marked(code, row.GVK.Group, plural.Resource)
			if missing := missingVerbs(func(verb string) bool { return slices.Contains(has, verb) }); len(missing) > 0 {
				t.Errorf("controllers/%s: it emits %s and no marker lets it %s them: add +kubebuilder:rbac:groups=%q,resources=%s,verbs=%s and run make manifests chart",
					d.File(), row.GVK.Kind, strings.Join(missing, ", "), row.GVK.Group, plural.Resource, strings.Join(childVerbs, ";"))
			}
			if !regexp.MustCompile(`Watches\(&\w+\.` + row.GVK.Kind + `\{\}, (byOwner|watches\.ByOwnerLabel\()`).MatchString(code) {
				t.Errorf("controllers/%s: nothing repairs a %s that somebody changes: add Watches(…%s{}, byOwner) to SetupWithManager", d.File(), row.GVK.Kind, row.GVK.Kind)
			}
		}
	}
}

// TestMarkersAreManifests: what the markers ask for of children is what ships.
// Fails with a verb of role.yaml taken out.
func TestMarkersAreManifests(t *testing.T) {
	data, err := os.ReadFile("../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.Unmarshal(data, &role); err != nil {
		t.Fatal(err)
	}
	for _, row := range child.Rows() {
		plural, _ := meta.UnsafeGuessKindToResource(row.GVK)
		missing := missingVerbs(func(verb string) bool {
			return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
				return slices.Contains(r.APIGroups, row.GVK.Group) && slices.Contains(r.Resources, plural.Resource) && slices.Contains(r.Verbs, verb)
			})
		})
		if len(missing) > 0 {
			t.Errorf("config/rbac/role.yaml does not let the operator %s %s: add what TestChildrenAreOwned asks for, and run make manifests chart", strings.Join(missing, ", "), plural.Resource)
		}
	}
}

// TestClosingGoesFirst: each controller has a watch of its own kind that hears of what
// closes; without it a change that takes something away waits behind all others.
// What closes comes by it alone.
// Fails without that line of any controller, with another one of its kind before it, and
// where SelfBut hears of what closes too.
func TestClosingGoesFirst(t *testing.T) {
	for _, d := range kinds.All() {
		code := codeOf(t, d.File())
		if line := "Watches(&v1alpha1." + d.Kind + "{}, watches.Self(), watches.Closing())"; !strings.Contains(code, line) {
			t.Errorf("controllers/%s: add .%s to SetupWithManager, after For", d.File(), line)
		}
		first := regexp.MustCompile(`\bWatches\(&v1alpha1\.` + d.Kind + `\{\}, [^\n]*`).FindString(code)
		if !strings.Contains(first, "watches.Self(), watches.Closing()") {
			t.Errorf("controllers/%s: what closes is told after %q: write it first, since those of a kind are told one after the other", d.File(), first)
		}
		beside := "watches.SelfBut(own), predicate.Not(watches.Closing())"
		if strings.Count(code, "SelfBut(") != strings.Count(code, beside) {
			t.Errorf("controllers/%s: what closes comes by both watches and takes twice of the agency's share: write %s", d.File(), beside)
		}
	}
}

// TestAgenciesHearOfWhatTheyHave: an agency counts what its namespace has, and waits for
// that when it goes, so its controller hears of each kind that is there.
// Fails without the watch of any of them.
func TestAgenciesHearOfWhatTheyHave(t *testing.T) {
	code := codeOf(t, kinds.Agency.File())
	for _, d := range kinds.Namespaced() {
		if !strings.Contains(code, "Watches(&v1alpha1."+d.Kind+"{}") {
			t.Errorf("controllers/agency/agency_controller.go: add .Watches(&v1alpha1.%s{}, watches.MapLater(agencyOfNamespace), watches.CreatedOrDeleted()) to SetupWithManager, so that an agency counts %s anew", d.Kind, d.Plural)
		}
	}
}

// TestStandardsAreHeard: a kind whose decision rests on standards is told by its own watch
// when they change. That somebody else's status changes with them is by chance.
// Fails without that watch of shared platforms, and of any other kind.
func TestStandardsAreHeard(t *testing.T) {
	rests := regexp.MustCompile(`(?m)^\tPolicies +\[\]v1alpha1\.SecurityPolicy$`)
	heard := regexp.MustCompile(`Watches\(&v1alpha1\.SecurityPolicy\{\}, [^\n]*watches\.StandardChanged\(\)`)
	n := 0
	for _, d := range kinds.All() {
		if d.Kind == kinds.SecurityPolicy.Kind || !rests.MatchString(codeOf(t, "../internal/kinds/"+d.Room())) {
			continue
		}
		n++
		if !heard.MatchString(codeOf(t, d.File())) {
			t.Errorf("controllers/%s: its decision rests on standards and nothing tells it of them: add .Watches(&v1alpha1.SecurityPolicy{}, watches.MapLow(…), watches.StandardChanged()) to SetupWithManager", d.File())
		}
	}
	if n < 3 {
		t.Errorf("only %d kinds rest on standards, so the test does not see what it is for", n)
	}
}
