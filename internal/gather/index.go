package gather

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// Field indexes, so that no event costs a look at every object.
const (
	IndexAgencyCode   = "spec.code"
	IndexAgencyParent = "spec.parentRef.name"
	// IndexAgencyZone has the zones of an agency, IndexAgencyZoneAbove all that
	// they lie below.
	IndexAgencyZone      = "spec.domains"
	IndexAgencyZoneAbove = "above spec.domains"
	IndexPortalHostname  = "spec.hostnames"
	IndexPortalPolicy    = "status.policies"
	IndexPortalLevel     = "level"
	IndexPortalExposure  = "spec.exposure"
	IndexPortalPlatform  = "spec.platformRefs"

	IndexServiceDataset = "spec.dataset"
	IndexServicePortal  = "spec.portalRef.name"

	IndexLinkConsumer       = "spec.consumer.portalRef.name"
	IndexLinkService        = "provider"
	IndexLinkProviderAgency = "spec.provider.agency"
	// IndexLinkAgency has the agencies of all ends of a link.
	IndexLinkAgency = "ends"
	IndexLinkRoute  = "spec.route"

	IndexApprovalLink = "spec.linkRef"

	IndexPlatformType        = "spec.type"
	IndexPlatformPortal      = "spec.endpoint.portal"
	IndexPlatformAgency      = "agencies"
	IndexPlatformFingerprint = "fingerprint"
)

// RegisterIndexes adds the field indexes to a cache.
func RegisterIndexes(ctx context.Context, indexer client.FieldIndexer, s settings.Settings) error {
	return errors.Join(
		registerAgency(ctx, indexer),
		registerPortal(ctx, indexer, s),
		registerPlatform(ctx, indexer),
		registerService(ctx, indexer),
		registerLink(ctx, indexer),
		registerApproval(ctx, indexer),
		registerOwners(ctx, indexer),
	)
}

// indexed returns how to index one kind.
func indexed[T client.Object](ctx context.Context, indexer client.FieldIndexer, empty T) func(field string, f func(T) []string) error {
	return func(field string, f func(T) []string) error {
		return indexer.IndexField(ctx, empty, field, func(o client.Object) []string { return f(o.(T)) })
	}
}

func registerAgency(ctx context.Context, indexer client.FieldIndexer) error {
	by := indexed(ctx, indexer, &v1alpha1.Agency{})
	return errors.Join(
		by(IndexAgencyCode, func(a *v1alpha1.Agency) []string { return []string{a.Spec.Code} }),
		by(IndexAgencyParent, func(a *v1alpha1.Agency) []string {
			if a.Spec.ParentRef == nil {
				return nil
			}
			return []string{string(a.Spec.ParentRef.Name)}
		}),
		by(IndexAgencyZone, func(a *v1alpha1.Agency) []string { return strings(a.Spec.Domains) }),
		by(IndexAgencyZoneAbove, func(a *v1alpha1.Agency) []string {
			var out []string
			for _, z := range a.Spec.Domains {
				for _, above := range desired.Suffixes(z)[1:] {
					if !slices.Contains(out, string(above)) {
						out = append(out, string(above))
					}
				}
			}
			return out
		}),
	)
}

func registerPortal(ctx context.Context, indexer client.FieldIndexer, s settings.Settings) error {
	by := indexed(ctx, indexer, &v1alpha1.AgencyPortal{})
	return errors.Join(
		by(IndexPortalHostname, func(p *v1alpha1.AgencyPortal) []string { return strings(p.Spec.Hostnames) }),
		by(IndexPortalPolicy, func(p *v1alpha1.AgencyPortal) []string { return p.Status.Policies }),
		by(IndexPortalLevel, eachSpec(func(spec *v1alpha1.AgencyPortalSpec) string {
			level, _ := policy.SecurityLevel(spec, s.SecurityLevels)
			return LevelKey(level)
		})),
		by(IndexPortalPlatform, desired.PlatformNames),
		by(IndexPortalExposure, eachSpec(func(spec *v1alpha1.AgencyPortalSpec) string { return string(spec.Exposure) })),
	)
}

// eachSpec indexes a portal by every spec that standards select it by: what runs of it
// may be another spec than the newest one, and is held to its own standards.
func eachSpec(key func(*v1alpha1.AgencyPortalSpec) string) func(*v1alpha1.AgencyPortal) []string {
	return func(p *v1alpha1.AgencyPortal) []string {
		var out []string
		for _, spec := range desired.SelectedBy(p) {
			if k := key(spec); !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
		return out
	}
}

// registerOwners indexes everything that the operator emits by its owner.
func registerOwners(ctx context.Context, indexer client.FieldIndexer) error {
	var errs []error
	for _, row := range child.Rows() {
		errs = append(errs, indexer.IndexField(ctx, row.New(), names.IndexOwner, func(o client.Object) []string { return names.OwnerKeys(o) }))
	}
	return errors.Join(errs...)
}

func registerService(ctx context.Context, indexer client.FieldIndexer) error {
	by := indexed(ctx, indexer, &v1alpha1.DataService{})
	return errors.Join(
		by(IndexServiceDataset, func(s *v1alpha1.DataService) []string { return []string{string(s.Spec.Dataset)} }),
		by(IndexServicePortal, func(s *v1alpha1.DataService) []string { return []string{string(s.Spec.PortalRef.Name)} }),
	)
}

func registerLink(ctx context.Context, indexer client.FieldIndexer) error {
	by := indexed(ctx, indexer, &v1alpha1.DataSharingLink{})
	return errors.Join(
		by(IndexLinkConsumer, func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Consumer.PortalRef.Name)} }),
		by(IndexLinkService, func(l *v1alpha1.DataSharingLink) []string {
			return []string{names.Namespace(string(l.Spec.Provider.Agency)) + "/" + string(l.Spec.Provider.Service)}
		}),
		by(IndexLinkProviderAgency, func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Provider.Agency)} }),
		by(IndexLinkRoute, func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Route)} }),
		by(IndexLinkAgency, LinkAgencies),
	)
}

func registerApproval(ctx context.Context, indexer client.FieldIndexer) error {
	return indexed(ctx, indexer, &v1alpha1.DataSharingApproval{})(IndexApprovalLink, func(a *v1alpha1.DataSharingApproval) []string {
		return []string{string(a.Spec.LinkRef.Namespace) + "/" + string(a.Spec.LinkRef.Name)}
	})
}

func registerPlatform(ctx context.Context, indexer client.FieldIndexer) error {
	by := indexed(ctx, indexer, &v1alpha1.SharedPlatform{})
	return errors.Join(
		by(IndexPlatformType, func(p *v1alpha1.SharedPlatform) []string { return []string{string(p.Spec.Type)} }),
		by(IndexPlatformAgency, func(p *v1alpha1.SharedPlatform) []string { return agencyNames(policy.AgenciesOfPlatform(&p.Spec)) }),
		by(IndexPlatformPortal, func(p *v1alpha1.SharedPlatform) []string {
			if p.Spec.Endpoint.Portal == nil {
				return []string{""}
			}
			return []string{names.Namespace(string(p.Spec.Endpoint.Portal.Agency)) + "/" + string(p.Spec.Endpoint.Portal.Name)}
		}),
		by(IndexPlatformFingerprint, func(p *v1alpha1.SharedPlatform) []string {
			return []string{policy.Fingerprint(p.Spec.Capability, p.Spec.Scope)}
		}),
	)
}

// agencyNames returns the names of agencies, each once.
func agencyNames(all []policy.NamedAgencies) []string {
	var out []string
	for _, n := range all {
		out = append(out, strings(n.Agencies)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// LevelKey is a security level as a key of IndexPortalLevel.
func LevelKey(l v1alpha1.SecurityLevel) string { return strconv.Itoa(int(l)) }

func strings[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}
