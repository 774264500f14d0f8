package gather

import (
	"context"
	"errors"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// Field indexes, so that no event costs a look at every object.
const (
	IndexAgencyCode     = "spec.code"
	IndexAgencyParent   = "spec.parentRef.name"
	IndexPortalHostname = "spec.hostnames"
	IndexPortalPolicy   = "status.policies"
	IndexPortalLevel    = "level"
	IndexPortalExposure = "spec.exposure"
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
		portal(IndexPortalHostname, func(p *v1alpha1.AgencyPortal) []string { return strings(p.Spec.Hostnames) }),
		portal(IndexPortalPolicy, func(p *v1alpha1.AgencyPortal) []string { return p.Status.Policies }),
		portal(IndexPortalLevel, func(p *v1alpha1.AgencyPortal) []string {
			level, _ := policy.SecurityLevel(&p.Spec, s.SecurityLevels)
			return []string{LevelKey(level)}
		}),
		portal(IndexPortalExposure, func(p *v1alpha1.AgencyPortal) []string { return []string{string(p.Spec.Exposure)} }),
	)
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
