package agency

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestEarlierVetoes: who has rights in an agency that was the authority can lift what
// it stopped, so it has a part in those links, and the operator says so of it.
// Fails when only the present authority has a part.
func TestEarlierVetoes(t *testing.T) {
	s := settings.Settings{AuthorityAgency: "present"}
	decision := func(namespace, name string, d v1alpha1.Decision, side v1alpha1.LinkSide) *v1alpha1.DataSharingApproval {
		a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Status: v1alpha1.DataSharingApprovalStatus{Side: side}}
		a.Spec.Decision, a.Spec.LinkRef = d, v1alpha1.LinkReference{Namespace: "agency-asks", Name: v1alpha1.ObjectName("about-" + name)}
		return a
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		decision("agency-former", "halt", v1alpha1.DecisionSuspend, v1alpha1.SideAuthority),
		decision("agency-former", "refuse", v1alpha1.DecisionReject, v1alpha1.SideAuthority),
		decision("agency-former", "lifted", v1alpha1.DecisionApprove, v1alpha1.SideAuthority),
		decision("agency-former", "own", v1alpha1.DecisionSuspend, v1alpha1.SideProvider),
		decision("agency-former", "nobodys", v1alpha1.DecisionSuspend, ""),
		decision("agency-present", "present", v1alpha1.DecisionSuspend, v1alpha1.SideAuthority),
	).Build()
	for agency, want := range map[string][]string{"former": {"halt", "refuse"}, "present": nil, "other": nil} {
		vetoes, err := earlierVetoes(t.Context(), c, s, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: agency}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range vetoes {
			got = append(got, v.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", agency, got, want)
		}
		for _, name := range []string{"halt", "refuse", "lifted", "own", "nobodys", "present"} {
			l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-asks", Name: "about-" + name}}
			if has := stops(vetoes, l); has != slices.Contains(want, name) {
				t.Errorf("%s has a part in %s: %v", agency, l.Name, has)
			}
		}
	}
	if !stops([]v1alpha1.DataSharingApproval{{}}, &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Name: "any"}}) {
		t.Error("of a decision that can't be read nobody knows which link it stops")
	}
}
