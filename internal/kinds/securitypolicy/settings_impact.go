package securitypolicy

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// SettingsImpact counts what newer settings would touch of what runs under the
// former: which running portals get another security level, or lose their gateway,
// their name servers or the network of a platform that they use, and which open links
// lose what was approved. A level counts even where no standard blocks it: it replaces
// the portal's pods, and it is part of what was approved. Platforms come first, then
// portals, then links; a country is never held in memory at once.
type SettingsImpact struct {
	former, newer settings.Settings
	lost          map[string]string // platforms outside, and why they would be no more
	leveled       map[string]bool   // portals with another level
	stops         []Stop
	running       int
}

// NewSettingsImpact returns a count that has seen nothing yet.
func NewSettingsImpact(former, newer settings.Settings) *SettingsImpact {
	return &SettingsImpact{former: former, newer: newer, lost: map[string]string{}, leveled: map[string]bool{}}
}

// Possible reports whether the settings differ in anything that could touch what runs.
func (i *SettingsImpact) Possible() bool {
	a, b := i.former, i.newer
	return a.AuthorityAgency != b.AuthorityAgency || !equality.Semantic.DeepEqual(a.SecurityLevels, b.SecurityLevels) ||
		!equality.Semantic.DeepEqual(a.Gateways, b.Gateways) || !equality.Semantic.DeepEqual(a.ClusterDNS, b.ClusterDNS) ||
		!equality.Semantic.DeepEqual(a.Networks, b.Networks) || !equality.Semantic.DeepEqual(a.ClusterRanges, b.ClusterRanges)
}

// Impact returns what was counted.
func (i *SettingsImpact) Impact() Impact { return countStops(i.running, i.stops) }

// Platform takes in a platform.
func (i *SettingsImpact) Platform(p *v1alpha1.SharedPlatform) {
	external := p.Spec.Endpoint.External
	if external == nil {
		return
	}
	blocks := object.Sorted(external.CIDRs)
	if problem := policy.BlocksProblem(i.newer, blocks); problem != "" && policy.BlocksProblem(i.former, blocks) == "" {
		i.lost[p.Name] = problem
	}
}

// Portal takes in a portal.
func (i *SettingsImpact) Portal(p *v1alpha1.AgencyPortal) {
	spec := object.RunningSpec(p)
	if spec == nil {
		return
	}
	i.running++
	stop := i.levelStop(p, spec)
	if stop != nil {
		i.leveled[portalKey(p)] = true
	} else {
		stop = i.cutOff(p, spec)
	}
	if stop != nil {
		i.stops = append(i.stops, *stop)
	}
}

// Link takes in a link.
func (i *SettingsImpact) Link(l *v1alpha1.DataSharingLink) {
	if !object.LinkOpen(l) {
		return
	}
	i.running++
	if stop := i.decisionStop(l); stop != nil {
		i.stops = append(i.stops, *stop)
	}
}

func (i *SettingsImpact) levelStop(p *v1alpha1.AgencyPortal, spec *v1alpha1.AgencyPortalSpec) *Stop {
	former, _ := policy.SecurityLevel(spec, i.former.SecurityLevels)
	newer, criteria := policy.SecurityLevel(spec, i.newer.SecurityLevels)
	if former == newer {
		return nil
	}
	found := fmt.Sprintf("security level %d", newer)
	if len(criteria) > 0 {
		found += " (" + criteria[0] + ")"
	}
	return &Stop{Impacted: impacted(v1alpha1.KindAgencyPortal, p.Namespace, p.Name, "securityLevels"), Found: found, Wanted: fmt.Sprintf("level %d, under which it runs", former)}
}

// cutOff says what of the network a portal would lose; nil for nothing.
func (i *SettingsImpact) cutOff(p *v1alpha1.AgencyPortal, spec *v1alpha1.AgencyPortalSpec) *Stop {
	stop := func(control, found, wanted string) *Stop {
		return &Stop{Impacted: impacted(v1alpha1.KindAgencyPortal, p.Namespace, p.Name, control), Found: found, Wanted: wanted}
	}
	if lost := lostNameServers(i.former.ClusterDNS, i.newer.ClusterDNS); lost != "" {
		return stop("clusterDNS", "no way to "+lost, "the name servers that it asks")
	}
	for _, g := range i.former.Gateways {
		kept := slices.ContainsFunc(i.newer.Gateways, func(n settings.Gateway) bool { return n.Exposure == g.Exposure && samePeer(n.Peer, g.Peer) })
		if g.Exposure == spec.Exposure && !kept {
			return stop("gateways", "no way from the gateway in "+g.Namespace, "the gateway that publishes it")
		}
	}
	for _, ref := range spec.PlatformRefs {
		if problem := i.lost[string(ref.Name)]; problem != "" {
			return stop("networks", "platform "+string(ref.Name)+": "+problem, "the platform that it uses")
		}
	}
	return nil
}

func samePeer(a, b settings.Peer) bool {
	return a.Namespace == b.Namespace && maps.Equal(a.PodLabels, b.PodLabels)
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
func (i *SettingsImpact) decisionStop(l *v1alpha1.DataSharingLink) *Stop {
	if scope := l.Status.Scope; scope != nil {
		ends := []v1alpha1.LinkScopeEnd{scope.Consumer, scope.Provider}
		if scope.Via != nil {
			ends = append(ends, *scope.Via)
		}
		for _, end := range ends {
			if i.leveled[names.Namespace(string(end.Agency))+"/"+end.Name] {
				return &Stop{Impacted: impacted(v1alpha1.KindDataSharingLink, l.Namespace, l.Name, "securityLevels"), Follows: true,
					Found: fmt.Sprintf("portal %s/%s of another security level", end.Agency, end.Name), Wanted: "the level that was approved"}
			}
		}
	}
	if i.former.AuthorityAgency == i.newer.AuthorityAgency {
		return nil
	}
	approved := slices.ContainsFunc(l.Status.Decisions, func(d v1alpha1.LinkDecision) bool {
		return d.Side == v1alpha1.SideAuthority && d.Decision == string(v1alpha1.DecisionApprove) && d.SpecHash == l.Status.SpecHash
	})
	if !approved {
		return nil
	}
	return &Stop{Impacted: impacted(v1alpha1.KindDataSharingLink, l.Namespace, l.Name, "authorityAgency"),
		Found: "an approval by agency " + i.former.AuthorityAgency, Wanted: "one by agency " + i.newer.AuthorityAgency}
}
