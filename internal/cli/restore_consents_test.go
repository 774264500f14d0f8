package cli

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// TestConsentsThatAreWithheld: a consent comes back only where it covered all that
// the platform was.
// Fails when any of the questions of notCovered is not asked.
func TestConsentsThatAreWithheld(t *testing.T) {
	type object = map[string]any
	for name, tt := range map[string]struct {
		uid     string
		consent object
		spec    object
		want    string
	}{
		"covers it":             {"p-1", object{"portalUID": "portal-1", "type": "Identity"}, object{"type": "Identity"}, ""},
		"not recorded yet":      {"p-1", nil, object{"type": "Identity"}, ""},
		"of an earlier portal":  {"p-1", object{"portalUID": "portal-0", "type": "Payment"}, object{"type": "Identity"}, ""},
		"another of the name":   {"p-0", nil, object{"type": "Identity"}, "it agreed to another platform of this name"},
		"another type":          {"p-1", object{"portalUID": "portal-1", "type": "Payment"}, object{"type": "Identity"}, "it agreed to a platform of type Payment"},
		"more agencies":         {"p-1", object{"portalUID": "portal-1", "type": "Identity", "agencies": []any{"a"}}, object{"type": "Identity", "agencies": []any{"a", "b"}}, "it agreed to fewer agencies"},
		"every agency":          {"p-1", object{"portalUID": "portal-1", "type": "Identity", "agencies": []any{"a"}}, object{"type": "Identity"}, "it agreed to fewer agencies"},
		"fewer agencies":        {"p-1", object{"portalUID": "portal-1", "type": "Identity", "agencies": []any{"a", "b"}}, object{"type": "Identity", "agencies": []any{"a"}}, ""},
		"every agency narrowed": {"p-1", object{"portalUID": "portal-1", "type": "Identity"}, object{"type": "Identity", "agencies": []any{"a"}}, ""},
	} {
		portal := fileObject("AgencyPortal", "agency-a", "hub", object{"providesPlatforms": []any{"id"}}, object{"platformConsents": []any{object{"name": "id", "uid": tt.uid}}})
		portal.SetUID("portal-1")
		status := object{}
		if tt.consent != nil {
			status["consent"] = tt.consent
		}
		platform := fileObject("SharedPlatform", "", "id", tt.spec, status)
		platform.SetUID(types.UID("p-1"))
		p, err := planRestore(&Export{Objects: []map[string]any{portal.Object, platform.Object}})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range p.consents {
			got += w.why
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestWithheldConsentIsOnRecord: the record is there before anybody reads the name,
// also if the operator was quicker, and what is agreed later stays.
func TestWithheldConsentIsOnRecord(t *testing.T) {
	file := fileObject("AgencyPortal", "agency-a", "hub", nil, nil)
	r := &restorer{plan: &restorePlan{consents: []withheld{{portal: objectKey(file), platform: "id", uid: "old"}}}}
	uids := func(live *unstructured.Unstructured) (out []string) {
		list, _, _ := unstructured.NestedSlice(live.Object, "status", "platformConsents")
		for _, c := range list {
			out = append(out, c.(map[string]any)["uid"].(string))
		}
		return out
	}
	recorded := map[string]any{"platformConsents": []any{map[string]any{"name": "other", "uid": "stays"}, map[string]any{"name": "id", "uid": "new"}}}
	for name, tt := range map[string]struct {
		status     map[string]any
		generation int64
		want       []string
	}{
		"nothing yet":          {map[string]any{}, 1, []string{"old"}},
		"the operator was on":  {recorded, 1, []string{"stays", "old"}},
		"repeated":             {map[string]any{}, 2, []string{"old"}},
		"repeated, and agreed": {recorded, 3, []string{"stays", "new"}},
	} {
		live := fileObject("AgencyPortal", "agency-a", "hub", nil, tt.status).DeepCopy()
		live.SetGeneration(tt.generation)
		r.keepConsents(live, file)
		if got := uids(live); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
