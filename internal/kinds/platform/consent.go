package platform

import (
	"fmt"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/text"
)

// widerThanConsent tells for whom a platform is by the catalogue and not by its
// owner. Those that it served before it goes on serving.
func widerThanConsent(end portalkind.End, p *v1alpha1.SharedPlatform) *object.Blocker {
	if p.Spec.Endpoint.Portal == nil {
		return nil
	}
	wider := "every agency"
	if len(p.Spec.Agencies) > 0 {
		var names []string
		for _, a := range p.Spec.Agencies {
			if !portalkind.AgreedFor(end.Portal, p, a) {
				names = append(names, string(a))
			}
		}
		wider = text.Few(names, maxNamedAgencies)
	} else if len(portalkind.ConsentedAgencies(end.Portal, p)) == 0 {
		wider = ""
	}
	if wider == "" {
		return nil
	}
	return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonOwnerConsentMissing,
		Message: fmt.Sprintf("SharedPlatform %q: spec.agencies is wider than what agency %q agreed to; those that it agreed to go on, and %s must wait. It agrees by taking %s out of spec.providesPlatforms of its portal %q and putting it in again.",
			p.Name, end.Agency.Name, wider, p.Name, end.Portal.Name)}
}

// maxNamedAgencies is how many agencies a message names.
const maxNamedAgencies = 5

// consentedScopes are what the owners of a platform's portals agree to: what was
// there when the operator first found each consent, until the portal that gave it
// takes it back. A catalogue that points at another portal for a moment, and comes
// back with a wider list, finds the former consent.
func consentedScopes(in Input) []v1alpha1.ConsentedScope {
	portal, p, out := in.Endpoint.Portal, in.Platform, slices.Clone(in.Consents)
	if portal == nil || !portalkind.Provides(portal, p) || !portalkind.SameObject(portal, p) {
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
	if len(out) >= portalkind.MaxConsents {
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
