package cli

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// What a restore does with a field of a status. A field that is a decision, or
// that nobody can observe anew, must come back or be left out for a reason.
const (
	// derived: the operator computes it from what is there.
	derived = "derived"
	// restored: the restore writes it, or does what leads to it.
	restored = "restored"
	// leftOut: on purpose.
	leftOut = "left out"
)

type fieldFate struct{ fate, why string }

// statusFields is every field of every status, by kind and name.
var statusFields = map[string]map[string]fieldFate{
	"": {
		"observedGeneration": {leftOut, "generations are of one cluster"},
		"conditions":         {derived, "and the times in them are those of the new cluster: since when something holds there"},
		"inventory":          {leftOut, "it names objects of the old cluster; the operator finds its own by their mark"},
	},
	"Agency": {
		"namespace":     {derived, "its absence makes the agency new, which gives no rights that waited: those are not in the spec"},
		"portals":       {derived, "counted"},
		"dataServices":  {derived, "counted"},
		"links":         {derived, "counted"},
		"approvals":     {derived, "counted"},
		"children":      {derived, "counted"},
		"catalogue":     {derived, "listed"},
		"adopted":       {leftOut, "it is about a namespace of the old cluster"},
		"rights":        {restored, "what was in force is all that the restored spec asks for; the time is that of the restore, when it is announced"},
		"pendingRights": {leftOut, "what waited for a second person is asked for again, and listed: before its portals are there nothing shows that an agency holds personal data"},
	},
	"SecurityPolicy": {
		"matched":        {derived, "counted"},
		"compliant":      {derived, "counted"},
		"violating":      {derived, "counted"},
		"exempted":       {derived, "counted"},
		"violators":      {derived, "listed"},
		"inForce":        {restored, "it is the spec that the policy is restored with first"},
		"impact":         {derived, "weighed when the newest spec follows, after the portals"},
		"usedAcceptance": {restored, "a statement that was used up would let the next slip pass"},
		"recentStops":    {restored, "the bound counts it until its window is over"},
	},
	"AgencyPortal": {
		"agency":           {derived, "from the namespace"},
		"securityLevel":    {derived, "computed"},
		"url":              {derived, "from what runs"},
		"ports":            {derived, "from what runs"},
		"publicServices":   {derived, "counted"},
		"policies":         {derived, "from the selectors"},
		"findings":         {derived, "evaluated"},
		"platformConsents": {restored, "where they did not cover what the platform is; otherwise the agency agreed to the platform that is restored"},
		"replacing":        {derived, "from the Deployment, which is new"},
		"lastCompliant":    {restored, "it is the spec that the portal is restored with first, and is held against the standards again"},
	},
	"SharedPlatform": {
		"fingerprint": {derived, "computed"},
		"duplicateOf": {derived, "from the age, in whose order platforms are restored"},
		"consumers":   {derived, "counted"},
		"consents":    {derived, "recorded anew where the portal's record lets it be"},
	},
	"DataService": {
		"links":      {derived, "listed"},
		"claim":      {restored, "since when the dataset is owned"},
		"identifier": {derived, "from the names"},
		"consumers":  {derived, "from the links that are open"},
	},
	"DataSharingLink": {
		"specHash":   {derived, "of the new cluster's identities, so that no old approval fits"},
		"phase":      {derived, "from the decisions"},
		"identifier": {derived, "from the names"},
		"scope":      {derived, "from what there is"},
		"decisions":  {restored, "the record of who decided what"},
	},
	"DataSharingApproval": {
		"side": {restored, "where it was the authority's, so that it stands under whatever authority the settings name"},
	},
}

// TestEveryStatusFieldHasAFate fails when a kind gets a field of its status about
// which nobody has said what a restore does with it. It writes no status back
// that is not among those restored.
func TestEveryStatusFieldHasAFate(t *testing.T) {
	for _, d := range kinds.All() {
		kind := d.Kind
		field, ok := reflect.TypeOf(d.New()).Elem().FieldByName("Status")
		if !ok {
			t.Fatalf("%s has no status", kind)
		}
		listed, seen := statusFields[kind], map[string]bool{}
		if listed == nil {
			t.Errorf("internal/cli/status_fields_test.go: statusFields has no %s: add its fields, and what a restore does with each", kind)
			continue
		}
		for _, name := range jsonFields(field.Type) {
			fate, own := listed[name]
			if base, shared := statusFields[""][name]; shared {
				fate, own = base, true
			}
			seen[name] = true
			switch {
			case !own:
				t.Errorf("%s status.%s: say in statusFields of internal/cli/status_fields_test.go whether a restore brings it back, and why not", kind, name)
			case fate.why == "" || !slices.Contains([]string{derived, restored, leftOut}, fate.fate):
				t.Errorf("%s status.%s: %+v", kind, name, fate)
			}
		}
		for name := range listed {
			if !seen[name] {
				t.Errorf("%s has no status.%s any more", kind, name)
			}
		}
	}
}

// jsonFields are the names of a struct's fields, those of inlined structs too.
func jsonFields(typ reflect.Type) []string {
	var out []string
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if options == "inline" {
			out = append(out, jsonFields(typ.Field(i).Type)...)
			continue
		}
		out = append(out, name)
	}
	return out
}

// fileObject is an object of a file.
func fileObject(kind, namespace, name string, spec, status map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec, "status": status}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// TestCompetingClaimsKeepTheirOrder: what claims the same is created a second
// apart, and what the cluster has in another order is named.
func TestCompetingClaimsKeepTheirOrder(t *testing.T) {
	portal := func(name, created string) *unstructured.Unstructured {
		u := fileObject("AgencyPortal", "agency-a", name, map[string]any{"hostnames": []any{"www"}}, nil)
		_ = unstructured.SetNestedField(u.Object, created, "metadata", "creationTimestamp")
		return u
	}
	older, younger := portal("older", "2026-01-01T00:00:01Z"), portal("younger", "2026-01-01T00:00:00Z")
	r := &restorer{plan: &backup.Plan{}, claimants: map[string]claimant{}}
	r.claimed(older, older)
	before := time.Now()
	r.turn(t.Context(), younger)
	if waited := time.Since(before); waited < time.Second {
		t.Errorf("the second one follows after %s", waited)
	}
	if r.claimed(younger, younger); len(r.failures) != 1 || !strings.Contains(r.failures[0], "AgencyPortal agency-a/younger: it is older here than agency-a/older") {
		t.Errorf("the wrong order is not named: %q", r.failures)
	}
}
