package securitypolicy

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/tally"
)

// Fields are by what the objects of a kind are counted for policies.
func Fields(kind string) []tally.Field {
	if kind != v1alpha1.KindAgencyPortal {
		return nil
	}
	return []tally.Field{
		{Name: names.TallyPolicy, Values: func(o client.Object) []string { return o.(*v1alpha1.AgencyPortal).Status.Policies }},
		{Name: names.TallyViolates, Values: func(o client.Object) (out []string) {
			p := o.(*v1alpha1.AgencyPortal)
			for _, f := range p.Status.Findings {
				// Of what it is not held to it is no violator.
				if slices.Contains(p.Status.Policies, f.Policy) && !slices.Contains(out, f.Policy) {
					out = append(out, f.Policy)
				}
			}
			return out
		}},
	}
}
