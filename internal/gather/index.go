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

// Index is a field index of one kind: its name, and the keys of an object.
type Index[T any] struct {
	Field string
	Keys  func(T) []string
}

// RegisterIndexes adds the field indexes to a cache.
func RegisterIndexes(ctx context.Context, indexer client.FieldIndexer, s settings.Settings) error {
	return errors.Join(
		register(ctx, indexer, &v1alpha1.Agency{}, agencyIndexes()),
		register(ctx, indexer, &v1alpha1.AgencyPortal{}, portalIndexes(s)),
		register(ctx, indexer, &v1alpha1.SharedPlatform{}, platformIndexes()),
		register(ctx, indexer, &v1alpha1.DataService{}, serviceIndexes()),
		register(ctx, indexer, &v1alpha1.DataSharingLink{}, linkIndexes()),
		register(ctx, indexer, &v1alpha1.DataSharingApproval{}, approvalIndexes()),
		registerOwners(ctx, indexer),
	)
}

func register[T client.Object](ctx context.Context, indexer client.FieldIndexer, empty T, indexes []Index[T]) error {
	var errs []error
	for _, i := range indexes {
		errs = append(errs, indexer.IndexField(ctx, empty, i.Field, func(o client.Object) []string { return i.Keys(o.(T)) }))
	}
	return errors.Join(errs...)
}

// registerOwners indexes everything that the operator emits by its owner.
func registerOwners(ctx context.Context, indexer client.FieldIndexer) error {
	var errs []error
	for _, row := range child.Rows() {
		errs = append(errs, indexer.IndexField(ctx, row.New(), names.IndexOwner, func(o client.Object) []string { return names.OwnerKeys(o) }))
	}
	return errors.Join(errs...)
}

// agencyIndexes are the field indexes of agencies.
func agencyIndexes() []Index[*v1alpha1.Agency] {
	return []Index[*v1alpha1.Agency]{
		{Field: IndexAgencyCode, Keys: func(a *v1alpha1.Agency) []string { return []string{a.Spec.Code} }},
		{Field: IndexAgencyParent, Keys: func(a *v1alpha1.Agency) []string {
			if a.Spec.ParentRef == nil {
				return nil
			}
			return []string{string(a.Spec.ParentRef.Name)}
		}},
		{Field: IndexAgencyZone, Keys: func(a *v1alpha1.Agency) []string { return strings(a.Spec.Domains) }},
		{Field: IndexAgencyZoneAbove, Keys: func(a *v1alpha1.Agency) []string {
			var out []string
			for _, z := range a.Spec.Domains {
				for _, above := range desired.Suffixes(z)[1:] {
					if !slices.Contains(out, string(above)) {
						out = append(out, string(above))
					}
				}
			}
			return out
		}},
	}
}

// portalIndexes are the field indexes of portals.
func portalIndexes(s settings.Settings) []Index[*v1alpha1.AgencyPortal] {
	level := func(spec *v1alpha1.AgencyPortalSpec) string {
		level, _ := policy.SecurityLevel(spec, s.SecurityLevels)
		return LevelKey(level)
	}
	return []Index[*v1alpha1.AgencyPortal]{
		{Field: IndexPortalHostname, Keys: func(p *v1alpha1.AgencyPortal) []string { return strings(p.Spec.Hostnames) }},
		{Field: IndexPortalPolicy, Keys: func(p *v1alpha1.AgencyPortal) []string { return p.Status.Policies }},
		{Field: IndexPortalLevel, Keys: eachSpec(level)},
		{Field: IndexPortalPlatform, Keys: desired.PlatformNames},
		{Field: IndexPortalExposure, Keys: eachSpec(func(spec *v1alpha1.AgencyPortalSpec) string { return string(spec.Exposure) })},
	}
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

// platformIndexes are the field indexes of shared platforms.
func platformIndexes() []Index[*v1alpha1.SharedPlatform] {
	return []Index[*v1alpha1.SharedPlatform]{
		{Field: IndexPlatformType, Keys: func(p *v1alpha1.SharedPlatform) []string { return []string{string(p.Spec.Type)} }},
		{Field: IndexPlatformAgency, Keys: func(p *v1alpha1.SharedPlatform) []string { return agencyNames(policy.AgenciesOfPlatform(&p.Spec)) }},
		{Field: IndexPlatformPortal, Keys: func(p *v1alpha1.SharedPlatform) []string {
			if p.Spec.Endpoint.Portal == nil {
				return []string{""}
			}
			return []string{names.Namespace(string(p.Spec.Endpoint.Portal.Agency)) + "/" + string(p.Spec.Endpoint.Portal.Name)}
		}},
		{Field: IndexPlatformFingerprint, Keys: func(p *v1alpha1.SharedPlatform) []string {
			return []string{policy.Fingerprint(p.Spec.Capability, p.Spec.Scope)}
		}},
	}
}

// serviceIndexes are the field indexes of data services.
func serviceIndexes() []Index[*v1alpha1.DataService] {
	return []Index[*v1alpha1.DataService]{
		{Field: IndexServiceDataset, Keys: func(s *v1alpha1.DataService) []string { return []string{string(s.Spec.Dataset)} }},
		{Field: IndexServicePortal, Keys: func(s *v1alpha1.DataService) []string { return []string{string(s.Spec.PortalRef.Name)} }},
	}
}

// linkIndexes are the field indexes of links.
func linkIndexes() []Index[*v1alpha1.DataSharingLink] {
	return []Index[*v1alpha1.DataSharingLink]{
		{Field: IndexLinkConsumer, Keys: func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Consumer.PortalRef.Name)} }},
		{Field: IndexLinkService, Keys: func(l *v1alpha1.DataSharingLink) []string {
			return []string{names.Namespace(string(l.Spec.Provider.Agency)) + "/" + string(l.Spec.Provider.Service)}
		}},
		{Field: IndexLinkProviderAgency, Keys: func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Provider.Agency)} }},
		{Field: IndexLinkRoute, Keys: func(l *v1alpha1.DataSharingLink) []string { return []string{string(l.Spec.Route)} }},
		{Field: IndexLinkAgency, Keys: LinkAgencies},
	}
}

// approvalIndexes are the field indexes of approvals.
func approvalIndexes() []Index[*v1alpha1.DataSharingApproval] {
	return []Index[*v1alpha1.DataSharingApproval]{
		{Field: IndexApprovalLink, Keys: func(a *v1alpha1.DataSharingApproval) []string {
			return []string{string(a.Spec.LinkRef.Namespace) + "/" + string(a.Spec.LinkRef.Name)}
		}},
	}
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
