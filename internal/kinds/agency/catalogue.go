package agency

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// MaxCatalogue is how many entries the schema lets an agency's catalogue have.
const MaxCatalogue = 100

// Catalogue returns what everybody may know of an agency's services, sorted by
// name. A service that is restricted or goes is out of it whatever its status
// still says.
func Catalogue(services []v1alpha1.DataService) []v1alpha1.CatalogueEntry {
	var out []v1alpha1.CatalogueEntry
	for i := range services {
		s := &services[i]
		if s.Spec.Visibility != v1alpha1.VisibilityCatalogue || s.DeletionTimestamp != nil || !meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionPublished) {
			continue
		}
		out = append(out, v1alpha1.CatalogueEntry{
			Name: v1alpha1.ObjectName(s.Name), Identifier: s.Status.Identifier, Dataset: s.Spec.Dataset, Classification: s.Spec.Classification,
			ShareMode: s.Spec.ShareMode, Operations: object.OperationNames(s.Spec.Operations),
		})
	}
	slices.SortFunc(out, func(a, b v1alpha1.CatalogueEntry) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return out[:min(len(out), MaxCatalogue)]
}
