package sample

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/view"
)

// Groups under which the sample's people act; see Bindings. Agencies name the others in adminGroups.
const (
	GroupAuthority    = "sample-authority"
	GroupPlatformTeam = "sample-platform-team"
)

// Bindings give the shipped roles to the sample's people, as an installation does. Everybody on the platform may read its
// catalogue.
func Bindings() []*rbacv1.ClusterRoleBinding {
	var out []*rbacv1.ClusterRoleBinding
	for _, b := range []struct{ group, role string }{
		{GroupAuthority, "govplatform-authority"}, {GroupPlatformTeam, "govplatform-platform-team"}, {"system:authenticated", "govplatform-catalogue-viewer"},
	} {
		out = append(out, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: b.role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: b.role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: b.group}},
		})
	}
	return out
}

// People act on one cluster, each with his own rights.
type People struct {
	config  func(user string, groups ...string) (*rest.Config, error)
	clients map[string]client.Client
}

// NewPeople returns the people of a cluster; config gives the access of a user in groups.
func NewPeople(config func(user string, groups ...string) (*rest.Config, error)) *People {
	return &People{config: config, clients: map[string]client.Client{}}
}

// as returns the client of a user with the rights of one group.
func (p *People) as(user, group string) (client.Client, error) {
	if c := p.clients[user]; c != nil {
		return c, nil
	}
	config, err := p.config(user, group)
	if err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: view.Scheme(), Mapper: mapper()})
	if err != nil {
		return nil, err
	}
	p.clients[user] = c
	return c, nil
}

// mapper knows the kinds that the people use, so none of them needs the right to discover.
func mapper() meta.RESTMapper {
	authentication := schema.GroupVersion{Group: "authentication.k8s.io", Version: "v1"}
	authorization := schema.GroupVersion{Group: "authorization.k8s.io", Version: "v1"}
	m := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion, authentication, authorization})
	add := func(group schema.GroupVersion, kind, plural string, scope meta.RESTScope) {
		m.AddSpecific(group.WithKind(kind), group.WithResource(plural), group.WithResource(strings.ToLower(kind)), scope)
	}
	for _, d := range kinds.All() {
		scope := meta.RESTScopeRoot
		if d.Namespaced {
			scope = meta.RESTScopeNamespace
		}
		add(v1alpha1.GroupVersion, d.Kind, d.Plural, scope)
	}
	add(authentication, "SelfSubjectReview", "selfsubjectreviews", meta.RESTScopeRoot)
	add(authorization, "SelfSubjectAccessReview", "selfsubjectaccessreviews", meta.RESTScopeRoot)
	return m
}
