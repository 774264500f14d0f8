package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestNamedAgencies: every field that names agencies is looked at, each name once.
func TestNamedAgencies(t *testing.T) {
	standard := AgenciesOfPolicy(&v1alpha1.SecurityPolicySpec{
		Selector: v1alpha1.PolicySelector{Agencies: []v1alpha1.AgencyName{"b", "a", "b"}},
		DataSharing: &v1alpha1.DataSharingControl{DatasetOwners: []v1alpha1.DatasetOwner{
			{Dataset: "x", Agency: "d"}, {Dataset: "y", Agency: "c"}, {Dataset: "z", Agency: "d"}}},
	})
	platform := AgenciesOfPlatform(&v1alpha1.SharedPlatformSpec{
		OwnerRef: v1alpha1.AgencyReference{Name: "a"}, Agencies: []v1alpha1.AgencyName{"c", "b"},
		Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "d", Name: "p"}},
	})
	for _, tt := range []struct {
		name      string
		got, want []NamedAgencies
	}{
		{"policy", standard, []NamedAgencies{{"spec.selector.agencies", []v1alpha1.AgencyName{"a", "b"}}, {"spec.dataSharing.datasetOwners", []v1alpha1.AgencyName{"c", "d"}}}},
		{"platform", platform, []NamedAgencies{{"spec.ownerRef.name", []v1alpha1.AgencyName{"a"}}, {"spec.endpoint.portal.agency", []v1alpha1.AgencyName{"d"}}, {"spec.agencies", []v1alpha1.AgencyName{"b", "c"}}}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestAbsentMessage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		absent []NamedAgencies
		want   string
	}{
		{"none", nil, ""},
		{"two fields, and many", []NamedAgencies{{"spec.a", []v1alpha1.AgencyName{"x"}}, {"spec.b", []v1alpha1.AgencyName{"a", "b", "c", "d", "e"}}},
			`spec.a: there is no Agency "x"; spec.b: there is no Agency "a", "b", "c" and 2 more. A name without an agency selects, assigns and opens nothing; correct it, or create the agency.`},
	} {
		if got := AbsentMessage(tt.absent); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
	}
}
