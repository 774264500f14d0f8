package desired

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// roleBinding binds groups to a shipped ClusterRole; nil without groups, so
// that an emptied list takes the rights away.
func roleBinding(s scope, name, clusterRole string, groups []v1alpha1.GroupName) *rbacv1.RoleBinding {
	if len(groups) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(groups))
	subjects := make([]rbacv1.Subject, len(sorted))
	for i, g := range sorted {
		subjects[i] = rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: string(g)}
	}
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"},
		ObjectMeta: s.meta(name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   subjects,
	}
}
