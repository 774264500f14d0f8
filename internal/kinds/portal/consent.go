package portal

import (
	"fmt"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// Consents reports whether a portal's agency agrees that the portal is a
// platform. Only the agency writes there, and the catalogue is the authority's.
// The agency agreed to one object and its type: another of the same name, and one
// that became something else, has no consent. For whom is told by agreedFor.
func Consents(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) bool {
	if portal == nil || !Provides(portal, platform) || !SameObject(portal, platform) || consentUnrecorded(portal, platform) {
		return false
	}
	c := ConsentOf(portal, platform)
	return c == nil || c.Type == platform.Spec.Type
}

// Provides reports whether a portal says that it is a platform.
func Provides(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) bool {
	return slices.Contains(portal.Spec.ProvidesPlatforms, v1alpha1.ObjectName(platform.Name))
}

// SameObject reports whether the portal's agency meant this object by its name.
// Before the operator has recorded which one was meant, any is, and so is one that
// is only in a file and has no UID.
func SameObject(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) bool {
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

// AgreedFor reports whether the owner of a platform in the cluster agreed that it
// serves an agency. Its own it serves always.
func AgreedFor(portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform, agency v1alpha1.AgencyName) bool {
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
	for _, agencies := range [][]v1alpha1.AgencyName{p.Spec.Agencies, ConsentedAgencies(portal, p)} {
		if len(agencies) > 0 {
			return slices.ContainsFunc(agencies, func(a v1alpha1.AgencyName) bool {
				return a != end.Agency && AgreedFor(portal, p, a) && (len(p.Spec.Agencies) == 0 || slices.Contains(p.Spec.Agencies, a))
			})
		}
	}
	return true
}

// ConsentedAgencies are those that a portal agreed to serve; none for all.
func ConsentedAgencies(portal *v1alpha1.AgencyPortal, p *v1alpha1.SharedPlatform) []v1alpha1.AgencyName {
	if c := ConsentOf(portal, p); c != nil {
		return c.Agencies
	}
	return nil
}

// ConsentBlocker tells why a portal is not the platform that the catalogue says.
func ConsentBlocker(end End, p *v1alpha1.SharedPlatform) *object.Blocker {
	why := ""
	switch {
	case Consents(end.Portal, p):
		return nil
	case !Provides(end.Portal, p):
		why = fmt.Sprintf("has not agreed that its portal %q is this platform; it does so with spec.providesPlatforms: [%s] of the portal", end.Portal.Name, p.Name)
	case !SameObject(end.Portal, p):
		why = fmt.Sprintf("agreed to another SharedPlatform of this name, which was deleted; it agrees to this one by taking %s out of spec.providesPlatforms of its portal %q and putting it in again", p.Name, end.Portal.Name)
	case consentUnrecorded(end.Portal, p):
		why = fmt.Sprintf("agrees that its portal %q is this platform, and that is not on record yet; where this lasts, %d other portals agreed before (status.consents), and one of them has to take %s out of its spec.providesPlatforms", end.Portal.Name, MaxConsents, p.Name)
	default:
		why = fmt.Sprintf("has not agreed to what the platform is now: the consent on record is to one of type %s, and it is of type %s; it agrees to that by taking %s out of spec.providesPlatforms of its portal %q and putting it in again", ConsentOf(end.Portal, p).Type, p.Spec.Type, p.Name, end.Portal.Name)
	}
	return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonOwnerConsentMissing,
		Message: fmt.Sprintf("SharedPlatform %q: agency %q %s. Nothing is opened until then.", p.Name, end.Agency.Name, why)}
}

// MaxConsents is how many consents the schema lets a platform record.
const MaxConsents = 8

// PlatformConsents records which objects the names in a portal's spec mean: what
// is recorded stays while the name stands there.
func PlatformConsents(in Input) []v1alpha1.PlatformConsent {
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
