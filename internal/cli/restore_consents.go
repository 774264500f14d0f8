package cli

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// A portal's agency agrees to one SharedPlatform, its type and its agencies, and
// names it by its name only. What had no consent, since it was made anew, became
// something else or was widened, would have it after a restore. So such a portal
// comes with the record of the platform of the old cluster, which no platform of
// the new one fits, and its agency agrees anew.

// withheld is a consent that is not restored.
type withheld struct {
	portal, platform, why string
	// uid is what the portal's record has for the platform's name.
	uid string
}

// withhold finds the consents that did not cover what the file's platforms are.
// Portals come before platforms, so that none of these opens in between.
func (p *restorePlan) withhold(portals, platforms []*unstructured.Unstructured) error {
	byName := map[v1alpha1.ObjectName]*v1alpha1.SharedPlatform{}
	for _, u := range platforms {
		var platform v1alpha1.SharedPlatform
		if err := convert(u, &platform); err != nil {
			return err
		}
		byName[v1alpha1.ObjectName(platform.Name)] = &platform
	}
	for _, u := range portals {
		var portal v1alpha1.AgencyPortal
		if err := convert(u, &portal); err != nil {
			return err
		}
		for _, c := range portal.Status.PlatformConsents {
			if why := notCovered(&portal, byName[c.Name], c); why != "" {
				p.consents = append(p.consents, withheld{portal: objectKey(u), platform: string(c.Name), why: why, uid: c.UID})
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
	agreed := platform.Status.Consent
	if agreed == nil || agreed.PortalUID != string(portal.UID) {
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

// keepConsents gives a portal the records of the consents that are withheld. What
// was agreed in the new cluster stays; that takes changes of the spec, so in one of
// the first generation the operator was quicker.
func (r *restorer) keepConsents(live, u *unstructured.Unstructured) {
	have, _, _ := unstructured.NestedSlice(live.Object, "status", "platformConsents")
	for _, w := range r.plan.consents {
		if w.portal != objectKey(u) {
			continue
		}
		same := func(c any) bool {
			m, _ := c.(map[string]any)
			return m["name"] == w.platform
		}
		if live.GetGeneration() > 1 && slices.ContainsFunc(have, same) {
			continue
		}
		have = append(slices.DeleteFunc(have, same), map[string]any{"name": w.platform, "uid": w.uid})
		_ = unstructured.SetNestedSlice(live.Object, have, "status", "platformConsents")
	}
}

// sayConsents names the consents that are withheld.
func (r *restorer) sayConsents() {
	if len(r.plan.consents) > 0 {
		say(r.options.Out, "\nThese portals are not restored as platforms. The portal's agency takes the name out of spec.providesPlatforms, looks at the platform, and puts it in again:\n")
	}
	for _, w := range r.plan.consents {
		say(r.options.Out, "  %s: SharedPlatform %s   # %s\n", w.portal, w.platform, w.why)
	}
}
