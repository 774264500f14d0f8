package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// world has two portals, the second of which the first references as a platform,
// and an external platform; the policies are those that the operator writes.
func world() Input {
	s := settings.Default()
	in := Input{}
	platforms := map[string]portalkind.ReferencedPlatform{}
	agency := func(name string) *v1alpha1.Agency {
		a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-" + "agency"}}
		in.Agencies = append(in.Agencies, agencykind.Input{Settings: s, Agency: a})
		return a
	}
	portal := func(a *v1alpha1.Agency, refs ...v1alpha1.PlatformReference) *v1alpha1.AgencyPortal {
		p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace(a.Name), Name: "portal", UID: "uid-portal"}}
		p.Spec.Port, p.Spec.Replicas.Min, p.Spec.Exposure, p.Spec.PlatformRefs = 8080, 1, v1alpha1.ExposureInternal, refs
		p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue}}
		in.Portals = append(in.Portals, portalkind.Input{Settings: s, Portal: p, Agency: a, NamespaceGuarded: true, Platforms: platforms})
		return p
	}
	a, b := agency("a"), agency("b")
	portal(a, v1alpha1.PlatformReference{Name: "inside"}, v1alpha1.PlatformReference{Name: "outside"})
	end := portalkind.End{Portal: portal(b), Agency: b}
	end.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"inside"}
	inside, outside := &v1alpha1.SharedPlatform{}, &v1alpha1.SharedPlatform{}
	inside.Name, outside.Name = "inside", "outside"
	inside.Spec.Endpoint.Portal = &v1alpha1.PortalEndpoint{Agency: "b", Name: "portal"}
	outside.Spec.Endpoint.External = &v1alpha1.ExternalEndpoint{CIDRs: []v1alpha1.CIDR{"192.0.2.16/28"}, Port: 443}
	platforms["inside"] = portalkind.ReferencedPlatform{Name: "inside", Platform: inside, Endpoint: end}
	platforms["outside"] = portalkind.ReferencedPlatform{Name: "outside", Platform: outside}
	add := func(objects []object.Object) {
		for _, o := range objects {
			if p, ok := o.(*networkingv1.NetworkPolicy); ok {
				in.Snapshot.Policies = append(in.Snapshot.Policies, *p.DeepCopy())
			}
		}
	}
	for _, i := range in.Agencies {
		add(agencykind.Decide(i).Objects)
	}
	for _, i := range in.Portals {
		add(portalkind.Decide(i).Objects)
	}
	return in
}

func (in *Input) policy(t *testing.T, part string) *networkingv1.NetworkPolicy {
	t.Helper()
	for i := range in.Snapshot.Policies {
		if strings.Contains(in.Snapshot.Policies[i].Name, part) {
			return &in.Snapshot.Policies[i]
		}
	}
	t.Fatalf("no policy with %q in its name", part)
	return nil
}

func TestProof(t *testing.T) {
	foreign := func(spec networkingv1.NetworkPolicySpec) func(*testing.T, *Input) {
		return func(_ *testing.T, in *Input) {
			in.Snapshot.Policies = append(in.Snapshot.Policies, networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-b", Name: "hole"}, Spec: spec})
		}
	}
	drop := func(part string) func(*testing.T, *Input) {
		return func(t *testing.T, in *Input) { in.policy(t, part).Namespace = "elsewhere" }
	}
	tests := []struct {
		name   string
		change func(*testing.T, *Input)
		// want are kind and fragment of differences that must be there; none for a proof that holds.
		want [][2]string
	}{
		{name: "as it should be"},
		{"foreign policy lets everybody in", foreign(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}}),
			[][2]string{{KindForeign, "agency-b/hole"}, {KindOpen, "reaches agency-b/portal on"}}},
		{"foreign policy that only denies", foreign(networkingv1.NetworkPolicySpec{}), nil},
		{"external egress", foreign(networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
			Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "203.0.113.0/24"}}}}}}),
			[][2]string{{KindForeign, "203.0.113.0/24"}, {KindOpen, "agency-b/portal reaches the address 20"}}},
		{"unreadable policy", foreign(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{}}}}}),
			[][2]string{{KindUnreadable, "agency-b/hole"}}},
		{"half of a pair is gone", drop("inside"), [][2]string{{KindShut, "agency-a/portal does not reach agency-b/portal on TCP/8080"}}},
		{"external platform is shut", drop("outside"), [][2]string{{KindShut, "agency-a/portal does not reach 192.0.2.16/28 on TCP/443"}}},
		{"a marked policy is wider", func(t *testing.T, in *Input) {
			in.policy(t, "outside").Spec.Egress[0].To[0].IPBlock.CIDR = "192.0.2.0/24"
		}, [][2]string{{KindChanged, "outside"}, {KindOpen, "agency-a/portal reaches the address 192.0.2."}}},
		{"a reference is gone and its policies are not", func(_ *testing.T, in *Input) { in.Portals[0].Portal.Spec.PlatformRefs = nil },
			[][2]string{{KindChanged, "inside"}, {KindOpen, "agency-a/portal reaches agency-b/portal on TCP/8080"}}},
		{"the owner was made anew", func(_ *testing.T, in *Input) { in.Portals[0].Portal.UID = "another" }, [][2]string{{KindForeign, "agency-a/"}}},
		{"the deny is gone", func(_ *testing.T, in *Input) {
			in.Snapshot.Policies = nil
		}, [][2]string{{KindOpen, "the absence of a policy"}, {KindShut, "default-deny is missing"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := world()
			if test.change != nil {
				test.change(t, &in)
			}
			r := Run(in)
			if r.Holds() != (len(test.want) == 0) {
				t.Fatalf("differences: %v", r.Differences)
			}
			for _, want := range test.want {
				found := false
				for _, d := range r.Differences {
					found = found || d.Kind == want[0] && strings.Contains(d.Message, want[1])
				}
				if !found {
					t.Errorf("no %s with %q in %v", want[0], want[1], r.Differences)
				}
			}
			// What is shut is not among what is open.
			for _, f := range r.Open {
				if shut := fmt.Sprintf("%s does not reach %s on %s,", f.From, f.To, f.Port); slices.ContainsFunc(r.Differences, func(d Difference) bool { return strings.HasPrefix(d.Message, shut) }) {
					t.Errorf("%s is shut and listed as open", f.To)
				}
			}
		})
	}
}

func TestReportNamesWhatIsOpenAndWhy(t *testing.T) {
	r := Run(world())
	if len(r.Open) != 2 || r.Open[0].To != "192.0.2.16/28" || r.Open[1].To != "agency-b/portal" || r.Open[1].Because[0] != "platformRefs of agency-a/portal" {
		t.Errorf("open: %+v", r.Open)
	}
}
