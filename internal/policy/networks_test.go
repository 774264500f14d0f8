package policy

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestBlocksProblem: an external platform has its own addresses inside the
// declared networks, and never those of machines, clouds or the cluster.
// Seen failing with the line on declared networks left out.
func TestBlocksProblem(t *testing.T) {
	s := settings.Settings{Networks: []string{"10.0.0.0/8", "100.64.0.0/10", "168.0.0.0/8", "192.0.0.0/16", "2001:db8::/32", "fd00::/8"}, ClusterRanges: []string{"10.244.0.0/16", "10.96.0.0/12"}}
	type list = []string
	for _, tt := range []struct {
		blocks list
		good   bool
	}{
		{list{"10.1.0.0/16"}, true},
		{list{"10.1.2.0/24", "10.1.3.0/24", "2001:db8:1::/48"}, true},
		{list{"10.0.0.0/8"}, false},
		{list{"10.1.0.0/16", "10.2.0.0/24"}, false},
		{list{"10.1.0.0/24", "10.1.0.7/32"}, false},
		{list{"198.51.100.0/24"}, false},
		{list{"0.0.0.0/0"}, false},
		{list{"169.254.169.254/32"}, false},
		{list{"100.100.100.200/32"}, false},
		{list{"100.100.0.0/16"}, false},
		{list{"168.63.129.16/32"}, false},
		{list{"192.0.0.0/24"}, false},
		{list{"127.0.0.1/32"}, false},
		{list{"10.244.1.0/24"}, false},
		{list{"10.96.0.1/32"}, false},
		{list{"fd00:ec2::254/128"}, false},
		{list{"::ffff:10.1.0.0/112"}, false},
		{list{"fe80::1/128"}, false},
		{list{"2001:db8::/33"}, false},
		{list{"everywhere"}, false},
	} {
		if why := BlocksProblem(s, tt.blocks); (why == "") != tt.good {
			t.Errorf("%v: %q", tt.blocks, why)
		}
	}
	if BlocksProblem(settings.Settings{}, list{"10.1.0.0/24"}) == "" {
		t.Error("where no network is declared, every block is outside")
	}
}

// TestEgressControlJudgesEveryFlow: denyInternetEgress looks at all egress of a
// portal. Before, the flows to platforms were not judged, and an address inside
// the declared networks was one too many.
func TestEgressControlJudgesEveryFlow(t *testing.T) {
	deny := []v1alpha1.SecurityPolicy{{Spec: v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, Network: &v1alpha1.NetworkControl{DenyInternetEgress: true}}}}
	to := func(blocks ...string) *networkingv1.NetworkPolicy {
		var peers []networkingv1.NetworkPolicyPeer
		for _, b := range blocks {
			peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: b}})
		}
		return &networkingv1.NetworkPolicy{Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{To: peers}}}}
	}
	for _, tt := range []struct {
		policies []*networkingv1.NetworkPolicy
		findings int
	}{
		{nil, 0},
		{[]*networkingv1.NetworkPolicy{to("10.1.0.0/24")}, 0},
		{[]*networkingv1.NetworkPolicy{to("10.1.0.0/24"), to("198.51.100.0/24")}, 1},
		{[]*networkingv1.NetworkPolicy{to("10.1.0.0/24", "0.0.0.0/0")}, 1},
		{[]*networkingv1.NetworkPolicy{to()}, 1},
		{[]*networkingv1.NetworkPolicy{to("everywhere")}, 1},
	} {
		if got := Evaluate(deny, control.Workload{Networks: []string{"10.0.0.0/8"}, Policies: tt.policies}); len(got) != tt.findings {
			t.Errorf("%v: findings %+v, want %d", tt.policies, got, tt.findings)
		}
	}
}
