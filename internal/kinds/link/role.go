package link

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// linkReaders let the people of the agency that a link asks, and of the
// authority, read this link, and no other in the consumer's namespace: they decide
// about what they can see. They are there from the request on and whatever becomes
// of it, and open no traffic.
func linkReaders(in Input) []object.Object {
	l := in.Link
	consumer, ok := names.AgencyOf(l.Namespace)
	if !ok || l.DeletionTimestamp != nil {
		return nil
	}
	var groups []v1alpha1.GroupName
	var accounts []v1alpha1.ServiceAccountReference
	for _, a := range []*v1alpha1.Agency{in.Asked, in.Authority} {
		if a == nil || a.Name == consumer {
			continue
		}
		// Whoever waits for a confirmation reads nothing.
		r := agency.RightsInForce(a)
		groups = slices.Concat(groups, r.AdminGroups, r.ViewerGroups)
		accounts = slices.Concat(accounts, r.AdminServiceAccounts)
	}
	s := object.Scope{Owner: names.OwnerOf(v1alpha1.KindDataSharingLink, l), Agency: consumer, Namespace: l.Namespace, Reference: true}
	id := names.Link(l.Namespace, l.Name)
	b := agency.Bind(s, id, "Role", id, agency.Subjects(groups, accounts))
	if b == nil {
		return nil
	}
	return []object.Object{b, &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"},
		ObjectMeta: s.Meta(id),
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{kinds.DataSharingLink.Plural}, ResourceNames: []string{l.Name},
			Verbs: []string{"get", "list", "watch"},
		}},
	}}
}
