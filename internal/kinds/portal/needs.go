package portal

import (
	"fmt"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// BuiltIn is the name under which findings of the regime's own rules appear.
const BuiltIn = "built-in"

// need is a platform that the regime demands of a portal.
type need struct {
	platform v1alpha1.PlatformType
	why      string
}

// needs lists what a portal must reference by what it does.
func needs(spec *v1alpha1.AgencyPortalSpec) []need {
	var out []need
	if spec.CitizenLogin {
		out = append(out, need{v1alpha1.PlatformIdentity, "citizenLogin"})
	}
	if slices.ContainsFunc(spec.PublicServices, func(s v1alpha1.PublicService) bool { return s.Level >= paidServiceLevel && s.Fee }) {
		out = append(out, need{v1alpha1.PlatformPayment, "a level-4 service with a fee"})
	}
	return out
}

// unmet returns the needs that no referenced platform meets, and whether a
// reference that does not resolve yet may be the one.
func unmet(in Input, spec *v1alpha1.AgencyPortalSpec) (missing []need, unresolved bool) {
	for _, n := range needs(spec) {
		if !slices.ContainsFunc(spec.PlatformRefs, func(r v1alpha1.PlatformReference) bool {
			p := in.Platforms[string(r.Name)].Platform
			return p != nil && p.Spec.Type == n.platform
		}) {
			missing = append(missing, n)
		}
	}
	unresolved = slices.ContainsFunc(spec.PlatformRefs, func(r v1alpha1.PlatformReference) bool { return in.Platforms[string(r.Name)].Platform == nil })
	return missing, unresolved
}

// PlatformRefs is the control of the operator's own that demands platforms.
const PlatformRefs = "platformRefs"

// requiredPlatforms finds platforms that the portal must reference and does not.
func requiredPlatforms(in Input, spec *v1alpha1.AgencyPortalSpec) []v1alpha1.PolicyFinding {
	missing, unresolved := unmet(in, spec)
	if unresolved {
		return nil
	}
	var out []v1alpha1.PolicyFinding
	for _, n := range missing {
		out = append(out, v1alpha1.PolicyFinding{Policy: BuiltIn, Mode: v1alpha1.ModeEnforce, Control: PlatformRefs,
			Found: n.why + " without a reference to a platform of type " + string(n.platform), Wanted: "a SharedPlatform of type " + string(n.platform) + " in spec.platformRefs"})
	}
	return out
}

// awaitedPlatform blocks a portal that needs a platform while one of its
// references, which may be that platform, does not exist.
func awaitedPlatform(in Input) *object.Blocker {
	missing, unresolved := unmet(in, &in.Portal.Spec)
	if len(missing) == 0 || !unresolved {
		return nil
	}
	return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPlatformNotFound,
		Message: fmt.Sprintf("spec.platformRefs: %s needs a platform of type %s, and a referenced SharedPlatform does not exist yet; correct the name, or ask the authority to provide it.", missing[0].why, missing[0].platform)}
}

// paidServiceLevel is the level of online services that includes payment.
const paidServiceLevel = 4
