package link

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestHeldPermissionOpensNothing: a link that is not open needs the permission of
// the spec in force and of the newest; an open one that of the spec in force.
func TestHeldPermissionOpensNothing(t *testing.T) {
	permit := func(v *bool) *v1alpha1.SecurityPolicySpec {
		return &v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, DataSharing: &v1alpha1.DataSharingControl{AllowDirectRoute: v}}
	}
	tests := []struct {
		name            string
		inForce, newest *v1alpha1.SecurityPolicySpec
		closed, open    bool
	}{
		{"both", permit(ptr.To(true)), permit(ptr.To(true)), true, true},
		{"in force only", permit(ptr.To(true)), permit(nil), false, true},
		{"in force, the newest denies", permit(ptr.To(true)), permit(ptr.To(false)), false, true},
		{"the newest only", permit(nil), permit(ptr.To(true)), false, false},
		{"nothing in force", nil, permit(ptr.To(true)), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := linkInput()
			in.Policies = []v1alpha1.SecurityPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 3}, Spec: *tt.newest}}
			in.Policies[0].Status.InForce = tt.inForce
			if got := floorOf(in).DirectAllowed; got != tt.closed {
				t.Errorf("a link that is not open may be direct: %v", got)
			}
			in.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Name: "x"}}
			in.Link.Status.ObservedGeneration = in.Link.Generation
			if got := floorOf(in).DirectAllowed; got != tt.open {
				t.Errorf("an open link may be direct: %v", got)
			}
		})
	}
}

// TestAskedForStricterToo: what is asked for a class is asked for stricter ones.
func TestAskedForStricterToo(t *testing.T) {
	f := SharingFloor{AuthorityApprovalFor: []v1alpha1.DataClassification{v1alpha1.ClassificationInternal}}
	if !f.NeedsAuthority(v1alpha1.ClassificationPersonal) || f.NeedsAuthority(v1alpha1.ClassificationPublic) {
		t.Error("what is asked for internal data is asked for personal data, and not for public data")
	}
}
