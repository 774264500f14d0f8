package approval

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// Indexes are the field indexes of approvals.
func Indexes() []object.Index[*v1alpha1.DataSharingApproval] {
	return []object.Index[*v1alpha1.DataSharingApproval]{
		{Field: names.IndexApprovalLink, Keys: func(a *v1alpha1.DataSharingApproval) []string {
			return []string{string(a.Spec.LinkRef.Namespace) + "/" + string(a.Spec.LinkRef.Name)}
		}},
	}
}
