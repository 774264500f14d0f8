package securitypolicy

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestSettingsImpact: every change of the settings that takes something from what
// runs is counted, and no other.
func TestSettingsImpact(t *testing.T) {
	tests := []struct {
		name   string
		change func(*settings.Settings)
		want   []string
		follow int
	}{
		{"nothing", func(*settings.Settings) {}, nil, 0},
		{"a raised level, with the link of it", func(s *settings.Settings) { s.SecurityLevels[3].MinUsers = 100 }, []string{"a/open by securityLevels", "a/asks by securityLevels"}, 1},
		{"a rule that is gone", func(s *settings.Settings) { s.SecurityLevels = slices.Delete(s.SecurityLevels, 4, 5) }, []string{"b/gives by securityLevels", "a/asks by securityLevels"}, 1},
		{"a rule that nothing meets", func(s *settings.Settings) { s.SecurityLevels[3].MinUsers = 9000 }, nil, 0},
		{"another authority", func(s *settings.Settings) { s.AuthorityAgency = "mci" }, []string{"a/asks by authorityAgency"}, 0},
		{"another gateway", func(s *settings.Settings) { s.Gateways[1].Namespace = "gateway-internal" }, []string{"a/open by gateways"}, 0},
		{"a gateway of narrower labels", func(s *settings.Settings) { s.Gateways[1].PodLabels = map[string]string{"app": "x"} }, []string{"a/open by gateways"}, 0},
		{"one gateway more", func(s *settings.Settings) {
			s.Gateways = append(s.Gateways, settings.Gateway{Exposure: v1alpha1.ExposureInternet, Peer: settings.Peer{Namespace: "gateway-2"}})
		}, nil, 0},
		{"other name servers", func(s *settings.Settings) { s.ClusterDNS.PodLabels = map[string]string{"k8s-app": "dns"} }, []string{"a/open by clusterDNS", "b/gives by clusterDNS"}, 0},
		{"a name server less", func(s *settings.Settings) { s.ClusterDNS.Addresses = nil }, []string{"a/open by clusterDNS", "b/gives by clusterDNS"}, 0},
		{"a name server more", func(s *settings.Settings) { s.ClusterDNS.Addresses = append(s.ClusterDNS.Addresses, "10.0.0.11/32") }, nil, 0},
		{"another network", func(s *settings.Settings) { s.Networks = []string{"198.51.100.0/24"} }, []string{"b/gives by networks"}, 0},
		{"a range of the cluster over a platform", func(s *settings.Settings) { s.ClusterRanges = []string{"192.0.2.0/28"} }, []string{"b/gives by networks"}, 0},
		{"another zone, bound and prefix", func(s *settings.Settings) {
			s.TimeZone, s.IdentifierPrefix, s.ImpactBound = "UTC", "VN", &settings.ImpactBound{Portals: 1, Percent: 1}
		}, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := settingsInput()
			newer := in.former
			newer.SecurityLevels, newer.Gateways = slices.Clone(newer.SecurityLevels), slices.Clone(newer.Gateways)
			tt.change(&newer)
			i := NewSettingsImpact(in.former, newer)
			in.count(i)
			got := i.Impact()
			if len(tt.want) > 0 && !i.Possible() {
				t.Error("nobody would look at what it touches")
			}
			var names []string
			for _, s := range got.Stops {
				names = append(names, s.Agency+"/"+s.Name+" by "+s.Control)
				if s.Found == "" || s.Wanted == "" {
					t.Errorf("%+v says too little", s)
				}
			}
			if !slices.Equal(names, tt.want) || got.Consequent != tt.follow || got.Running != 3 {
				t.Errorf("got %v, %d of the links follow, of %d; want %v, %d of 3", names, got.Consequent, got.Running, tt.want, tt.follow)
			}
		})
	}
}

type settingsCountry struct {
	former    settings.Settings
	portals   []v1alpha1.AgencyPortal
	platforms []v1alpha1.SharedPlatform
	links     []v1alpha1.DataSharingLink
}

func (c settingsCountry) count(i *SettingsImpact) {
	for n := range c.platforms {
		i.Platform(&c.platforms[n])
	}
	for n := range c.portals {
		i.Portal(&c.portals[n])
	}
	for n := range c.links {
		i.Link(&c.links[n])
	}
}

// settingsInput is a country with an open portal of 500 users, an internal one that
// is shared and uses a platform outside, a portal that never ran, and an open link
// that the authority approved from the first to the second, beside a closed one.
func settingsInput() settingsCountry {
	portal := func(namespace, name string, spec v1alpha1.AgencyPortalSpec) v1alpha1.AgencyPortal {
		p := v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
		if !strings.HasPrefix(name, "never") {
			p.Status.LastCompliant = spec.DeepCopy()
		}
		return p
	}
	in := settingsCountry{former: settings.Default(), portals: []v1alpha1.AgencyPortal{
		portal("agency-a", "open", v1alpha1.AgencyPortalSpec{Exposure: v1alpha1.ExposureInternet, ExpectedUsers: 500}),
		portal("agency-b", "gives", v1alpha1.AgencyPortalSpec{Exposure: v1alpha1.ExposureInternal, Scope: v1alpha1.ScopeShared,
			PlatformRefs: []v1alpha1.PlatformReference{{Name: "outside"}}}),
		portal("agency-b", "never-ran", v1alpha1.AgencyPortalSpec{Exposure: v1alpha1.ExposureInternet, ExpectedUsers: 500}),
	}}
	in.former.ClusterDNS.Addresses = []string{"10.0.0.10/32"}
	outside := v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "outside"}}
	outside.Spec.Endpoint.External = &v1alpha1.ExternalEndpoint{CIDRs: []v1alpha1.CIDR{"192.0.2.7/32"}, Port: 443}
	in.platforms = []v1alpha1.SharedPlatform{outside}
	open := v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "asks", Generation: 1}}
	open.Status.ObservedGeneration, open.Status.SpecHash = 1, "sha256:1"
	open.Status.Scope = &v1alpha1.LinkScope{Consumer: v1alpha1.LinkScopeEnd{Agency: "a", Name: "open"}, Provider: v1alpha1.LinkScopeEnd{Agency: "b", Name: "gives"}}
	open.Status.Decisions = []v1alpha1.LinkDecision{{Side: v1alpha1.SideAuthority, Decision: string(v1alpha1.DecisionApprove), SpecHash: "sha256:1"}}
	open.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Namespace: "agency-a", Name: "x"}}
	closed := *open.DeepCopy()
	closed.Name, closed.Status.Inventory = "closed", nil
	in.links = []v1alpha1.DataSharingLink{open, closed}
	return in
}
