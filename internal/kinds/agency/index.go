package agency

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// Indexes are the field indexes of agencies.
func Indexes() []object.Index[*v1alpha1.Agency] {
	return []object.Index[*v1alpha1.Agency]{
		{Field: names.IndexAgencyCode, Keys: func(a *v1alpha1.Agency) []string { return []string{a.Spec.Code} }},
		{Field: names.IndexAgencyParent, Keys: func(a *v1alpha1.Agency) []string {
			if a.Spec.ParentRef == nil {
				return nil
			}
			return []string{string(a.Spec.ParentRef.Name)}
		}},
		{Field: names.IndexAgencyZone, Keys: func(a *v1alpha1.Agency) []string { return object.Strings(a.Spec.Domains) }},
		{Field: names.IndexAgencyZoneAbove, Keys: func(a *v1alpha1.Agency) []string {
			var out []string
			for _, z := range a.Spec.Domains {
				for _, above := range suffixes(z)[1:] {
					if !slices.Contains(out, string(above)) {
						out = append(out, string(above))
					}
				}
			}
			return out
		}},
	}
}
