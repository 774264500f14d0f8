package portal

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// Indexes are the field indexes of portals.
func Indexes(s settings.Settings) []object.Index[*v1alpha1.AgencyPortal] {
	level := func(spec *v1alpha1.AgencyPortalSpec) string {
		level, _ := policy.SecurityLevel(spec, s.SecurityLevels)
		return names.LevelKey(level)
	}
	return []object.Index[*v1alpha1.AgencyPortal]{
		{Field: names.IndexPortalHostname, Keys: func(p *v1alpha1.AgencyPortal) []string { return object.Strings(p.Spec.Hostnames) }},
		{Field: names.IndexPortalPolicy, Keys: func(p *v1alpha1.AgencyPortal) []string { return p.Status.Policies }},
		{Field: names.IndexPortalLevel, Keys: eachSpec(level)},
		{Field: names.IndexPortalPlatform, Keys: PlatformNames},
		{Field: names.IndexPortalExposure, Keys: eachSpec(func(spec *v1alpha1.AgencyPortalSpec) string { return string(spec.Exposure) })},
		{Field: names.IndexPortalOneStop, Keys: func(p *v1alpha1.AgencyPortal) []string {
			return names.YesIf(slices.ContainsFunc(SelectedBy(p), OneStop))
		}},
		{Field: names.IndexPortalWaits, Keys: func(p *v1alpha1.AgencyPortal) []string { return names.YesIf(waitsForRoom(p)) }},
	}
}

// waitsForRoom reports whether a portal may wait for room within its agency's quota: the
// operator has not written that it started, so a round looks for room before it starts
// it; or it runs and its status says that it is beyond the quota.
func waitsForRoom(p *v1alpha1.AgencyPortal) bool { return !WritesDeployment(p) || saysBeyondQuota(p) }

// eachSpec indexes a portal by every spec that standards select it by: what runs of it
// may be another spec than the newest one, and is held to its own standards.
func eachSpec(key func(*v1alpha1.AgencyPortalSpec) string) func(*v1alpha1.AgencyPortal) []string {
	return func(p *v1alpha1.AgencyPortal) []string {
		var out []string
		for _, spec := range SelectedBy(p) {
			if k := key(spec); !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
		return out
	}
}
