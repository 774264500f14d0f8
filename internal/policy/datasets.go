package policy

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// AssignedOwner returns the agency to which the enforced policies assign a
// dataset; empty when none does. Disputed names the policies where two
// contradict each other: then nobody owns it.
func AssignedOwner(policies []v1alpha1.SecurityPolicy, dataset string) (agency string, disputed []string) {
	by := map[string][]string{}
	for i := range policies {
		p := &policies[i]
		if p.Spec.Mode == v1alpha1.ModeAudit || p.Spec.DataSharing == nil {
			continue
		}
		for _, o := range p.Spec.DataSharing.DatasetOwners {
			if string(o.Dataset) == dataset {
				agency = string(o.Agency)
				by[agency] = append(by[agency], p.Name)
			}
		}
	}
	if len(by) < 2 {
		return agency, nil
	}
	for _, names := range by {
		disputed = append(disputed, names...)
	}
	slices.Sort(disputed)
	return "", slices.Compact(disputed)
}
