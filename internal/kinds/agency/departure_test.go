package agency

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func TestDeparture(t *testing.T) {
	now := metav1.NewTime(time.Unix(1, 0))
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-a", UID: "uid-ns"}}
	input := func(policy v1alpha1.DeletionPolicy, modify ...func(*DepartureInput)) DepartureInput {
		in := DepartureInput{Namespace: ns, Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", DeletionTimestamp: &now},
			Spec: v1alpha1.AgencySpec{DeletionPolicy: policy}, Status: v1alpha1.AgencyStatus{Namespace: "agency-a"}}}
		for _, f := range modify {
			f(&in)
		}
		return in
	}
	with := func(c v1alpha1.AgencyContents) func(*DepartureInput) {
		return func(in *DepartureInput) { in.Contents = c }
	}
	gone := func(in *DepartureInput) { in.Namespace = nil }
	unknown := func(in *DepartureInput) { in.Unknown = []string{"the list fails"} }
	authority := func(in *DepartureInput) { in.Authority = true }
	vetoes := func(in *DepartureInput) { in.EarlierVetoes, in.Contents.Approvals = 1, 3 }
	begun := func(in *DepartureInput) {
		in.Agency.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionOffboarding, Status: metav1.ConditionTrue}}
	}
	tests := []struct {
		name string
		in   DepartureInput
		want string // reason; empty when it may go
		says string
	}{
		{"refuse", input(v1alpha1.DeletionRefuse), v1alpha1.ReasonDeletionRefused, "spec.adoptNamespace: uid-ns"},
		{"no policy", input(""), v1alpha1.ReasonDeletionRefused, "is Refuse"},
		{"a policy of a later version", input("Later"), v1alpha1.ReasonDeletionRefused, ""},
		{"refuse, though the namespace is gone", input(v1alpha1.DeletionRefuse, gone), v1alpha1.ReasonDeletionRefused, ""},
		{"never had a namespace", input(v1alpha1.DeletionRefuse, gone, func(in *DepartureInput) { in.Agency.Status.Namespace = "" }), "", ""},
		{"empty", input(v1alpha1.DeletionDeleteEmpty), "", ""},
		{"a portal", input(v1alpha1.DeletionDeleteEmpty, with(v1alpha1.AgencyContents{Portals: 1})), v1alpha1.ReasonDeletionRefused, "portals (1)"},
		{"a service", input(v1alpha1.DeletionDeleteEmpty, with(v1alpha1.AgencyContents{DataServices: 2})), v1alpha1.ReasonDeletionRefused, "data services (2)"},
		{"a link", input(v1alpha1.DeletionDeleteEmpty, with(v1alpha1.AgencyContents{Links: 1})), v1alpha1.ReasonDeletionRefused, "links (1)"},
		{"a decision", input(v1alpha1.DeletionDeleteEmpty, with(v1alpha1.AgencyContents{Approvals: 1})), v1alpha1.ReasonDeletionRefused, "decisions about links (1)"},
		{"a child", input(v1alpha1.DeletionDeleteEmpty, with(v1alpha1.AgencyContents{Children: 1})), v1alpha1.ReasonDeletionRefused, "child agencies (1)"},
		{"portals go", input(v1alpha1.DeletionDeletePortals, with(v1alpha1.AgencyContents{Portals: 9, Links: 1})), "", ""},
		{"portals, and a child", input(v1alpha1.DeletionDeletePortals, with(v1alpha1.AgencyContents{Portals: 9, Children: 1})), v1alpha1.ReasonDeletionRefused, "child agencies (1)"},
		{"the authority with decisions", input(v1alpha1.DeletionDeletePortals, authority, with(v1alpha1.AgencyContents{Approvals: 2})), v1alpha1.ReasonDeletionRefused, "decisions about links (2)"},
		{"the authority without", input(v1alpha1.DeletionDeletePortals, authority, with(v1alpha1.AgencyContents{Portals: 2})), "", ""},
		{"an earlier authority with vetoes", input(v1alpha1.DeletionDeletePortals, vetoes), v1alpha1.ReasonDeletionRefused, "suspended or rejected as that (1)"},
		{"another one with decisions", input(v1alpha1.DeletionDeletePortals, with(v1alpha1.AgencyContents{Approvals: 2})), "", ""},
		{"not known", input(v1alpha1.DeletionDeletePortals, unknown), v1alpha1.ReasonContentUnknown, "the list fails"},
		{"not known, and nothing left", input(v1alpha1.DeletionDeletePortals, unknown, gone, begun), "", ""},
		{"the last step", input(v1alpha1.DeletionDeletePortals, gone, begun, with(v1alpha1.AgencyContents{Children: 1})), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Departure(tt.in)
			switch {
			case got == nil && tt.want != "":
				t.Errorf("it may go, want %s", tt.want)
			case got != nil && (got.Reason != tt.want || !strings.Contains(got.Message, tt.says)):
				t.Errorf("%s: %s, want %s with %q", got.Reason, got.Message, tt.want, tt.says)
			}
		})
	}
}
