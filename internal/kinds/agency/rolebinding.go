package agency

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// roleBinding binds groups and service accounts to a shipped ClusterRole; nil
// without any, so that an emptied list takes the rights away.
func roleBinding(s object.Scope, name, clusterRole string, groups []v1alpha1.GroupName, accounts ...v1alpha1.ServiceAccountReference) *rbacv1.RoleBinding {
	return Bind(s, name, "ClusterRole", clusterRole, Subjects(groups, accounts))
}

// Bind binds subjects to a role; nil without any.
func Bind(s object.Scope, name, kind, role string, to []rbacv1.Subject) *rbacv1.RoleBinding {
	if len(to) == 0 {
		return nil
	}
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"},
		ObjectMeta: s.Meta(name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
		Subjects:   to,
	}
}

// Subjects of a binding, sorted and each once.
func Subjects(groups []v1alpha1.GroupName, accounts []v1alpha1.ServiceAccountReference) []rbacv1.Subject {
	sorted := slices.Compact(slices.Sorted(slices.Values(groups)))
	out := make([]rbacv1.Subject, len(sorted), len(sorted)+len(accounts))
	for i, g := range sorted {
		out[i] = rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: string(g)}
	}
	accounts = slices.Clone(accounts)
	slices.SortFunc(accounts, func(x, y v1alpha1.ServiceAccountReference) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	for _, a := range slices.Compact(accounts) {
		out = append(out, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: a.Namespace, Name: a.Name})
	}
	return out
}
