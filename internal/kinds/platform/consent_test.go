package platform

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
)

// TestConsentScope: what an agency agreed to, and for whom.
func TestConsentScope(t *testing.T) {
	type list = []v1alpha1.AgencyName
	type scopes = []v1alpha1.ConsentedScope
	of := func(portalUID, name string, kind v1alpha1.PlatformType, agencies ...v1alpha1.AgencyName) v1alpha1.ConsentedScope {
		return v1alpha1.ConsentedScope{PortalUID: portalUID, Portal: v1alpha1.PortalEndpoint{Agency: "owner", Name: v1alpha1.ObjectName(name)}, Type: kind, Agencies: agencies}
	}
	recorded := func(kind v1alpha1.PlatformType, agencies ...v1alpha1.AgencyName) scopes {
		return scopes{of("p", "gives", kind, agencies...)}
	}
	former := func(kind v1alpha1.PlatformType, agencies ...v1alpha1.AgencyName) scopes {
		return scopes{of("former", "gives", kind, agencies...)}
	}
	var full scopes
	for i := range portalkind.MaxConsents {
		full = append(full, of(fmt.Sprint(i), fmt.Sprint("other-", i), "Reporting"))
	}
	other := of("o", "other", "Identity", "a")
	for _, c := range []struct {
		name     string
		provides bool
		uid      string // recorded at the portal
		consents scopes // recorded at the platform
		taken    bool   // whether they were taken back
		agencies list
		a, b     bool // whether agency a and b come in
		own      bool // whether the owner does
		open     bool // whether it is open to others
		says     string
		after    scopes
	}{
		{name: "not named", own: true, says: "has not agreed"},
		{name: "not named any more", consents: recorded("Reporting"), taken: true, own: true, says: "has not agreed"},
		{name: "named, not recorded", provides: true, a: true, b: true, own: true, open: true, after: recorded("Reporting")},
		{name: "recorded", provides: true, uid: "u", consents: recorded("Reporting"), a: true, b: true, own: true, open: true, after: recorded("Reporting")},
		{name: "another object", provides: true, uid: "former", own: true, says: "another SharedPlatform of this name"},
		{name: "another type", provides: true, uid: "u", consents: recorded("Identity"), own: true, says: "to one of type Identity, and it is of type Reporting", after: recorded("Identity")},
		{name: "moved to another portal that agrees", provides: true, consents: scopes{other}, own: true, says: "not on record yet", after: append(scopes{other}, recorded("Reporting")...)},
		{name: "moved to another portal, and back", provides: true, uid: "u", consents: append(scopes{other}, recorded("Reporting", "a")...), own: true, a: true, open: true, says: "every agency must wait", after: append(scopes{other}, recorded("Reporting", "a")...)},
		{name: "moved where the former one took it back", provides: true, consents: scopes{other}, taken: true, own: true, says: "not on record yet", after: recorded("Reporting")},
		{name: "pointed at a portal that never agreed", consents: scopes{other}, own: true, says: "has not agreed", after: scopes{other}},
		{name: "too many agreed", provides: true, consents: full, own: true, says: "8 other portals agreed before", after: full},
		{name: "made anew, as it was", provides: true, consents: former("Reporting"), own: true, says: "not on record yet", after: recorded("Reporting")},
		{name: "made anew, of another type", provides: true, consents: former("Identity", "a"), own: true, says: "not on record yet", after: recorded("Identity", "a")},
		{name: "made anew, for everybody by now", provides: true, consents: former("Reporting", "a"), own: true, says: "not on record yet", after: recorded("Reporting", "a")},
		{name: "made anew, for fewer", provides: true, consents: former("Reporting", "a", "b"), agencies: list{"a", "c"}, own: true, says: "not on record yet", after: recorded("Reporting", "a")},
		{name: "made anew, for others", provides: true, consents: former("Reporting", "a"), agencies: list{"b"}, own: true, says: "not on record yet", after: recorded("Reporting", "owner")},
		{name: "made anew, for some of all", provides: true, consents: former("Reporting"), agencies: list{"a"}, own: true, says: "not on record yet", after: recorded("Reporting", "a")},
		{name: "as agreed", provides: true, uid: "u", consents: recorded("Reporting", "a"), agencies: list{"a"}, a: true, own: true, open: true, after: recorded("Reporting", "a")},
		{name: "fewer", provides: true, uid: "u", consents: recorded("Reporting", "a", "b"), agencies: list{"a"}, a: true, b: true, own: true, open: true, after: recorded("Reporting", "a", "b")},
		{name: "one more", provides: true, uid: "u", consents: recorded("Reporting", "a"), agencies: list{"a", "b"}, a: true, own: true, open: true, says: "and b must wait", after: recorded("Reporting", "a")},
		{name: "everybody", provides: true, uid: "u", consents: recorded("Reporting", "a"), a: true, own: true, open: true, says: "and every agency must wait", after: recorded("Reporting", "a")},
		{name: "its own, then others", provides: true, uid: "u", consents: recorded("Reporting", "owner"), agencies: list{"owner", "a"}, own: true, says: "and a must wait", after: recorded("Reporting", "owner")},
		{name: "its own, then everybody", provides: true, uid: "u", consents: recorded("Reporting", "owner"), own: true, says: "and every agency must wait", after: recorded("Reporting", "owner")},
	} {
		t.Run(c.name, func(t *testing.T) {
			portal := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Name: "gives", UID: "p"}}
			if c.provides {
				portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"serves"}
			}
			if c.uid != "" {
				portal.Status.PlatformConsents = []v1alpha1.PlatformConsent{{Name: "serves", UID: c.uid}}
			}
			platform := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "serves", UID: "u"}}
			platform.Spec = v1alpha1.SharedPlatformSpec{Type: "Reporting", Agencies: c.agencies, Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "owner", Name: "gives"}}}
			platform.Status.Consents = c.consents
			for agency, want := range map[v1alpha1.AgencyName]bool{"a": c.a, "b": c.b, "owner": c.own} {
				if got := portalkind.AgreedFor(portal, platform, agency); got != want {
					t.Errorf("agreed for %s: %v", agency, got)
				}
			}
			if got := portalkind.OpenToOthers(portal, platform); got != c.open {
				t.Errorf("open to others: %v", got)
			}
			end := portalkind.End{Portal: portal, Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}}
			b := portalkind.ConsentBlocker(end, platform)
			if b == nil {
				b = widerThanConsent(end, platform)
			}
			if (b == nil) != (c.says == "") || b != nil && !strings.Contains(b.Message, c.says) {
				t.Errorf("it says %v, want %q", b, c.says)
			}
			in := Input{Endpoint: portalkind.End{Portal: portal}, Platform: platform, Consents: c.consents}
			if c.taken {
				in.Consents = nil
			}
			if diff := gocmp.Diff(c.after, consentedScopes(in)); diff != "" {
				t.Errorf("the record differs (-want +got):\n%s", diff)
			}
		})
	}
	if got := consentedScopes(Input{Platform: &v1alpha1.SharedPlatform{}, Consents: scopes{other}}); len(got) != 1 {
		t.Error("a portal that is not there takes its consent back")
	}
}

// TestPlatformConsents: a name keeps the object that it meant first.
func TestPlatformConsents(t *testing.T) {
	p := &v1alpha1.AgencyPortal{}
	p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"new", "known", "deleted", "absent", "anew"}
	p.Status.PlatformConsents = []v1alpha1.PlatformConsent{{Name: "known", UID: "1"}, {Name: "deleted", UID: "2"}, {Name: "anew", UID: "3"}, {Name: "taken-out", UID: "4"}}
	got := portalkind.PlatformConsents(portalkind.Input{Portal: p, Provided: map[v1alpha1.ObjectName]types.UID{"known": "1", "new": "5", "anew": "6"}})
	want := []v1alpha1.PlatformConsent{{Name: "anew", UID: "3"}, {Name: "deleted", UID: "2"}, {Name: "known", UID: "1"}, {Name: "new", UID: "5"}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
