package portal

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/settings"
)

// flowsOf is an end of the flows of platforms.
func flowsOf(agency, portal string, port int32) End {
	a, p := kindtest.EndObjects(agency, portal, port)
	return End{Agency: a, Portal: p}
}

// TestPlatformFlows: the rules between a portal and the platforms that it
// references, and why there are none.
func TestPlatformFlows(t *testing.T) {
	now := metav1.NewTime(kindtest.Noon)
	inCluster := func(modify ...func(*ReferencedPlatform)) ReferencedPlatform {
		p := ReferencedPlatform{Endpoint: flowsOf("hub", "axis", 9443), Platform: &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "p"},
			Spec: v1alpha1.SharedPlatformSpec{Type: v1alpha1.PlatformIdentity, Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "hub", Name: "axis"}}}}}
		p.Endpoint.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"p"}
		for _, f := range modify {
			f(&p)
		}
		return p
	}
	external := func(cidrs ...v1alpha1.CIDR) ReferencedPlatform {
		return inCluster(func(p *ReferencedPlatform) {
			p.Endpoint = End{}
			p.Platform.Spec.Endpoint = v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: cidrs, Port: 443}}
		})
	}
	tests := []struct {
		name     string
		platform ReferencedPlatform
		objects  int
		reason   string
	}{
		{"flow-portal", inCluster(), 2, ""},
		{"flow-external", external("198.51.100.0/24", "192.0.2.7/32", "2001:db8::/48"), 1, ""},
		{"outside the declared networks", external("203.0.113.0/24"), 0, v1alpha1.ReasonOutsideNetworks},
		{"metadata of machines", external("169.254.169.254/32"), 0, v1alpha1.ReasonOutsideNetworks},
		{"no consent", inCluster(func(p *ReferencedPlatform) {
			p.Endpoint.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"another"}
		}), 0, v1alpha1.ReasonOwnerConsentMissing},
		{"no platform", ReferencedPlatform{}, 0, v1alpha1.ReasonPlatformNotFound},
		{"duplicate", inCluster(func(p *ReferencedPlatform) { p.DuplicateOf = "older" }), 0, v1alpha1.ReasonDuplicateOf},
		{"no portal", inCluster(func(p *ReferencedPlatform) { p.Endpoint.Portal = nil }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"suspended", inCluster(func(p *ReferencedPlatform) { p.Endpoint.Agency.Spec.Suspended = true }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"not compliant", inCluster(func(p *ReferencedPlatform) { p.Endpoint.Portal.Status.Conditions = nil }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"going", inCluster(func(p *ReferencedPlatform) { p.Platform.DeletionTimestamp = &now }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"for others", inCluster(func(p *ReferencedPlatform) { p.Platform.Spec.Agencies = []v1alpha1.AgencyName{"other"} }), 0, v1alpha1.ReasonPlatformNotAllowed},
		{"for us", inCluster(func(p *ReferencedPlatform) { p.Platform.Spec.Agencies = []v1alpha1.AgencyName{"other", "asker"} }), 2, ""},
		{"carries links", inCluster(func(p *ReferencedPlatform) { p.Platform.Spec.Type = v1alpha1.PlatformDataSharing }), 0, v1alpha1.ReasonPlatformNotAllowed},
		{"no address", external(), 0, v1alpha1.ReasonPlatformUnavailable},
		{"no address that can be read", external("192.0.2.0/24", "everywhere"), 0, v1alpha1.ReasonPlatformUnavailable},
		{"everyone", external("0.0.0.0/0"), 0, v1alpha1.ReasonPlatformUnavailable},
		{"itself", inCluster(func(p *ReferencedPlatform) {
			p.Endpoint = flowsOf("asker", "asks", 8080)
			p.Endpoint.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"p"}
		}), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := flowsOf("asker", "asks", 8080)
			in := Input{Settings: networked(), Portal: e.Portal, Agency: e.Agency, Platforms: map[string]ReferencedPlatform{}}
			e.Portal.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "p"}}
			if tt.platform.Platform != nil {
				in.Platforms["p"] = tt.platform
			}
			objects, blocked := platformFlows(Scope(in), in, &e.Portal.Spec)
			reason := ""
			if len(blocked) > 0 {
				reason = blocked[0].Reason
			}
			if len(objects) != tt.objects || reason != tt.reason {
				t.Errorf("%d objects, blocked by %q; want %d, %q", len(objects), reason, tt.objects, tt.reason)
			}
			kindtest.NoEmptyPeers(t, objects)
			if tt.name == "flow-portal" || tt.name == "flow-external" {
				kindtest.Golden(t, tt.name, objects)
			}
		})
	}
}

func networked() settings.Settings {
	s := settings.Default()
	s.Networks = []string{"192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32", "169.254.0.0/16"}
	return s
}
