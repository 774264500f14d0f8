package audit

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
)

// endpoints makes a group of the pods of every portal. A portal without pods
// gets one that does not exist, so that its policies are looked at all the same.
// Other pods of agencies' namespaces are groups too, to which nothing should be open.
func (a *auditor) endpoints() {
	groups := map[types.NamespacedName]*reach.Group{}
	for _, i := range a.in.Portals {
		key := types.NamespacedName{Namespace: i.Portal.Namespace, Name: i.Portal.Name}
		groups[key] = &reach.Group{Name: key.String()}
	}
	a.report.Portals = len(groups)
	for i := range a.in.Snapshot.Pods {
		p := &a.in.Snapshot.Pods[i]
		if _, ok := names.AgencyOf(p.Namespace); !ok || ended(p) {
			continue
		}
		key := types.NamespacedName{Namespace: p.Namespace, Name: p.Labels[names.LabelPortal]}
		if groups[key] == nil {
			key.Name = "(pod) " + p.Name
			groups[key] = &reach.Group{Name: key.String()}
		}
		groups[key].Endpoints = append(groups[key].Endpoints, reach.PodEndpoint(p.Namespace, p.Name))
	}
	a.in.Snapshot.Pods = slices.Clone(a.in.Snapshot.Pods)
	a.in.Snapshot.Namespaces = slices.Clone(a.in.Snapshot.Namespaces)
	for key, group := range groups {
		a.keys = append(a.keys, key)
		if len(group.Endpoints) > 0 {
			continue
		}
		name := "supposed-" + key.Name
		a.in.Snapshot.Pods = append(a.in.Snapshot.Pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: name, Labels: map[string]string{names.LabelPortal: key.Name},
		}})
		a.supposed[types.NamespacedName{Namespace: key.Namespace, Name: name}] = true
		group.Endpoints = []reach.Endpoint{reach.PodEndpoint(key.Namespace, name)}
		if !slices.ContainsFunc(a.in.Snapshot.Namespaces, func(n corev1.Namespace) bool { return n.Name == key.Namespace }) {
			a.in.Snapshot.Namespaces = append(a.in.Snapshot.Namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: key.Namespace}})
		}
	}
	slices.SortFunc(a.keys, func(x, y types.NamespacedName) int {
		return cmp.Or(strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Name, y.Name))
	})
	for _, key := range a.keys {
		a.groups = append(a.groups, *groups[key])
	}
}
