package desired

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// TestRightsBefore fails when what a dead operator had bound for a new agency
// counts as in force before, so that nobody is told; or when an upgrade tells of
// what did not change.
func TestRightsBefore(t *testing.T) {
	agency := func(status v1alpha1.AgencyStatus) *v1alpha1.Agency {
		return &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "health", UID: "a-1"}, Status: status}
	}
	observed := v1alpha1.AgencyStatus{Namespace: names.Namespace("health")}
	recorded := observed
	recorded.Rights = &v1alpha1.GrantedRights{AgencyRights: v1alpha1.AgencyRights{AdminGroups: []v1alpha1.GroupName{"recorded"}}}
	bound := rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: adminBinding, Namespace: names.Namespace("health")},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: "bound"}},
	}
	foreign := *bound.DeepCopy()
	foreign.Subjects[0].Name = "foreign"
	bound.Labels = map[string]string{names.LabelOwnerUID: "a-1"}
	for name, tt := range map[string]struct {
		status v1alpha1.AgencyStatus
		want   []v1alpha1.GroupName
	}{
		"new":               {v1alpha1.AgencyStatus{}, nil},
		"before the record": {observed, []v1alpha1.GroupName{"bound"}},
		"recorded":          {recorded, []v1alpha1.GroupName{"recorded"}},
	} {
		got := rightsBefore(AgencyInput{Agency: agency(tt.status), Bindings: []rbacv1.RoleBinding{foreign, bound}})
		if diff := cmp.Diff(tt.want, got.AdminGroups); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
