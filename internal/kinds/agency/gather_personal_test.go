package agency

import (
	"reflect"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestEveryPartInALinkCounts: every end that a scope has, the ends of the spec, who
// carries the traffic, and the authority hold what flows over a link. An end that
// is new in the API and forgotten here fails it.
func TestEveryPartInALinkCounts(t *testing.T) {
	s := settings.Settings{AuthorityAgency: "authority"}
	has := func(l *v1alpha1.DataSharingLink, carrier bool, agency string) bool {
		return hasPart(l, s, carrier, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: agency}})
	}
	link := func() *v1alpha1.DataSharingLink {
		l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace("asks"), Name: "l"}}
		l.Spec.Provider.Agency, l.Spec.Route = "gives", v1alpha1.RoutePlatform
		l.Status.Scope = &v1alpha1.LinkScope{}
		return l
	}
	end, ends := reflect.TypeFor[v1alpha1.LinkScopeEnd](), 0
	for _, field := range reflect.VisibleFields(reflect.TypeFor[v1alpha1.LinkScope]()) {
		kind := field.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind != end {
			continue
		}
		ends++
		l := link()
		v := reflect.ValueOf(l.Status.Scope).Elem().FieldByIndex(field.Index)
		if field.Type.Kind() == reflect.Pointer {
			v.Set(reflect.New(end))
			v = v.Elem()
		}
		v.Set(reflect.ValueOf(v1alpha1.LinkScopeEnd{Agency: "end"}))
		if !has(l, false, "end") || !slices.Contains(object.LinkAgencies(l), "end") {
			t.Errorf("scope.%s has no part", field.Name)
		}
	}
	if ends < 3 {
		t.Errorf("a scope has %d ends, want at least 3", ends)
	}
	direct := link()
	direct.Spec.Route, direct.Status.Scope = v1alpha1.RouteDirect, nil
	unscoped := link()
	unscoped.Status.Scope = nil
	for name, tt := range map[string]struct {
		l       *v1alpha1.DataSharingLink
		carrier bool
		agency  string
		want    bool
	}{
		"consumer":             {unscoped, false, "asks", true},
		"provider":             {unscoped, false, "gives", true},
		"authority":            {direct, false, "authority", true},
		"carrier":              {unscoped, true, "hub", true},
		"carrier, direct link": {direct, true, "hub", false},
		"nobody":               {unscoped, false, "other", false},
	} {
		if got := has(tt.l, tt.carrier, tt.agency); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestFormerPart: only what an agency of the name did before shows in a link that
// it had a part in. A link that waits for an agency to come does not, or an agency
// that comes last would wait for a second person.
// Fails when the spec's provider, or the authority as such, counts.
func TestFormerPart(t *testing.T) {
	link := func(change func(*v1alpha1.DataSharingLink)) *v1alpha1.DataSharingLink {
		l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace("asks"), Name: "l"}}
		l.Spec.Provider.Agency = "gives"
		change(l)
		return l
	}
	scoped := func(l *v1alpha1.DataSharingLink) {
		l.Status.Scope = &v1alpha1.LinkScope{Classification: v1alpha1.ClassificationPersonal, Consumer: v1alpha1.LinkScopeEnd{Agency: "asks"}, Provider: v1alpha1.LinkScopeEnd{Agency: "gives"}, Via: &v1alpha1.LinkScopeEnd{Agency: "carries"}}
	}
	decided := func(l *v1alpha1.DataSharingLink) {
		scoped(l)
		l.Status.Decisions = []v1alpha1.LinkDecision{{Namespace: names.Namespace("authority")}}
	}
	for name, tt := range map[string]struct {
		l      *v1alpha1.DataSharingLink
		agency string
		want   bool
	}{
		"asked, and never there":     {link(func(*v1alpha1.DataSharingLink) {}), "gives", false},
		"an end":                     {link(scoped), "gives", true},
		"the carrier":                {link(scoped), "carries", true},
		"authority, nothing decided": {link(scoped), "authority", false},
		"authority that decided":     {link(decided), "authority", true},
		"and an end is suspended": {link(func(l *v1alpha1.DataSharingLink) {
			decided(l)
			l.Status.Scope = nil
		}), "authority", true},
		"of data that is not personal": {link(func(l *v1alpha1.DataSharingLink) {
			decided(l)
			l.Status.Scope.Classification = v1alpha1.ClassificationInternal
		}), "authority", false},
		"nobody": {link(decided), "other", false},
	} {
		if got := hadPart(tt.l, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: tt.agency}}); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
