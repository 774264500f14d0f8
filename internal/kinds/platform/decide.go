package platform

import (
	"fmt"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// Input is everything that decides about a shared platform.
type Input struct {
	Settings settings.Settings
	// Policies are all SecurityPolicies.
	Policies []v1alpha1.SecurityPolicy
	Platform *v1alpha1.SharedPlatform
	// AbsentAgencies are those that the spec names and that do not exist.
	AbsentAgencies []policy.NamedAgencies
	// Endpoint is the portal that provides it; empty for an external platform.
	Endpoint portal.End
	// Consents are those on record that nobody took back.
	Consents []v1alpha1.ConsentedScope
	// DuplicateOf is the older platform with the same capability and scope.
	DuplicateOf string
	// Consumers is the number of portals that reference it.
	Consumers int
}

// Output is what is found about a shared platform.
type Output struct {
	Fingerprint string
	// Unique is why the platform is a duplicate; nil when it isn't.
	Unique *object.Blocker
	// Available is why it can't be used; nil when it can.
	Available *object.Blocker
	// Consents are what the owners of its portals agreed to.
	Consents []v1alpha1.ConsentedScope
}

// Decide decides whether a platform is available and no duplicate.
func Decide(in Input) Output {
	spec := &in.Platform.Spec
	referenced := portal.ReferencedPlatform{Platform: in.Platform, Endpoint: in.Endpoint}
	standards := portal.Standards{Settings: in.Settings, Policies: in.Policies}
	out := Output{Fingerprint: object.Fingerprint(spec.Capability, spec.Scope), Available: portal.PlatformBlocker(referenced, standards)}
	out.Consents = consentedScopes(in)
	if out.Available == nil {
		out.Available = widerThanConsent(in.Endpoint, in.Platform)
	}
	if in.DuplicateOf != "" {
		out.Unique = &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDuplicateOf,
			Message: fmt.Sprintf("spec.capability: the older SharedPlatform %q has the same capability and scope; use that one, or state what differs.", in.DuplicateOf)}
	}
	return out
}
