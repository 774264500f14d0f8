package desired

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// PlatformInput is everything that decides about a shared platform.
type PlatformInput struct {
	Settings settings.Settings
	// Policies are all SecurityPolicies.
	Policies []v1alpha1.SecurityPolicy
	Platform *v1alpha1.SharedPlatform
	// AbsentAgencies are those that the spec names and that do not exist.
	AbsentAgencies []policy.NamedAgencies
	// Endpoint is the portal that provides it; empty for an external platform.
	Endpoint PortalWithAgency
	// Consents are those on record that nobody took back.
	Consents []v1alpha1.ConsentedScope
	// DuplicateOf is the older platform with the same capability and scope.
	DuplicateOf string
	// Consumers is the number of portals that reference it.
	Consumers int
}

// PlatformOutput is what is found about a shared platform.
type PlatformOutput struct {
	Fingerprint string
	// Unique is why the platform is a duplicate; nil when it isn't.
	Unique *Blocker
	// Available is why it can't be used; nil when it can.
	Available *Blocker
	// Consents are what the owners of its portals agreed to.
	Consents []v1alpha1.ConsentedScope
}

// SharedPlatform decides whether a platform is available and no duplicate.
func SharedPlatform(in PlatformInput) PlatformOutput {
	spec := &in.Platform.Spec
	out := PlatformOutput{Fingerprint: policy.Fingerprint(spec.Capability, spec.Scope), Available: platformBlocker(ReferencedPlatform{Platform: in.Platform, Endpoint: in.Endpoint}, standards{in.Settings, in.Policies})}
	out.Consents = consentedScopes(in)
	if out.Available == nil {
		out.Available = widerThanConsent(in.Endpoint, in.Platform)
	}
	if in.DuplicateOf != "" {
		out.Unique = &Blocker{Class: Terminal, Reason: v1alpha1.ReasonDuplicateOf,
			Message: fmt.Sprintf("spec.capability: the older SharedPlatform %q has the same capability and scope; use that one, or state what differs.", in.DuplicateOf)}
	}
	return out
}

// ReferencedPlatform is a platform that a portal references.
type ReferencedPlatform struct {
	// Name as the reference says it.
	Name string
	// Platform is nil when it does not exist. Unreadable is true when it does, and can't
	// be read.
	Platform   *v1alpha1.SharedPlatform
	Unreadable bool
	Endpoint   PortalWithAgency
	// DuplicateOf is the older platform with the same capability and scope.
	DuplicateOf string
}

// platformBlocker tells why nobody can use a platform.
func platformBlocker(p ReferencedPlatform, std standards) *Blocker {
	switch {
	case p.Unreadable:
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPlatformUnavailable,
			Message: fmt.Sprintf("SharedPlatform %q can't be read, so nothing is open to it; the authority must correct it.", p.Name)}
	case p.Platform == nil:
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPlatformNotFound,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q does not exist; correct the name, or ask the authority to provide it.", p.Name)}
	case p.DuplicateOf != "":
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonDuplicateOf,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q is a duplicate of %q; reference that one.", p.Platform.Name, p.DuplicateOf)}
	case p.Platform.DeletionTimestamp != nil:
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPlatformUnavailable,
			Message: fmt.Sprintf("SharedPlatform %q is being deleted; nothing is opened to it. Remove the reference.", p.Platform.Name)}
	case p.Platform.Spec.Endpoint.External != nil:
		return externalBlocker(std.settings, p.Platform)
	}
	if b := endBlocker("spec.endpoint.portal", p.Platform.Name, p.Endpoint, std, v1alpha1.ReasonPlatformUnavailable); b != nil {
		return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPlatformUnavailable,
			Message: fmt.Sprintf("SharedPlatform %q: its portal does not exist, does not meet its policies, or its agency is suspended; nothing is opened to it until that is repaired.", p.Platform.Name)}
	}
	return consentBlocker(p.Endpoint, p.Platform)
}

// resolvePlatform finds a platform that a portal references, and why the portal
// can't use it.
func resolvePlatform(in PortalInput, agency, name string) (ReferencedPlatform, *Blocker) {
	p := in.Platforms[name]
	p.Name = name
	b := platformBlocker(p, standards{in.Settings, in.Policies})
	if b == nil && len(p.Platform.Spec.Agencies) > 0 && !slices.Contains(p.Platform.Spec.Agencies, v1alpha1.AgencyName(agency)) {
		b = &Blocker{Class: Terminal, Reason: v1alpha1.ReasonPlatformNotAllowed,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q is not for agency %q; remove the reference, or ask the authority to add the agency.", name, agency)}
	}
	if b == nil && !agreedFor(p.Endpoint.Portal, p.Platform, v1alpha1.AgencyName(agency)) {
		b = &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPlatformNotAllowed,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q is for agency %q by the authority, and agency %q, whose portal it is, has not agreed to that yet.", name, agency, p.Platform.Spec.Endpoint.Portal.Agency)}
	}
	if b == nil && linksOnly(p.Platform, agency) {
		b = &Blocker{Class: Terminal, Reason: v1alpha1.ReasonPlatformNotAllowed,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q carries links, and no reference opens the way to it; remove the reference, and ask for the data in a DataSharingLink with route Platform.", name)}
	}
	return p, b
}

// linksOnly reports whether an agency reaches a platform over links and in no
// other way: one that carries links from a portal of somebody else. A reference
// would open it, and the services that its portal has, without any approval.
func linksOnly(p *v1alpha1.SharedPlatform, agency string) bool {
	end := p.Spec.Endpoint.Portal
	return p.Spec.Type == v1alpha1.PlatformDataSharing && end != nil && string(end.Agency) != agency
}

// externalBlocker tells why an external platform can't be reached. The schema
// refuses all of this; here it keeps an empty "to", which would mean everybody,
// from ever being written.
func externalBlocker(s settings.Settings, p *v1alpha1.SharedPlatform) *Blocker {
	ext := p.Spec.Endpoint.External
	valid := len(ext.CIDRs) > 0
	for _, c := range ext.CIDRs {
		prefix, err := netip.ParsePrefix(string(c))
		valid = valid && err == nil && prefix.Bits() >= shortestPrefix
	}
	if valid {
		if why := policy.BlocksProblem(s, sortedStrings(ext.CIDRs)); why != "" {
			return &Blocker{Class: Terminal, Reason: v1alpha1.ReasonOutsideNetworks,
				Message: fmt.Sprintf("SharedPlatform %q: spec.endpoint.external.cidrs: %s; nothing is opened until the authority corrects it, or the platform team declares the network.", p.Name, why)}
		}
		return nil
	}
	return &Blocker{Class: Terminal, Reason: v1alpha1.ReasonPlatformUnavailable,
		Message: fmt.Sprintf("SharedPlatform %q: spec.endpoint.external.cidrs has no address, or one that can't be read or is too large; nothing is opened until the authority corrects it.", p.Name)}
}

// shortestPrefix is the largest block of addresses that the schema accepts.
const shortestPrefix = 8

// platformFlows builds the rules between a portal and the platforms that it
// references. What can't be resolved gets no rule and a named reason.
func platformFlows(s scope, in PortalInput, spec *v1alpha1.AgencyPortalSpec) (objects []Object, blocked []Blocker) {
	from := portalEnd{agency: s.agency, namespace: s.namespace, portal: s.portal}
	for _, ref := range spec.PlatformRefs {
		p, b := resolvePlatform(in, s.agency, string(ref.Name))
		if b != nil {
			blocked = append(blocked, *b)
			continue
		}
		id := names.Platform(s.namespace, s.portal, string(ref.Name))
		if ext := p.Platform.Spec.Endpoint.External; ext != nil {
			objects = append(objects, externalEgress(s, id, from, sortedStrings(ext.CIDRs), ext.Port))
			continue
		}
		if to := flowEnd(p.Endpoint); to != from {
			objects = append(objects, policyPair(s, id, from, to, Ports(p.Endpoint.Portal))...)
		}
	}
	return objects, blocked
}

// PlatformNames are the platforms that a portal, or the spec that keeps running
// in its place, references, each once.
func PlatformNames(p *v1alpha1.AgencyPortal) []string {
	refs := p.Spec.PlatformRefs
	if last := p.Status.LastCompliant; last != nil {
		refs = slices.Concat(refs, last.PlatformRefs)
	}
	var out []string
	for _, ref := range refs {
		if !slices.Contains(out, string(ref.Name)) {
			out = append(out, string(ref.Name))
		}
	}
	return out
}

// ways are the names of the policies of all platforms that a portal's newest spec, or
// the one that runs in its place, references, and what of them is given to it: what
// runs loses a way by the word of others also while nothing else of it is changed.
// Where it is not recorded what runs, all that there is counts: nobody would hear of
// the withdrawal of a way that the newest spec does not name.
func ways(s scope, in PortalInput) (all []string, given []Object) {
	var spec v1alpha1.AgencyPortalSpec
	for _, name := range PlatformNames(in.Portal) {
		spec.PlatformRefs = append(spec.PlatformRefs, v1alpha1.PlatformReference{Name: v1alpha1.ObjectName(name)})
		id := names.Platform(s.namespace, s.portal, name)
		all = append(all, names.Child(id, "egress"), names.Child(id, "ingress"))
	}
	own := []string{PortalGuard(in.Portal).Name, names.Child(s.portal, "base")}
	for _, name := range in.NetworkPolicies {
		if !slices.Contains(own, name) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	given, _ = platformFlows(s, in, &spec)
	return all, given
}

// builtIn is the name under which findings of the regime's own rules appear.
const builtIn = "built-in"

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
func unmet(in PortalInput, spec *v1alpha1.AgencyPortalSpec) (missing []need, unresolved bool) {
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

// platformRefs is the control of the operator's own that demands platforms.
const platformRefs = "platformRefs"

// requiredPlatforms finds platforms that the portal must reference and does not.
func requiredPlatforms(in PortalInput, spec *v1alpha1.AgencyPortalSpec) []v1alpha1.PolicyFinding {
	missing, unresolved := unmet(in, spec)
	if unresolved {
		return nil
	}
	var out []v1alpha1.PolicyFinding
	for _, n := range missing {
		out = append(out, v1alpha1.PolicyFinding{Policy: builtIn, Mode: v1alpha1.ModeEnforce, Control: platformRefs,
			Found: n.why + " without a reference to a platform of type " + string(n.platform), Wanted: "a SharedPlatform of type " + string(n.platform) + " in spec.platformRefs"})
	}
	return out
}

// awaitedPlatform blocks a portal that needs a platform while one of its
// references, which may be that platform, does not exist.
func awaitedPlatform(in PortalInput) *Blocker {
	missing, unresolved := unmet(in, &in.Portal.Spec)
	if len(missing) == 0 || !unresolved {
		return nil
	}
	return &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPlatformNotFound,
		Message: fmt.Sprintf("spec.platformRefs: %s needs a platform of type %s, and a referenced SharedPlatform does not exist yet; correct the name, or ask the authority to provide it.", missing[0].why, missing[0].platform)}
}

// paidServiceLevel is the level of online services that includes payment.
const paidServiceLevel = 4
