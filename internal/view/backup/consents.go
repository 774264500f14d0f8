package backup

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
)

// A portal's agency agrees to one SharedPlatform, its type and its agencies, and
// names it by its name only. What had no consent, since it was made anew, became
// something else or was widened, would have it after a restore. So such a portal
// comes with the record of a platform that does not exist, before there are
// platforms, and its agency agrees anew. Where the platform is there before the
// portal, as for one that never ran, the portal comes without the name.

// Withheld is a consent that is not restored.
type Withheld struct{ Portal, Platform, Why string }

// withhold finds the consents that did not cover what the file's platforms are.
func (p *Plan) withhold(portals, platforms []*unstructured.Unstructured) error {
	byName := map[v1alpha1.ObjectName]*v1alpha1.SharedPlatform{}
	for _, u := range platforms {
		var platform v1alpha1.SharedPlatform
		if err := Convert(u, &platform); err != nil {
			return err
		}
		byName[v1alpha1.ObjectName(platform.Name)] = &platform
	}
	for _, u := range portals {
		var portal v1alpha1.AgencyPortal
		if err := Convert(u, &portal); err != nil {
			return err
		}
		for _, c := range portal.Status.PlatformConsents {
			if why := notCovered(&portal, byName[c.Name], c); why != "" {
				p.Consents = append(p.Consents, Withheld{Portal: ObjectKey(u), Platform: string(c.Name), Why: why})
			}
		}
	}
	return nil
}

// notCovered says what a recorded consent was not for; empty when it covers all
// that the platform is.
func notCovered(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform, c v1alpha1.PlatformConsent) string {
	if platform == nil || string(platform.UID) != c.UID {
		return "it agreed to another platform of this name"
	}
	agreed := portalkind.ConsentOf(portal, platform)
	if agreed == nil {
		return ""
	}
	outside := func(a v1alpha1.AgencyName) bool { return !slices.Contains(agreed.Agencies, a) }
	switch {
	case agreed.Type != platform.Spec.Type:
		return "it agreed to a platform of type " + string(agreed.Type)
	case len(agreed.Agencies) > 0 && (len(platform.Spec.Agencies) == 0 || slices.ContainsFunc(platform.Spec.Agencies, outside)):
		return "it agreed to fewer agencies"
	default:
		return ""
	}
}

// Provides reports whether a portal's spec names a platform.
func Provides(portal *unstructured.Unstructured, platform string) bool {
	names, _, _ := unstructured.NestedStringSlice(portal.Object, "spec", "providesPlatforms")
	return slices.Contains(names, platform)
}

// WithoutWithheld takes the names of withheld consents out of a portal's spec.
func (p *Plan) WithoutWithheld(u *unstructured.Unstructured) *unstructured.Unstructured {
	names, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "providesPlatforms")
	left := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(p.Consents, func(w Withheld) bool { return w.Portal == ObjectKey(u) && w.Platform == name })
	})
	if len(left) == len(names) {
		return u
	}
	u = u.DeepCopy()
	_ = unstructured.SetNestedStringSlice(u.Object, left, "spec", "providesPlatforms")
	return u
}
