package desired

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestConsentScope: what an agency agreed to, and for whom.
func TestConsentScope(t *testing.T) {
	type list = []v1alpha1.AgencyName
	recorded := func(portalUID string, kind v1alpha1.PlatformType, agencies ...v1alpha1.AgencyName) *v1alpha1.ConsentedScope {
		return &v1alpha1.ConsentedScope{PortalUID: portalUID, Type: kind, Agencies: agencies}
	}
	for _, c := range []struct {
		name     string
		provides bool
		uid      string // recorded at the portal
		consent  *v1alpha1.ConsentedScope
		agencies list
		a, b     bool // whether agency a and b come in
		own      bool // whether the owner does
		open     bool // whether it is open to others
		says     string
		after    *v1alpha1.ConsentedScope
		stands   bool // whether the portal on record still agrees
	}{
		{name: "not named", own: true, says: "has not agreed"},
		{name: "not named any more", consent: recorded("p", "Reporting"), own: true, says: "has not agreed"},
		{name: "named, not recorded", provides: true, a: true, b: true, own: true, open: true, after: recorded("p", "Reporting")},
		{name: "recorded", provides: true, uid: "u", consent: recorded("p", "Reporting"), a: true, b: true, own: true, open: true, after: recorded("p", "Reporting")},
		{name: "another object", provides: true, uid: "former", own: true, says: "another SharedPlatform of this name"},
		{name: "another type", provides: true, uid: "u", consent: recorded("p", "Identity"), own: true, says: "of type Identity", after: recorded("p", "Identity")},
		{name: "another portal agreed, and is gone or took it back", provides: true, uid: "u", consent: recorded("former", "Identity", "a"), own: true, says: "while another one is", after: recorded("p", "Reporting")},
		{name: "another portal agrees", provides: true, uid: "u", consent: recorded("former", "Identity", "a"), own: true, says: "while another one is", after: recorded("former", "Identity", "a"), stands: true},
		{name: "pointed at a portal that never agreed", consent: recorded("former", "Identity", "a"), own: true, says: "has not agreed", after: recorded("former", "Identity", "a"), stands: true},
		{name: "as agreed", provides: true, uid: "u", consent: recorded("p", "Reporting", "a"), agencies: list{"a"}, a: true, own: true, open: true, after: recorded("p", "Reporting", "a")},
		{name: "fewer", provides: true, uid: "u", consent: recorded("p", "Reporting", "a", "b"), agencies: list{"a"}, a: true, b: true, own: true, open: true, after: recorded("p", "Reporting", "a", "b")},
		{name: "one more", provides: true, uid: "u", consent: recorded("p", "Reporting", "a"), agencies: list{"a", "b"}, a: true, own: true, open: true, says: "and b must wait", after: recorded("p", "Reporting", "a")},
		{name: "everybody", provides: true, uid: "u", consent: recorded("p", "Reporting", "a"), a: true, own: true, open: true, says: "and every agency must wait", after: recorded("p", "Reporting", "a")},
		{name: "its own, then others", provides: true, uid: "u", consent: recorded("p", "Reporting", "owner"), agencies: list{"owner", "a"}, own: true, says: "and a must wait", after: recorded("p", "Reporting", "owner")},
		{name: "its own, then everybody", provides: true, uid: "u", consent: recorded("p", "Reporting", "owner"), own: true, says: "and every agency must wait", after: recorded("p", "Reporting", "owner")},
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
			platform.Status.Consent = c.consent
			for agency, want := range map[v1alpha1.AgencyName]bool{"a": c.a, "b": c.b, "owner": c.own} {
				if got := agreedFor(portal, platform, agency); got != want {
					t.Errorf("agreed for %s: %v", agency, got)
				}
			}
			if got := OpenToOthers(portal, platform); got != c.open {
				t.Errorf("open to others: %v", got)
			}
			end := PortalWithAgency{Portal: portal, Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}}
			b := consentBlocker(end, platform)
			if b == nil {
				b = widerThanConsent(end, platform)
			}
			if (b == nil) != (c.says == "") || b != nil && !strings.Contains(b.Message, c.says) {
				t.Errorf("it says %v, want %q", b, c.says)
			}
			if diff := gocmp.Diff(c.after, consentedScope(PlatformInput{Endpoint: PortalWithAgency{Portal: portal}, Platform: platform, ConsentStands: c.stands})); diff != "" {
				t.Errorf("the record differs (-want +got):\n%s", diff)
			}
		})
	}
	gone := &v1alpha1.SharedPlatform{Status: v1alpha1.SharedPlatformStatus{Consent: recorded("p", "Reporting", "a")}}
	if got := consentedScope(PlatformInput{Platform: gone}); got != gone.Status.Consent {
		t.Error("a portal that is not there takes its consent back")
	}
}

// TestPlatformConsents: a name keeps the object that it meant first.
func TestPlatformConsents(t *testing.T) {
	p := &v1alpha1.AgencyPortal{}
	p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"new", "known", "deleted", "absent", "anew"}
	p.Status.PlatformConsents = []v1alpha1.PlatformConsent{{Name: "known", UID: "1"}, {Name: "deleted", UID: "2"}, {Name: "anew", UID: "3"}, {Name: "taken-out", UID: "4"}}
	got := platformConsents(PortalInput{Portal: p, Provided: map[v1alpha1.ObjectName]types.UID{"known": "1", "new": "5", "anew": "6"}})
	want := []v1alpha1.PlatformConsent{{Name: "anew", UID: "3"}, {Name: "deleted", UID: "2"}, {Name: "known", UID: "1"}, {Name: "new", UID: "5"}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
