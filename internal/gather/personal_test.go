package gather

import (
	"reflect"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
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
		if !has(l, false, "end") || !slices.Contains(LinkAgencies(l), "end") {
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
