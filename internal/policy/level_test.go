package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestSecurityLevel covers every rule of the shipped settings (Decree 85/2016).
func TestSecurityLevel(t *testing.T) {
	services := func(levels ...int32) (out []v1alpha1.PublicService) {
		for _, l := range levels {
			out = append(out, v1alpha1.PublicService{Level: l})
		}
		return out
	}
	tests := []struct {
		name     string
		spec     v1alpha1.AgencyPortalSpec
		want     v1alpha1.SecurityLevel
		criteria []string
	}{
		{"nothing holds", v1alpha1.AgencyPortalSpec{Scope: v1alpha1.ScopeAgency, DataClassification: v1alpha1.ClassificationPublic}, 1, nil},
		{"internal data", v1alpha1.AgencyPortalSpec{DataClassification: v1alpha1.ClassificationInternal}, 1, nil},
		{"personal data", v1alpha1.AgencyPortalSpec{DataClassification: v1alpha1.ClassificationPersonal}, 2, []string{"personal data"}},
		{"service of level 1", v1alpha1.AgencyPortalSpec{PublicServices: services(1)}, 2, []string{"public services up to level 2"}},
		{"service of level 2", v1alpha1.AgencyPortalSpec{PublicServices: services(2)}, 2, []string{"public services up to level 2"}},
		{"two rules of one level", v1alpha1.AgencyPortalSpec{PublicServices: services(2), DataClassification: v1alpha1.ClassificationPersonal}, 2,
			[]string{"personal data", "public services up to level 2"}},
		{"one service of level 3 among others", v1alpha1.AgencyPortalSpec{PublicServices: services(1, 3, 2)}, 3, []string{"public services at level 3 or above"}},
		{"service of level 4", v1alpha1.AgencyPortalSpec{PublicServices: services(4)}, 3, []string{"public services at level 3 or above"}},
		{"9,999 users", v1alpha1.AgencyPortalSpec{ExpectedUsers: 9999}, 1, nil},
		{"10,000 users", v1alpha1.AgencyPortalSpec{ExpectedUsers: 10000}, 3, []string{"10,000 users or more"}},
		{"shared", v1alpha1.AgencyPortalSpec{Scope: v1alpha1.ScopeShared}, 3, []string{"infrastructure shared by a sector or province"}},
		{"state secret", v1alpha1.AgencyPortalSpec{DataClassification: v1alpha1.ClassificationStateSecret}, 3, []string{"state secrets"}},
		{"national", v1alpha1.AgencyPortalSpec{Scope: v1alpha1.ScopeNational}, 4, []string{"national e-government system"}},
		{"critical national", v1alpha1.AgencyPortalSpec{Scope: v1alpha1.ScopeCriticalNational}, 5, []string{"critical national system"}},
		{"the highest counts", v1alpha1.AgencyPortalSpec{Scope: v1alpha1.ScopeNational, ExpectedUsers: 90000, PublicServices: services(4), DataClassification: v1alpha1.ClassificationPersonal}, 4,
			[]string{"national e-government system"}},
	}
	rules := settings.Default().SecurityLevels
	unused := map[string]bool{}
	for _, r := range rules {
		unused[r.Criterion] = true
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, criteria := SecurityLevel(&tt.spec, rules)
			if got != tt.want {
				t.Errorf("level = %d, want %d", got, tt.want)
			}
			if diff := cmp.Diff(tt.criteria, criteria); diff != "" {
				t.Errorf("criteria differ (-want +got):\n%s", diff)
			}
		})
		for _, c := range tt.criteria {
			delete(unused, c)
		}
	}
	if len(unused) > 0 {
		t.Errorf("no case reaches the rules %v", unused)
	}
}

// TestSecurityLevelAllFieldsOfARule: fields within one rule must hold together.
func TestSecurityLevelAllFieldsOfARule(t *testing.T) {
	rules := []settings.LevelRule{{Level: 4, Criterion: "many users' personal data", MinUsers: 100, DataClassifications: []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}}}
	for _, tt := range []struct {
		users int64
		data  v1alpha1.DataClassification
		want  v1alpha1.SecurityLevel
	}{
		{100, v1alpha1.ClassificationPersonal, 4},
		{99, v1alpha1.ClassificationPersonal, 1},
		{100, v1alpha1.ClassificationPublic, 1},
	} {
		if got, _ := SecurityLevel(&v1alpha1.AgencyPortalSpec{ExpectedUsers: tt.users, DataClassification: tt.data}, rules); got != tt.want {
			t.Errorf("%d users, %s data: level %d, want %d", tt.users, tt.data, got, tt.want)
		}
	}
}

func TestSelects(t *testing.T) {
	subject := Subject{Level: 3, Agency: "finance", Exposure: v1alpha1.ExposureInternet}
	tests := []struct {
		name string
		sel  v1alpha1.PolicySelector
		want bool
	}{
		{"empty selects all", v1alpha1.PolicySelector{}, true},
		{"level", v1alpha1.PolicySelector{SecurityLevels: []v1alpha1.SecurityLevel{2, 3}}, true},
		{"other level", v1alpha1.PolicySelector{SecurityLevels: []v1alpha1.SecurityLevel{2, 4}}, false},
		{"agency", v1alpha1.PolicySelector{Agencies: []v1alpha1.AgencyName{"health", "finance"}}, true},
		{"other agency", v1alpha1.PolicySelector{Agencies: []v1alpha1.AgencyName{"financex", "fin"}}, false},
		{"exposure", v1alpha1.PolicySelector{Exposures: []v1alpha1.Exposure{v1alpha1.ExposureInternet}}, true},
		{"other exposure", v1alpha1.PolicySelector{Exposures: []v1alpha1.Exposure{v1alpha1.ExposureInternal}}, false},
		{"all three", v1alpha1.PolicySelector{SecurityLevels: []v1alpha1.SecurityLevel{3}, Agencies: []v1alpha1.AgencyName{"finance"}, Exposures: []v1alpha1.Exposure{v1alpha1.ExposureInternet}}, true},
		{"two of three", v1alpha1.PolicySelector{SecurityLevels: []v1alpha1.SecurityLevel{3}, Agencies: []v1alpha1.AgencyName{"health"}, Exposures: []v1alpha1.Exposure{v1alpha1.ExposureInternet}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Selects(tt.sel, subject); got != tt.want {
				t.Errorf("Selects(%+v) = %v, want %v", tt.sel, got, tt.want)
			}
		})
	}
}

// TestThreat13_DeletedPolicyStillSelects: a policy that is held by a finalizer holds.
func TestThreat13_DeletedPolicyStillSelects(t *testing.T) {
	now := metav1.Now()
	policies := []v1alpha1.SecurityPolicy{
		{ObjectMeta: metav1.ObjectMeta{Name: "b", DeletionTimestamp: &now, Finalizers: []string{"example.gov.vn/hold"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: v1alpha1.SecurityPolicySpec{Selector: v1alpha1.PolicySelector{SecurityLevels: []v1alpha1.SecurityLevel{5}}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
	}
	var got []string
	for _, p := range Selecting(policies, Subject{Level: 1}) {
		got = append(got, p.Name)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("selecting policies differ (-want +got):\n%s", diff)
	}
}
