package cli

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
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
			tt.consent["portal"] = object{"agency": "a", "name": "hub"}
			status["consents"] = []any{tt.consent}
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
// also if the operator was quicker, what is agreed later stays, and no object has the
// UID that is on record.
func TestWithheldConsentIsOnRecord(t *testing.T) {
	file := fileObject("AgencyPortal", "agency-a", "hub", map[string]any{"providesPlatforms": []any{"id"}}, nil)
	nameless := fileObject("AgencyPortal", "agency-a", "hub", nil, nil)
	r := &restorer{plan: &restorePlan{consents: []withheld{{portal: objectKey(file), platform: "id"}}}}
	uids := func(live *unstructured.Unstructured) (out []string) {
		list, _, _ := unstructured.NestedSlice(live.Object, "status", "platformConsents")
		for _, c := range list {
			out = append(out, c.(map[string]any)["uid"].(string))
		}
		return out
	}
	recorded := map[string]any{"platformConsents": []any{map[string]any{"name": "other", "uid": "stays"}, map[string]any{"name": "id", "uid": "new"}}}
	for name, tt := range map[string]struct {
		file       *unstructured.Unstructured
		status     map[string]any
		generation int64
		want       []string
	}{
		"nothing yet":               {file, map[string]any{}, 1, []string{noPlatform}},
		"the operator was quicker":  {file, recorded, 1, []string{"stays", noPlatform}},
		"repeated":                  {file, map[string]any{}, 2, []string{noPlatform}},
		"repeated, and agreed":      {file, recorded, 3, []string{"stays", "new"}},
		"restored without the name": {nameless, map[string]any{}, 1, nil},
	} {
		live := fileObject("AgencyPortal", "agency-a", "hub", nil, tt.status).DeepCopy()
		live.SetGeneration(tt.generation)
		r.keepConsents(live, tt.file)
		if got := uids(live); !slices.Equal(got, tt.want) {
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
		return fileObject("AgencyPortal", "agency-a", name, spec, status).Object
	}
	p, err := planRestore(&Export{Objects: []map[string]any{
		portal("withdrawn", nil, []any{"id"}), portal("added", []any{"id"}, []any{}), portal("never-ran", []any{"gone", "id"}, nil),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, u := range p.ran {
		got[u.GetName()], _, _ = unstructured.NestedStringSlice(u.Object, "spec", "providesPlatforms")
	}
	for _, u := range p.phases[6].items {
		if u.GetName() == "never-ran" {
			got[u.GetName()], _, _ = unstructured.NestedStringSlice(u.Object, "spec", "providesPlatforms")
		}
	}
	if diff := cmp.Diff(map[string][]string{"withdrawn": nil, "added": {"id"}, "never-ran": {"id"}}, got); diff != "" {
		t.Errorf("first come (-want +got):\n%s", diff)
	}
}

// TestPlatformThatIsThere: a portal whose platform the cluster has comes without the
// name, and a repetition does not take that for a conflict.
func TestPlatformThatIsThere(t *testing.T) {
	file := func() *unstructured.Unstructured {
		return fileObject("AgencyPortal", "agency-a", "hub", map[string]any{"providesPlatforms": []any{"id", "other"}}, nil)
	}
	there := func(names ...any) *v1alpha1.AgencyPortal {
		p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "hub"}}
		for _, n := range names {
			p.Spec.ProvidesPlatforms = append(p.Spec.ProvidesPlatforms, v1alpha1.ObjectName(n.(string)))
		}
		return p
	}
	platform := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "id"}}
	for name, tt := range map[string]struct {
		live []client.Object
		want []string
	}{
		"a new cluster":         {nil, []string{"id", "other"}},
		"the platform is there": {[]client.Object{platform}, []string{"other"}},
		"and the portal":        {[]client.Object{platform, there("other")}, []string{"other"}},
		"and the portal's name": {[]client.Object{platform, there("id", "other")}, []string{"id", "other"}},
	} {
		u := file()
		r := &restorer{client: fake.NewClientBuilder().WithScheme(view.Scheme()).WithObjects(tt.live...).Build(),
			plan: &restorePlan{consents: []withheld{{portal: objectKey(u), platform: "id"}}, phases: []phase{{items: []*unstructured.Unstructured{u}}}}}
		r.narrow(t.Context())
		if got, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "providesPlatforms"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
