package securitypolicy

import (
	"fmt"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// ImpactInput is everything that decides what the newest spec of a policy would
// stop. The operator and "kubectl gov impact" share it.
type ImpactInput struct {
	// Policy with the newest spec; it need not exist yet.
	Policy *v1alpha1.SecurityPolicy
	// Policies are all that exist.
	Policies []v1alpha1.SecurityPolicy
	// Portals of which a spec runs (RunningSpec). Only what the evaluation of a spec
	// rests on is needed: settings, agency, platforms.
	Portals []portal.Input
	// Links that are open; see needsLinks.
	Links []link.Input
	// Running is the number of portals of which a spec runs and of open links, in
	// all.
	Running int
	// rendered keeps what was rendered already, see once; nil at first.
	rendered *renderings
}

// Impact is what the newest spec of a policy would stop.
type Impact struct {
	policy.Stopped
	// Stops lists it, portals first, sorted.
	Stops []Stop
}

// Stop is one portal or link that would stop, with the first control that it
// does not meet.
type Stop struct {
	v1alpha1.Impacted `json:",inline"`
	Found             string `json:"found"`
	Wanted            string `json:"wanted"`
	// Follows is true for a link that closes because one of its ends stops.
	Follows bool `json:"follows,omitempty"`
}

// Named names what would stop, and the control by which.
func (s Stop) Named() string { return fmt.Sprintf("%s/%s by %s", s.Agency, s.Name, s.Control) }

// impactOf computes what would stop. A portal stops that runs, complies with the
// policies in force, and would not if the newest spec were.
func impactOf(in ImpactInput) Impact {
	return impactOfChanges(in, nil, []v1alpha1.SecurityPolicy{*in.Policy})
}

// impactOfChanges computes what would stop if all the changed policies took effect,
// after those that are taken as accepted.
func impactOfChanges(in ImpactInput, accepted, changed []v1alpha1.SecurityPolicy) Impact {
	var stops []Stop
	before := acceptAll(in.Policies, accepted)
	after := acceptAll(before, changed)
	stopped, replaced := stoppedPortals(in, accepted, changed)
	for i := range in.Portals {
		p := in.Portals[i].Portal
		f := stopped[portalKey(p)]
		if f == nil {
			f = replaced[portalKey(p)]
		}
		if f != nil {
			stops = append(stops, Stop{Impacted: impacted(v1alpha1.KindAgencyPortal, p.Namespace, p.Name, f.Control), Found: f.Found, Wanted: f.Wanted})
		}
	}
	for i := range in.Links {
		if stop := linkStops(in.Links[i], before, after, stopped); stop != nil {
			stops = append(stops, *stop)
		}
	}
	return countStops(in.Running, stops)
}

// countStops sorts and counts what would stop.
func countStops(running int, stops []Stop) Impact {
	out := Impact{Stopped: policy.Stopped{Running: running}, Stops: stops}
	slices.SortFunc(out.Stops, func(a, b Stop) int { return compareImpacted(a.Impacted, b.Impacted) })
	for _, s := range out.Stops {
		if s.Kind == v1alpha1.KindAgencyPortal {
			out.Portals++
			continue
		}
		out.Links++
		if s.Follows {
			out.Consequent++
		}
	}
	return out
}

func acceptAll(all, changed []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	for i := range changed {
		all = policy.Accept(all, &changed[i])
	}
	return all
}

// needsLinks reports whether the change, or one that waits beside it, can close
// links: it changes what a policy demands of them, or stops portals.
func needsLinks(in *ImpactInput) bool {
	in.once()
	changed := append(policy.PendingBeside(in.Policies, in.Policy.Name), *in.Policy)
	for i := range changed {
		if control.ConcernsLinks(&changed[i].Spec) {
			return true
		}
		if spec := policy.SpecInForce(&changed[i]); spec != nil && control.ConcernsLinks(spec) {
			return true
		}
	}
	stopped, _ := stoppedPortals(*in, nil, changed)
	return len(stopped) > 0
}

func portalKey(p *v1alpha1.AgencyPortal) string { return p.Namespace + "/" + p.Name }

// stoppedPortals returns the first finding for each portal that would stop, and
// for each whose pods would all be replaced for their isolation: whether a
// runtime class or a node pool of that name exists shows only then, and until
// then no pod that is lost comes back.
func stoppedPortals(in ImpactInput, accepted, changed []v1alpha1.SecurityPolicy) (stopped, replaced map[string]*v1alpha1.PolicyFinding) {
	in.once()
	before, then := in.regime(accepted), in.regime(append(slices.Clone(accepted), changed...))
	stopped, replaced = map[string]*v1alpha1.PolicyFinding{}, map[string]*v1alpha1.PolicyFinding{}
	for _, p := range in.Portals {
		last := object.RunningSpec(p.Portal)
		if last == nil {
			continue
		}
		s := portal.Scope(p)
		level, _ := policy.SecurityLevel(last, p.Settings.SecurityLevels)
		subject := policy.Subject{Level: level, Agency: s.Agency, Exposure: last.Exposure}
		if !slices.ContainsFunc(changed, func(c v1alpha1.SecurityPolicy) bool { return policy.Selects(c.Spec.Selector, subject) }) {
			// What does not select a portal demands nothing of it.
			continue
		}
		now, next := in.rendered.of(s, p, before), in.rendered.of(s, p, then)
		if len(now.blocking) > 0 {
			continue
		}
		found := next.blocking
		if len(found) == 0 {
			if lost := policy.Isolation(next.isolating, now.pod); len(lost) > 0 {
				replaced[portalKey(p.Portal)] = &lost[0]
			}
			continue
		}
		first := found[0]
		if i := slices.IndexFunc(found, func(f v1alpha1.PolicyFinding) bool { return f.Policy == in.Policy.Name }); i >= 0 {
			first = found[i]
		}
		stopped[portalKey(p.Portal)] = &first
	}
	return stopped, replaced
}

// linkStops returns why a link would close; nil if it stays, or is closed as it is.
func linkStops(l link.Input, before, after []v1alpha1.SecurityPolicy, stopped map[string]*v1alpha1.PolicyFinding) *Stop {
	l.Policies = before
	if !object.LinkOpen(l.Link) || !link.Decide(l).Open {
		return nil
	}
	ends := []portal.End{l.Consumer, l.Provider}
	if l.Link.Spec.Route != v1alpha1.RouteDirect {
		ends = append(ends, l.Via)
	}
	for _, end := range ends {
		if f := stopped[portalKey(end.Portal)]; f != nil {
			return &Stop{Impacted: impacted(v1alpha1.KindDataSharingLink, l.Link.Namespace, l.Link.Name, f.Control), Follows: true,
				Found: "portal " + portalKey(end.Portal) + " stops", Wanted: "portals that meet the standard at every end"}
		}
	}
	if owner, disputed := policy.AssignedOwner(policy.InForce(after), string(l.Service.Spec.Dataset)); len(disputed) > 0 || owner != "" && owner != l.Provider.Agency.Name {
		return &Stop{Impacted: impacted(v1alpha1.KindDataSharingLink, l.Link.Namespace, l.Link.Name, control.DatasetOwners),
			Found: "dataset " + string(l.Service.Spec.Dataset) + " of agency " + l.Provider.Agency.Name, Wanted: "a service of the agency to which the dataset is assigned"}
	}
	l.Policies = after
	out := link.Decide(l)
	if out.Open {
		return nil
	}
	by, found := "dataSharing", "the link as it is approved"
	switch {
	case out.Validity != nil:
		by, found = control.MaxValidity, out.Validity.Message
	case len(out.References) > 0 && out.References[0].Reason == v1alpha1.ReasonDirectNotAllowed:
		by, found = control.DirectRoute, out.References[0].Message
	case len(out.References) > 0:
		found = out.References[0].Message
	case out.AuthorityRequired && !out.Authority.Approved:
		by, found = control.AuthorityApproval, "no approval by the authority"
	}
	return &Stop{Impacted: impacted(v1alpha1.KindDataSharingLink, l.Link.Namespace, l.Link.Name, by), Found: found, Wanted: "what the standard allows"}
}
