package portal

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// ReferencedPlatform is a platform that a portal references.
type ReferencedPlatform struct {
	// Name as the reference says it.
	Name string
	// Platform is nil when it does not exist. Unreadable is true when it does, and can't
	// be read.
	Platform   *v1alpha1.SharedPlatform
	Unreadable bool
	Endpoint   End
	// DuplicateOf is the older platform with the same capability and scope.
	DuplicateOf string
}

// PlatformBlocker tells why nobody can use a platform.
func PlatformBlocker(p ReferencedPlatform, std Standards) *object.Blocker {
	switch {
	case p.Unreadable:
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPlatformUnavailable,
			Message: fmt.Sprintf("SharedPlatform %q can't be read, so nothing is open to it; the authority must correct it.", p.Name)}
	case p.Platform == nil:
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPlatformNotFound,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q does not exist; correct the name, or ask the authority to provide it.", p.Name)}
	case p.DuplicateOf != "":
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonDuplicateOf,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q is a duplicate of %q; reference that one.", p.Platform.Name, p.DuplicateOf)}
	case p.Platform.DeletionTimestamp != nil:
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPlatformUnavailable,
			Message: fmt.Sprintf("SharedPlatform %q is being deleted; nothing is opened to it. Remove the reference.", p.Platform.Name)}
	case p.Platform.Spec.Endpoint.External != nil:
		return externalBlocker(std.Settings, p.Platform)
	}
	if b := EndBlocker("spec.endpoint.portal", p.Platform.Name, p.Endpoint, std, v1alpha1.ReasonPlatformUnavailable); b != nil {
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPlatformUnavailable,
			Message: fmt.Sprintf("SharedPlatform %q: its portal does not exist, does not meet its policies, or its agency is suspended; nothing is opened to it until that is repaired.", p.Platform.Name)}
	}
	return ConsentBlocker(p.Endpoint, p.Platform)
}

// resolvePlatform finds a platform that a portal references, and why the portal
// can't use it.
func resolvePlatform(in Input, agency, name string) (ReferencedPlatform, *object.Blocker) {
	p := in.Platforms[name]
	p.Name = name
	b := PlatformBlocker(p, Standards{Settings: in.Settings, Policies: in.Policies})
	if b == nil && len(p.Platform.Spec.Agencies) > 0 && !slices.Contains(p.Platform.Spec.Agencies, v1alpha1.AgencyName(agency)) {
		b = &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonPlatformNotAllowed,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q is not for agency %q; remove the reference, or ask the authority to add the agency.", name, agency)}
	}
	if b == nil && !AgreedFor(p.Endpoint.Portal, p.Platform, v1alpha1.AgencyName(agency)) {
		b = &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPlatformNotAllowed,
			Message: fmt.Sprintf("spec.platformRefs: SharedPlatform %q is for agency %q by the authority, and agency %q, whose portal it is, has not agreed to that yet.", name, agency, p.Platform.Spec.Endpoint.Portal.Agency)}
	}
	if b == nil && linksOnly(p.Platform, agency) {
		b = &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonPlatformNotAllowed,
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
func externalBlocker(s settings.Settings, p *v1alpha1.SharedPlatform) *object.Blocker {
	ext := p.Spec.Endpoint.External
	valid := len(ext.CIDRs) > 0
	for _, c := range ext.CIDRs {
		prefix, err := netip.ParsePrefix(string(c))
		valid = valid && err == nil && prefix.Bits() >= shortestPrefix
	}
	if valid {
		if why := policy.BlocksProblem(s, object.Sorted(ext.CIDRs)); why != "" {
			return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonOutsideNetworks,
				Message: fmt.Sprintf("SharedPlatform %q: spec.endpoint.external.cidrs: %s; nothing is opened until the authority corrects it, or the platform team declares the network.", p.Name, why)}
		}
		return nil
	}
	return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonPlatformUnavailable,
		Message: fmt.Sprintf("SharedPlatform %q: spec.endpoint.external.cidrs has no address, or one that can't be read or is too large; nothing is opened until the authority corrects it.", p.Name)}
}

// shortestPrefix is the largest block of addresses that the schema accepts.
const shortestPrefix = 8

// platformFlows builds the rules between a portal and the platforms that it
// references. What can't be resolved gets no rule and a named reason.
func platformFlows(s object.Scope, in Input, spec *v1alpha1.AgencyPortalSpec) (objects []object.Object, blocked []object.Blocker) {
	from := flow.End{Agency: s.Agency, Namespace: s.Namespace, Portal: s.Portal}
	for _, ref := range spec.PlatformRefs {
		p, b := resolvePlatform(in, s.Agency, string(ref.Name))
		if b != nil {
			blocked = append(blocked, *b)
			continue
		}
		id := names.Platform(s.Namespace, s.Portal, string(ref.Name))
		if ext := p.Platform.Spec.Endpoint.External; ext != nil {
			objects = append(objects, flow.ExternalEgress(s, id, from, object.Sorted(ext.CIDRs), ext.Port))
			continue
		}
		if to := FlowEnd(p.Endpoint); to != from {
			objects = append(objects, flow.Pair(s, id, from, to, flow.Ports(p.Endpoint.Portal))...)
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
func ways(s object.Scope, in Input) (all []string, given []object.Object) {
	var spec v1alpha1.AgencyPortalSpec
	for _, name := range PlatformNames(in.Portal) {
		spec.PlatformRefs = append(spec.PlatformRefs, v1alpha1.PlatformReference{Name: v1alpha1.ObjectName(name)})
		id := names.Platform(s.Namespace, s.Portal, name)
		all = append(all, names.Child(id, "egress"), names.Child(id, "ingress"))
	}
	own := []string{Guard(in.Portal).Name, names.Child(s.Portal, "base")}
	for _, name := range in.NetworkPolicies {
		if !slices.Contains(own, name) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	given, _ = platformFlows(s, in, &spec)
	return all, given
}
