package agency

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
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
		ObjectMeta: metav1.ObjectMeta{Name: AdminBinding, Namespace: names.Namespace("health")},
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
		got := rightsBefore(Input{Agency: agency(tt.status), Bindings: []rbacv1.RoleBinding{foreign, bound}})
		if diff := cmp.Diff(tt.want, got.AdminGroups); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAdminsWaitForCounts: nobody gets the right to write before the quota counts,
// and nobody loses it because a count is lost.
// Fails without adminsWait, and when it does not ask what stands.
func TestAdminsWaitForCounts(t *testing.T) {
	counted := &corev1.ResourceQuota{Status: corev1.ResourceQuotaStatus{Used: corev1.ResourceList{}}}
	for _, b := range bounds {
		counted.Status.Used[b.resource] = resource.MustParse("0")
	}
	for name, tt := range map[string]struct {
		in   Input
		want bool
	}{
		"no quota yet":                   {Input{Counts: true}, false},
		"a quota without a status":       {Input{Counts: true, Quota: &corev1.ResourceQuota{}}, false},
		"a quota that counts":            {Input{Counts: true, Quota: counted}, true},
		"a count is lost":                {Input{Counts: true, Quota: &corev1.ResourceQuota{}, Administered: true}, true},
		"the quota is lost":              {Input{Counts: true, Administered: true}, true},
		"nothing counts in this cluster": {Input{}, true},
	} {
		tt.in.Settings = settings.Default()
		tt.in.Agency = &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "health", UID: "a-1"}, Spec: v1alpha1.AgencySpec{Code: "G13", AdminGroups: []v1alpha1.GroupName{"admins"}, ViewerGroups: []v1alpha1.GroupName{"viewers"}}}
		bound := map[string]bool{}
		out := Decide(tt.in)
		for _, o := range out.Objects {
			if b, ok := o.(*rbacv1.RoleBinding); ok {
				bound[b.Name] = true
			}
		}
		if bound[AdminBinding] != tt.want || !bound[viewerBinding] {
			t.Errorf("%s: bound are %v, want administrators %t", name, bound, tt.want)
		}
		if len(out.Rights.Record.AdminGroups) != 1 {
			t.Errorf("%s: the record forgets who waits: %+v", name, out.Rights.Record)
		}
	}
}

// TestOperatorsAccountsGetNoRights: an account of the operator's own namespace is
// left out and taken away, whoever asked for it, and a finding says so.
func TestOperatorsAccountsGetNoRights(t *testing.T) {
	in := asking()
	in.PersonalData, in.OperatorNamespace = "", "platform"
	own, theirs := v1alpha1.ServiceAccountReference{Namespace: "platform", Name: "operator"}, v1alpha1.ServiceAccountReference{Namespace: "delivery", Name: "operator"}
	in.Agency.Spec.AdminServiceAccounts = []v1alpha1.ServiceAccountReference{own, theirs}
	in.Agency.Status.Rights.AdminServiceAccounts = []v1alpha1.ServiceAccountReference{own}
	r := decideRights(in)
	if diff := cmp.Diff([]v1alpha1.ServiceAccountReference{theirs}, r.InForce.AdminServiceAccounts); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]v1alpha1.ServiceAccountReference{own}, r.Removed.AdminServiceAccounts); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if r.Waits == nil || r.Waits.Reason != v1alpha1.ReasonOperatorsAccount {
		t.Errorf("finding: %+v", r.Waits)
	}
}
