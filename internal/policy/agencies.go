package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/text"
)

// NamedAgencies are the agencies that one field of a spec names, sorted.
type NamedAgencies struct {
	Field    string
	Agencies []v1alpha1.AgencyName
}

// AgenciesOfPolicy returns the agencies that a policy names, by field.
func AgenciesOfPolicy(spec *v1alpha1.SecurityPolicySpec) []NamedAgencies {
	var owners []v1alpha1.AgencyName
	if spec.DataSharing != nil {
		for _, o := range spec.DataSharing.DatasetOwners {
			owners = append(owners, o.Agency)
		}
	}
	return []NamedAgencies{
		named("spec.selector.agencies", spec.Selector.Agencies...),
		named("spec.dataSharing.datasetOwners", owners...),
	}
}

// AgenciesOfPlatform returns the agencies that a shared platform names, by field.
func AgenciesOfPlatform(spec *v1alpha1.SharedPlatformSpec) []NamedAgencies {
	var provider []v1alpha1.AgencyName
	if end := spec.Endpoint.Portal; end != nil {
		provider = append(provider, end.Agency)
	}
	return []NamedAgencies{
		named("spec.ownerRef.name", spec.OwnerRef.Name),
		named("spec.endpoint.portal.agency", provider...),
		named("spec.agencies", spec.Agencies...),
	}
}

func named(field string, agencies ...v1alpha1.AgencyName) NamedAgencies {
	sorted := slices.Clone(agencies)
	slices.Sort(sorted)
	return NamedAgencies{Field: field, Agencies: slices.Compact(sorted)}
}

// maxAbsentNamed is how many agencies of a field a message names.
const maxAbsentNamed = 3

// AbsentMessage says which of the agencies that a spec names do not exist: a
// mistyped name exempts an agency from a standard, and nothing else shows that.
// It is empty if there are none.
func AbsentMessage(absent []NamedAgencies) string {
	parts := make([]string, 0, len(absent))
	for _, n := range absent {
		quoted := make([]string, len(n.Agencies))
		for i, a := range n.Agencies {
			quoted[i] = strconv.Quote(string(a))
		}
		parts = append(parts, fmt.Sprintf("%s: there is no Agency %s", n.Field, text.Few(quoted, maxAbsentNamed)))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + ". A name without an agency selects, assigns and opens nothing; correct it, or create the agency."
}
