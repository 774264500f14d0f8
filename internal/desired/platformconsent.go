package desired

import (
	"fmt"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/text"
)

// Consents reports whether a portal's agency agrees that the portal is a
// platform. Only the agency writes there, and the catalogue is the authority's.
// The agency agreed to one object and its type: another of the same name, and one
// that became something else, has no consent. For whom is told by agreedFor.
func Consents(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) bool {
	if portal == nil || !provides(portal, platform) || !sameObject(portal, platform) || consentUnrecorded(portal, platform) {
		return false
	}
	c := ConsentOf(portal, platform)
	return c == nil || c.Type == platform.Spec.Type
}

func provides(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) bool {
	return slices.Contains(portal.Spec.ProvidesPlatforms, v1alpha1.ObjectName(platform.Name))
}

// sameObject reports whether the portal's agency meant this object by its name.
// Before the operator has recorded which one was meant, any is, and so is one that
// is only in a file and has no UID.
func sameObject(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) bool {
	return !slices.ContainsFunc(portal.Status.PlatformConsents, func(c v1alpha1.PlatformConsent) bool {
		return string(c.Name) == platform.Name && platform.UID != "" && c.UID != string(platform.UID)
	})
}

// consentUnrecorded reports whether others agreed to be a platform and what this portal
// agrees to is not on record. Whoever comes after another one agrees to what is
// recorded then, and not to whatever there is until then.
func consentUnrecorded(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) bool {
	return len(platform.Status.Consents) > 0 && portal.UID != "" && ConsentOf(portal, platform) == nil
}

// ConsentOf is what is recorded of this portal's consent; nil before it is.
func ConsentOf(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) *v1alpha1.ConsentedScope {
	for i := range platform.Status.Consents {
		if c := &platform.Status.Consents[i]; c.PortalUID == string(portal.UID) {
			return c
		}
	}
	return nil
}

// agreedFor reports whether the owner of a platform in the cluster agreed that it
// serves an agency. Its own it serves always.
func agreedFor(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform, agency v1alpha1.AgencyName) bool {
	end := platform.Spec.Endpoint.Portal
	if end == nil || end.Agency == agency {
		return true
	}
	if !Consents(portal, platform) {
		return false
	}
	c := ConsentOf(portal, platform)
	return c == nil || len(c.Agencies) == 0 || slices.Contains(c.Agencies, agency)
}

// OpenToOthers reports whether agencies other than its own reach a platform's
// portal by a reference alone. A sharing platform carries links instead.
func OpenToOthers(portal *v1alpha1.AgencyPortal, p *v1alpha1.SharedPlatform) bool {
	end := p.Spec.Endpoint.Portal
	if end == nil || p.Spec.Type == v1alpha1.PlatformDataSharing || !Consents(portal, p) {
		return false
	}
	for _, agencies := range [][]v1alpha1.AgencyName{p.Spec.Agencies, consentedAgencies(portal, p)} {
		if len(agencies) > 0 {
			return slices.ContainsFunc(agencies, func(a v1alpha1.AgencyName) bool {
				return a != end.Agency && agreedFor(portal, p, a) && (len(p.Spec.Agencies) == 0 || slices.Contains(p.Spec.Agencies, a))
			})
		}
	}
	return true
}

func consentedAgencies(portal *v1alpha1.AgencyPortal, p *v1alpha1.SharedPlatform) []v1alpha1.AgencyName {
	if c := ConsentOf(portal, p); c != nil {
		return c.Agencies
	}
	return nil
}

// consentBlocker tells why a portal is not the platform that the catalogue says.
func consentBlocker(end PortalWithAgency, p *v1alpha1.SharedPlatform) *Blocker {
	why := ""
	switch {
	case Consents(end.Portal, p):
		return nil
	case !provides(end.Portal, p):
		why = fmt.Sprintf("has not agreed that its portal %q is this platform; it does so with spec.providesPlatforms: [%s] of the portal", end.Portal.Name, p.Name)
	case !sameObject(end.Portal, p):
		why = fmt.Sprintf("agreed to another SharedPlatform of this name, which was deleted; it agrees to this one by taking %s out of spec.providesPlatforms of its portal %q and putting it in again", p.Name, end.Portal.Name)
	case consentUnrecorded(end.Portal, p):
		why = fmt.Sprintf("agrees that its portal %q is this platform, and that is not on record yet; where this lasts, %d other portals agreed before (status.consents), and one of them has to take %s out of its spec.providesPlatforms", end.Portal.Name, maxConsents, p.Name)
	default:
		why = fmt.Sprintf("has not agreed to what the platform is now: the consent on record is to one of type %s, and it is of type %s; it agrees to that by taking %s out of spec.providesPlatforms of its portal %q and putting it in again", ConsentOf(end.Portal, p).Type, p.Spec.Type, p.Name, end.Portal.Name)
	}
	return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonOwnerConsentMissing,
		Message: fmt.Sprintf("SharedPlatform %q: agency %q %s. Nothing is opened until then.", p.Name, end.Agency.Name, why)}
}

// widerThanConsent tells for whom a platform is by the catalogue and not by its
// owner. Those that it served before it goes on serving.
func widerThanConsent(end PortalWithAgency, p *v1alpha1.SharedPlatform) *Blocker {
	if p.Spec.Endpoint.Portal == nil {
		return nil
	}
	wider := "every agency"
	if len(p.Spec.Agencies) > 0 {
		var names []string
		for _, a := range p.Spec.Agencies {
			if !agreedFor(end.Portal, p, a) {
				names = append(names, string(a))
			}
		}
		wider = text.Few(names, maxNamedAgencies)
	} else if len(consentedAgencies(end.Portal, p)) == 0 {
		wider = ""
	}
	if wider == "" {
		return nil
	}
	return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonOwnerConsentMissing,
		Message: fmt.Sprintf("SharedPlatform %q: spec.agencies is wider than what agency %q agreed to; those that it agreed to go on, and %s must wait. It agrees by taking %s out of spec.providesPlatforms of its portal %q and putting it in again.",
			p.Name, end.Agency.Name, wider, p.Name, end.Portal.Name)}
}

// maxNamedAgencies is how many agencies a message names.
const maxNamedAgencies = 5

// maxConsents is how many consents the schema lets a platform record.
const maxConsents = 8

// consentedScopes are what the owners of a platform's portals agree to: what was
// there when the operator first found each consent, until the portal that gave it
// takes it back. A catalogue that points at another portal for a moment, and comes
// back with a wider list, finds the former consent.
func consentedScopes(in PlatformInput) []v1alpha1.ConsentedScope {
	portal, p, out := in.Endpoint.Portal, in.Platform, slices.Clone(in.Consents)
	if portal == nil || !provides(portal, p) || !sameObject(portal, p) {
		return out
	}
	if slices.ContainsFunc(out, func(c v1alpha1.ConsentedScope) bool { return c.PortalUID == string(portal.UID) }) {
		return out
	}
	now := v1alpha1.ConsentedScope{PortalUID: string(portal.UID), Portal: *p.Spec.Endpoint.Portal, Type: p.Spec.Type, Agencies: slices.Clone(p.Spec.Agencies)}
	if i := slices.IndexFunc(out, func(c v1alpha1.ConsentedScope) bool { return c.Portal == now.Portal }); i >= 0 {
		out[i] = successor(now, out[i])
		return out
	}
	if len(out) >= maxConsents {
		return out
	}
	return append(out, now)
}

// successor is what a portal agrees to that comes after one of its name that agreed
// and is gone. The same YAML makes a portal anew for any reason, so it agrees to no
// more than the former one did, and to no more than there is now. Whoever takes the
// name out of the portal clears the record.
func successor(now, former v1alpha1.ConsentedScope) v1alpha1.ConsentedScope {
	now.Type = former.Type
	switch {
	case len(former.Agencies) == 0:
	case len(now.Agencies) == 0:
		now.Agencies = slices.Clone(former.Agencies)
	default:
		now.Agencies = slices.DeleteFunc(now.Agencies, func(a v1alpha1.AgencyName) bool { return !slices.Contains(former.Agencies, a) })
		if len(now.Agencies) == 0 {
			// None at all would mean everybody; its own agency it serves always.
			now.Agencies = []v1alpha1.AgencyName{now.Portal.Agency}
		}
	}
	return now
}

// platformConsents records which objects the names in a portal's spec mean: what
// is recorded stays while the name stands there.
func platformConsents(in PortalInput) []v1alpha1.PlatformConsent {
	var out []v1alpha1.PlatformConsent
	for _, name := range slices.Sorted(slices.Values(in.Portal.Spec.ProvidesPlatforms)) {
		recorded := slices.IndexFunc(in.Portal.Status.PlatformConsents, func(c v1alpha1.PlatformConsent) bool { return c.Name == name })
		switch uid := in.Provided[name]; {
		case recorded >= 0:
			out = append(out, in.Portal.Status.PlatformConsents[recorded])
		case uid != "":
			out = append(out, v1alpha1.PlatformConsent{Name: name, UID: string(uid)})
		}
	}
	return out
}
