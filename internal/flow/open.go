package flow

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Open is what may pass: one TCP port from a portal to another portal, or to
// addresses outside the cluster.
type Open struct {
	From types.NamespacedName
	// To is empty when CIDRs say where the flow goes.
	To    types.NamespacedName
	CIDRs []string
	Port  int32
}

// ToPorts are the flows to a portal, one for each port that its pods listen on.
func ToPorts(from, to types.NamespacedName, p *v1alpha1.AgencyPortal) []Open {
	var out []Open
	for _, number := range Ports(p) {
		out = append(out, Open{From: from, To: to, Port: number})
	}
	return out
}

// KeyOf returns the namespace and name of a portal.
func KeyOf(p *v1alpha1.AgencyPortal) types.NamespacedName {
	return types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
}
