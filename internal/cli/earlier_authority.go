package cli

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
)

// standing is an entry of a link's record whose decision stands.
type standing struct{ v1alpha1.LinkDecision }

// earlierVeto returns what an authority of before stopped about a link and has not
// lifted, by its record, which everybody who decides reads; nil for nothing. The
// namespace is the one that is asked for; empty for any.
func earlierVeto(link *v1alpha1.DataSharingLink, authority, namespace string) *standing {
	seen := map[types.UID]bool{}
	for _, d := range slices.Backward(link.Status.Decisions) {
		closes := d.Decision == string(v1alpha1.DecisionReject) || d.Decision == string(v1alpha1.DecisionSuspend)
		here := d.Namespace != authority && (namespace == "" || d.Namespace == namespace)
		if closes && here && d.Side == v1alpha1.SideAuthority && !seen[d.UID] {
			return &standing{d}
		}
		seen[d.UID] = true
	}
	return nil
}

func (s *standing) said() string {
	return fmt.Sprintf("%s/%s said %s", s.Namespace, s.Name, s.Decision)
}

// lifted says who lifts it, and how.
func (s *standing) lifted() string {
	return fmt.Sprintf("whoever gave it deletes it (kubectl -n %s delete datasharingapproval %s), and another administrator of %s sets spec.approver to the own name before", s.Namespace, s.Name, view.AgencyOf(s.Namespace))
}
