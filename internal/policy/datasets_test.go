package policy

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestAssignedOwner: an assignment counts once it is enforced, and two that
// contradict each other give the dataset to nobody.
func TestAssignedOwner(t *testing.T) {
	assign := func(name string, mode v1alpha1.PolicyMode, agency v1alpha1.AgencyName) v1alpha1.SecurityPolicy {
		return v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.SecurityPolicySpec{Mode: mode,
			DataSharing: &v1alpha1.DataSharingControl{DatasetOwners: []v1alpha1.DatasetOwner{{Dataset: "d", Agency: agency}}}}}
	}
	type list = []v1alpha1.SecurityPolicy
	for _, tt := range []struct {
		policies list
		owner    string
		disputed []string
	}{
		{nil, "", nil},
		{list{{}, assign("a", "", "x")}, "x", nil},
		{list{assign("a", v1alpha1.ModeAudit, "x")}, "", nil},
		{list{assign("a", "", "x"), assign("b", "", "x")}, "x", nil},
		{list{assign("b", "", "x"), assign("a", "", "y")}, "", []string{"a", "b"}},
		{list{assign("b", "", "x"), assign("a", v1alpha1.ModeAudit, "y")}, "x", nil},
	} {
		owner, disputed := AssignedOwner(tt.policies, "d")
		if owner != tt.owner || !slices.Equal(disputed, tt.disputed) {
			t.Errorf("%+v: %q, %v", tt.policies, owner, disputed)
		}
	}
	if owner, _ := AssignedOwner(list{assign("a", "", "x")}, "another"); owner != "" {
		t.Errorf("another dataset has the owner %q", owner)
	}
}
