package audit

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
)

// policies names every policy of an agency's namespace that opens something and
// is not to the letter what the operator writes. Thus nothing is open to what is
// neither a portal nor an address either, such as pods of other namespaces.
func (a *auditor) policies() {
	for i := range a.in.Snapshot.Policies {
		p := &a.in.Snapshot.Policies[i]
		if _, ok := names.AgencyOf(p.Namespace); !ok || !child.Opens(p) {
			continue
		}
		key := types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
		if !a.owned(p) {
			a.differ(KindForeign, "NetworkPolicy %s is not the operator's and opens %s; nobody but the operator should write policies there, so delete it", key, opens(p))
			continue
		}
		if w := a.written[key]; w == nil || !equality.Semantic.DeepEqual(w.Spec, p.Spec) {
			a.differ(KindChanged, "NetworkPolicy %s opens %s, which the operator would not write; it is repaired while the operator runs", key, opens(p))
		}
	}
	for key := range a.written {
		if !slices.ContainsFunc(a.in.Snapshot.Policies, func(p networkingv1.NetworkPolicy) bool { return p.Namespace == key.Namespace && p.Name == key.Name }) {
			a.differ(KindShut, "NetworkPolicy %s is missing; it is written while the operator runs", key)
		}
	}
}

// owned tells whether a policy carries the mark of the operator and of an owner
// that exists.
func (a *auditor) owned(p *networkingv1.NetworkPolicy) bool {
	owner, marked := names.MarkedOwner(p)
	return marked && a.owners[owner]
}

func opens(p *networkingv1.NetworkPolicy) string {
	var out []string
	if len(p.Spec.Ingress) > 0 {
		out = append(out, "ingress")
	}
	if len(p.Spec.Egress) > 0 {
		out = append(out, "egress")
	}
	var outside []string
	for _, b := range blocks(p) {
		outside = append(outside, b.CIDR)
	}
	text := strings.Join(out, " and ")
	if len(outside) > 0 {
		slices.Sort(outside)
		text += " (" + strings.Join(slices.Compact(outside), ", ") + ")"
	}
	return text
}
