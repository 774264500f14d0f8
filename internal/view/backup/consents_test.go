package backup

import (
	"testing"

	"github.com/google/go-cmp/cmp"
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
		portal := exportedObject("AgencyPortal", "agency-a", "hub", object{"providesPlatforms": []any{"id"}}, object{"platformConsents": []any{object{"name": "id", "uid": tt.uid}}})
		portal.SetUID("portal-1")
		status := object{}
		if tt.consent != nil {
			tt.consent["portal"] = object{"agency": "a", "name": "hub"}
			status["consents"] = []any{tt.consent}
		}
		platform := exportedObject("SharedPlatform", "", "id", tt.spec, status)
		platform.SetUID(types.UID("p-1"))
		p, err := NewPlan(&Export{Objects: []map[string]any{portal.Object, platform.Object}})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range p.Consents {
			got += w.Why
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestConsentCountsByTheNewestSpec: whether a portal agrees to be a platform is in
// its newest spec, whatever runs; one that never ran comes without a name that is
// withheld.
func TestConsentCountsByTheNewestSpec(t *testing.T) {
	type object = map[string]any
	portal := func(name string, now, last []any) map[string]any {
		status := object{"platformConsents": []any{object{"name": "gone", "uid": "p-0"}}}
		if last != nil {
			status["lastCompliant"] = object{"image": "1", "providesPlatforms": last}
		}
		spec := object{"image": "2"}
		if now != nil {
			spec["providesPlatforms"] = now
		}
		return exportedObject("AgencyPortal", "agency-a", name, spec, status).Object
	}
	p, err := NewPlan(&Export{Objects: []map[string]any{
		portal("withdrawn", nil, []any{"id"}), portal("added", []any{"id"}, []any{}), portal("never-ran", []any{"gone", "id"}, nil),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, u := range p.Ran {
		got[u.GetName()], _, _ = unstructured.NestedStringSlice(u.Object, "spec", "providesPlatforms")
	}
	for _, u := range p.Phases[6].Items {
		if u.GetName() == "never-ran" {
			got[u.GetName()], _, _ = unstructured.NestedStringSlice(u.Object, "spec", "providesPlatforms")
		}
	}
	if diff := cmp.Diff(map[string][]string{"withdrawn": nil, "added": {"id"}, "never-ran": {"id"}}, got); diff != "" {
		t.Errorf("first come (-want +got):\n%s", diff)
	}
}
