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
	agency := func(field string, f func(*v1alpha1.Agency) []string) error {
		return indexer.IndexField(ctx, &v1alpha1.Agency{}, field, func(o client.Object) []string { return f(o.(*v1alpha1.Agency)) })
	}
	portal := func(field string, f func(*v1alpha1.AgencyPortal) []string) error {
		return indexer.IndexField(ctx, &v1alpha1.AgencyPortal{}, field, func(o client.Object) []string { return f(o.(*v1alpha1.AgencyPortal)) })
	}
	return errors.Join(
		agency(IndexAgencyCode, func(a *v1alpha1.Agency) []string { return []string{a.Spec.Code} }),
		agency(IndexAgencyParent, func(a *v1alpha1.Agency) []string {
			if a.Spec.ParentRef == nil {
				return nil
			}
			return []string{string(a.Spec.ParentRef.Name)}
		}),
		agency(IndexAgencyZone, func(a *v1alpha1.Agency) []string { return strings(a.Spec.Domains) }),
		agency(IndexAgencyZoneAbove, func(a *v1alpha1.Agency) []string {
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
		portal(IndexPortalHostname, func(p *v1alpha1.AgencyPortal) []string { return strings(p.Spec.Hostnames) }),
		portal(IndexPortalPolicy, func(p *v1alpha1.AgencyPortal) []string { return p.Status.Policies }),
		portal(IndexPortalLevel, eachSpec(func(spec *v1alpha1.AgencyPortalSpec) string {
			level, _ := policy.SecurityLevel(spec, s.SecurityLevels)
			return LevelKey(level)
		})),
		portal(IndexPortalPlatform, desired.PlatformNames),
		registerSharing(ctx, indexer),
		registerOwners(ctx, indexer),
		portal(IndexPortalExposure, eachSpec(func(spec *v1alpha1.AgencyPortalSpec) string { return string(spec.Exposure) })),
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

func registerSharing(ctx context.Context, indexer client.FieldIndexer) error {
	service := func(field string, f func(*v1alpha1.DataService) string) error {
		return indexer.IndexField(ctx, &v1alpha1.DataService{}, field, func(o client.Object) []string { return []string{f(o.(*v1alpha1.DataService))} })
	}
	link := func(field string, f func(*v1alpha1.DataSharingLinkSpec) string) error {
		return indexer.IndexField(ctx, &v1alpha1.DataSharingLink{}, field, func(o client.Object) []string { return []string{f(&o.(*v1alpha1.DataSharingLink).Spec)} })
	}
	platform := func(field string, f func(*v1alpha1.SharedPlatformSpec) string) error {
		return indexer.IndexField(ctx, &v1alpha1.SharedPlatform{}, field, func(o client.Object) []string { return []string{f(&o.(*v1alpha1.SharedPlatform).Spec)} })
	}
	return errors.Join(
		service(IndexServiceDataset, func(s *v1alpha1.DataService) string { return string(s.Spec.Dataset) }),
		service(IndexServicePortal, func(s *v1alpha1.DataService) string { return string(s.Spec.PortalRef.Name) }),
		link(IndexLinkConsumer, func(l *v1alpha1.DataSharingLinkSpec) string { return string(l.Consumer.PortalRef.Name) }),
		link(IndexLinkService, func(l *v1alpha1.DataSharingLinkSpec) string {
			return names.Namespace(string(l.Provider.Agency)) + "/" + string(l.Provider.Service)
		}),
		link(IndexLinkProviderAgency, func(l *v1alpha1.DataSharingLinkSpec) string { return string(l.Provider.Agency) }),
		link(IndexLinkRoute, func(l *v1alpha1.DataSharingLinkSpec) string { return string(l.Route) }),
		indexer.IndexField(ctx, &v1alpha1.DataSharingLink{}, IndexLinkAgency, func(o client.Object) []string { return LinkAgencies(o.(*v1alpha1.DataSharingLink)) }),
		indexer.IndexField(ctx, &v1alpha1.DataSharingApproval{}, IndexApprovalLink, func(o client.Object) []string {
			ref := o.(*v1alpha1.DataSharingApproval).Spec.LinkRef
			return []string{string(ref.Namespace) + "/" + string(ref.Name)}
		}),
		platform(IndexPlatformType, func(p *v1alpha1.SharedPlatformSpec) string { return string(p.Type) }),
		indexer.IndexField(ctx, &v1alpha1.SharedPlatform{}, IndexPlatformAgency, func(o client.Object) []string {
			return agencyNames(policy.AgenciesOfPlatform(&o.(*v1alpha1.SharedPlatform).Spec))
		}),
		platform(IndexPlatformPortal, func(p *v1alpha1.SharedPlatformSpec) string {
			if p.Endpoint.Portal == nil {
				return ""
			}
			return names.Namespace(string(p.Endpoint.Portal.Agency)) + "/" + string(p.Endpoint.Portal.Name)
		}),
		platform(IndexPlatformFingerprint, func(p *v1alpha1.SharedPlatformSpec) string { return policy.Fingerprint(p.Capability, p.Scope) }),
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
