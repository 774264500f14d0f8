package cli

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// TestWithheldConsentIsOnRecord: the record is there before anybody reads the name,
// also if the operator was quicker, what is agreed later stays, and no object has the
// UID that is on record.
func TestWithheldConsentIsOnRecord(t *testing.T) {
	file := fileObject("AgencyPortal", "agency-a", "hub", map[string]any{"providesPlatforms": []any{"id"}}, nil)
	nameless := fileObject("AgencyPortal", "agency-a", "hub", nil, nil)
	r := &restorer{plan: &backup.Plan{Consents: []backup.Withheld{{Portal: backup.ObjectKey(file), Platform: "id"}}}}
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
			plan: &backup.Plan{Consents: []backup.Withheld{{Portal: backup.ObjectKey(u), Platform: "id"}}, Phases: []backup.Phase{{Items: []*unstructured.Unstructured{u}}}}}
		r.narrow(t.Context())
		if got, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "providesPlatforms"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
