package index

import (
	"context"
	"errors"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/approval"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/platform"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/service"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// Register adds the field indexes to a cache.
func Register(ctx context.Context, indexer client.FieldIndexer, s settings.Settings) error {
	return errors.Join(
		registerKind(ctx, indexer, &v1alpha1.Agency{}, agency.Indexes()),
		registerKind(ctx, indexer, &v1alpha1.AgencyPortal{}, portal.Indexes(s)),
		registerKind(ctx, indexer, &v1alpha1.SharedPlatform{}, platform.Indexes()),
		registerKind(ctx, indexer, &v1alpha1.DataService{}, service.Indexes()),
		registerKind(ctx, indexer, &v1alpha1.DataSharingLink{}, link.Indexes()),
		registerKind(ctx, indexer, &v1alpha1.DataSharingApproval{}, approval.Indexes()),
		policyOwners(ctx, indexer),
	)
}

func registerKind[T client.Object](ctx context.Context, indexer client.FieldIndexer, empty T, indexes []object.Index[T]) error {
	var errs []error
	for _, i := range indexes {
		errs = append(errs, indexer.IndexField(ctx, empty, i.Field, func(o client.Object) []string { return i.Keys(o.(T)) }))
	}
	return errors.Join(errs...)
}

// policyOwners indexes network policies by their owner, for those who read them past
// what writes them.
func policyOwners(ctx context.Context, indexer client.FieldIndexer) error {
	return indexer.IndexField(ctx, &networkingv1.NetworkPolicy{}, names.IndexOwner, func(o client.Object) []string { return names.OwnerKeys(o) }) //nolint:wrapcheck // wrapped by Register's caller
}
