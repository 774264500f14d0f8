package link

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// Indexes are the field indexes of links.
func Indexes() []object.Index[*v1alpha1.DataSharingLink] {
	return []object.Index[*v1alpha1.DataSharingLink]{
		{Field: names.IndexLinkConsumer, Keys: func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Consumer.PortalRef.Name)} }},
		{Field: names.IndexLinkService, Keys: func(l *v1alpha1.DataSharingLink) []string {
			return []string{names.Namespace(string(l.Spec.Provider.Agency)) + "/" + string(l.Spec.Provider.Service)}
		}},
		{Field: names.IndexLinkProviderAgency, Keys: func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Provider.Agency)} }},
		{Field: names.IndexLinkRoute, Keys: func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Route)} }},
		{Field: names.IndexLinkAgency, Keys: object.LinkAgencies},
	}
}
