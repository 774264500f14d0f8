package desired

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestEndsAreHeldAgainstThePresentStandards: the stored condition of an end says
// that it complies, and a standard that it does not meet has come since. Nobody
// may be able to write the condition, so it is not waited for.
// Fails when endBlocker looks at the condition only.
func TestEndsAreHeldAgainstThePresentStandards(t *testing.T) {
	digests := func(agency string, mode v1alpha1.PolicyMode) v1alpha1.SecurityPolicy {
		return v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "digests"}, Spec: v1alpha1.SecurityPolicySpec{Mode: mode,
			Selector: v1alpha1.PolicySelector{Agencies: []v1alpha1.AgencyName{v1alpha1.AgencyName(agency)}}, Images: &v1alpha1.ImageControl{RequireDigest: true}}}
	}
	for _, c := range []struct {
		name   string
		modify func(*LinkInput)
		policy v1alpha1.SecurityPolicy
		open   bool
	}{
		{"nobody's", nil, digests("other", v1alpha1.ModeEnforce), true},
		{"audited", nil, digests("asker", v1alpha1.ModeAudit), true},
		{"consumer", nil, digests("asker", v1alpha1.ModeEnforce), false},
		{"provider", nil, digests("giver", v1alpha1.ModeEnforce), false},
		{"sharing platform", viaPlatform, digests("hub", v1alpha1.ModeEnforce), false},
		{"sharing platform of a direct link", nil, digests("hub", v1alpha1.ModeEnforce), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			modify := c.modify
			if modify == nil {
				modify = func(*LinkInput) {}
			}
			in := approvedLink(modify)
			if !DataSharingLink(in).Open {
				t.Fatal("the link is not open before")
			}
			in.Policies = append(in.Policies, c.policy)
			if out := DataSharingLink(in); out.Open != c.open || out.Open != (len(out.Objects) > 0) {
				t.Errorf("open %v, %d objects, %+v", out.Open, len(out.Objects), out.References)
			}
		})
	}
	hub := endOf("hub", "axis", 9443)
	hub.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"hub"}
	platform := PortalInput{Platforms: map[string]ReferencedPlatform{"hub": {Endpoint: hub, Platform: &v1alpha1.SharedPlatform{
		ObjectMeta: metav1.ObjectMeta{Name: "hub"}, Spec: v1alpha1.SharedPlatformSpec{Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "hub", Name: "axis"}}}}}}}
	if _, b := resolvePlatform(platform, "asker", "hub"); b != nil {
		t.Fatalf("blocked before: %+v", b)
	}
	platform.Policies = []v1alpha1.SecurityPolicy{digests("hub", v1alpha1.ModeEnforce)}
	if _, b := resolvePlatform(platform, "asker", "hub"); b == nil {
		t.Error("a flow to a platform whose portal does not meet a standard is open")
	}
}
