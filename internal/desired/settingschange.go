package desired

import (
	"fmt"
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// SettingsInput is everything that decides what newer settings would touch of what
// runs under the former.
type SettingsInput struct {
	Former, Newer settings.Settings
	Portals       []v1alpha1.AgencyPortal
	Platforms     []v1alpha1.SharedPlatform
	Links         []v1alpha1.DataSharingLink
}

// SettingsImpact computes which running portals get another security level, or lose
// their gateway, their name servers or the network of a platform that they use, and
// which open links lose what was approved. A level counts even where no standard
// blocks it: it replaces the portal's pods, and it is part of what was approved.
func SettingsImpact(in SettingsInput) Impact {
	var stops []Stop
	running := 0
	leveled := map[string]Stop{}
	for i := range in.Portals {
		p := &in.Portals[i]
		if p.Status.LastCompliant == nil {
			continue
		}
		running++
		stop := levelStop(in, p)
		if stop != nil {
			leveled[p.Namespace+"/"+p.Name] = *stop
		} else {
			stop = cutOff(in, p)
		}
		if stop != nil {
			stops = append(stops, *stop)
		}
	}
	for i := range in.Links {
		l := &in.Links[i]
		if !LinkOpen(l) {
			continue
		}
		running++
		if stop := decisionStop(in, l, leveled); stop != nil {
			stops = append(stops, *stop)
		}
	}
	return countStops(running, stops)
}

func levelStop(in SettingsInput, p *v1alpha1.AgencyPortal) *Stop {
	former, _ := policy.SecurityLevel(p.Status.LastCompliant, in.Former.SecurityLevels)
	newer, criteria := policy.SecurityLevel(p.Status.LastCompliant, in.Newer.SecurityLevels)
	if former == newer {
		return nil
	}
	found := fmt.Sprintf("security level %d", newer)
	if len(criteria) > 0 {
		found += " (" + criteria[0] + ")"
	}
	return &Stop{Impacted: impacted(kindPortal, p.Namespace, p.Name, "securityLevels"), Found: found, Wanted: fmt.Sprintf("level %d, under which it runs", former)}
}

// cutOff says what of the network a portal would lose; nil for nothing.
func cutOff(in SettingsInput, p *v1alpha1.AgencyPortal) *Stop {
	spec := p.Status.LastCompliant
	stop := func(control, found, wanted string) *Stop {
		return &Stop{Impacted: impacted(kindPortal, p.Namespace, p.Name, control), Found: found, Wanted: wanted}
	}
	if lost := lostNameServers(in.Former.ClusterDNS, in.Newer.ClusterDNS); lost != "" {
		return stop("clusterDNS", "no way to "+lost, "the name servers that it asks")
	}
	for _, g := range in.Former.Gateways {
		kept := slices.ContainsFunc(in.Newer.Gateways, func(n settings.Gateway) bool { return n.Exposure == g.Exposure && samePeer(n.Peer, g.Peer) })
		if g.Exposure == spec.Exposure && !kept {
			return stop("gateways", "no way from the gateway in "+g.Namespace, "the gateway that publishes it")
		}
	}
	for _, ref := range spec.PlatformRefs {
		for i := range in.Platforms {
			external := in.Platforms[i].Spec.Endpoint.External
			if external == nil || in.Platforms[i].Name != string(ref.Name) {
				continue
			}
			if problem := policy.BlocksProblem(in.Newer, blocksOf(external)); problem != "" && policy.BlocksProblem(in.Former, blocksOf(external)) == "" {
				return stop("networks", "platform "+in.Platforms[i].Name+": "+problem, "the platform that it uses")
			}
		}
	}
	return nil
}

func blocksOf(e *v1alpha1.ExternalEndpoint) []string {
	var out []string
	for _, c := range e.CIDRs {
		out = append(out, string(c))
	}
	return out
}

func samePeer(a, b settings.Peer) bool {
	if a.Namespace != b.Namespace || len(a.PodLabels) != len(b.PodLabels) {
		return false
	}
	for k, v := range a.PodLabels {
		if b.PodLabels[k] != v {
			return false
		}
	}
	return true
}

func lostNameServers(former, newer settings.NameServers) string {
	if former.Namespace != "" && !samePeer(former.Peer, newer.Peer) {
		return "the name servers in " + former.Namespace
	}
	for _, a := range former.Addresses {
		if !slices.Contains(newer.Addresses, a) {
			return "the name servers at " + a
		}
	}
	return ""
}

// decisionStop says why a link would need a new decision; nil when it does not.
func decisionStop(in SettingsInput, l *v1alpha1.DataSharingLink, leveled map[string]Stop) *Stop {
	if scope := l.Status.Scope; scope != nil {
		ends := []v1alpha1.LinkScopeEnd{scope.Consumer, scope.Provider}
		if scope.Via != nil {
			ends = append(ends, *scope.Via)
		}
		for _, end := range ends {
			if stop, ok := leveled[names.Namespace(string(end.Agency))+"/"+end.Name]; ok {
				return &Stop{Impacted: impacted(kindLink, l.Namespace, l.Name, "securityLevels"), Follows: true,
					Found: fmt.Sprintf("portal %s/%s of another security level", stop.Agency, stop.Name), Wanted: "the level that was approved"}
			}
		}
	}
	if in.Former.AuthorityAgency == in.Newer.AuthorityAgency {
		return nil
	}
	approved := slices.ContainsFunc(l.Status.Decisions, func(d v1alpha1.LinkDecision) bool {
		return d.Side == v1alpha1.SideAuthority && d.Decision == string(v1alpha1.DecisionApprove) && d.SpecHash == l.Status.SpecHash
	})
	if !approved {
		return nil
	}
	return &Stop{Impacted: impacted(kindLink, l.Namespace, l.Name, "authorityAgency"),
		Found: "an approval by agency " + in.Former.AuthorityAgency, Wanted: "one by agency " + in.Newer.AuthorityAgency}
}
