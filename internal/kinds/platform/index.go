package platform

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// Indexes are the field indexes of shared platforms.
func Indexes() []object.Index[*v1alpha1.SharedPlatform] {
	return []object.Index[*v1alpha1.SharedPlatform]{
		{Field: names.IndexPlatformType, Keys: func(p *v1alpha1.SharedPlatform) []string { return []string{string(p.Spec.Type)} }},
		{Field: names.IndexPlatformAgency, Keys: func(p *v1alpha1.SharedPlatform) []string { return agencyNames(policy.AgenciesOfPlatform(&p.Spec)) }},
		{Field: names.IndexPlatformPortal, Keys: func(p *v1alpha1.SharedPlatform) []string {
			if p.Spec.Endpoint.Portal == nil {
				return []string{""}
			}
			return []string{names.Namespace(string(p.Spec.Endpoint.Portal.Agency)) + "/" + string(p.Spec.Endpoint.Portal.Name)}
		}},
		{Field: names.IndexPlatformFingerprint, Keys: func(p *v1alpha1.SharedPlatform) []string {
			return []string{object.Fingerprint(p.Spec.Capability, p.Spec.Scope)}
		}},
	}
}

// agencyNames returns the names of agencies, each once.
func agencyNames(all []policy.NamedAgencies) []string {
	var out []string
	for _, n := range all {
		out = append(out, object.Strings(n.Agencies)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
