package service

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// Indexes are the field indexes of data services.
func Indexes() []object.Index[*v1alpha1.DataService] {
	return []object.Index[*v1alpha1.DataService]{
		{Field: names.IndexServiceDataset, Keys: func(s *v1alpha1.DataService) []string { return []string{string(s.Spec.Dataset)} }},
		{Field: names.IndexServicePortal, Keys: func(s *v1alpha1.DataService) []string { return []string{string(s.Spec.PortalRef.Name)} }},
	}
}
