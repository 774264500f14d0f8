package securitypolicy

import (
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
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

// count counts the portals of a policy, and finds those that violate it. It comes last, so
// that it is no older than what else was read.
func (in *Input) count(counts read.Tally) error {
	violators, err := counts.Having(v1alpha1.KindAgencyPortal, names.TallyViolates, in.Policy.Name)
	if err != nil {
		return fmt.Errorf("find violators of policy: %w", err)
	}
	for _, v := range violators {
		if portal, ok := v.(*v1alpha1.AgencyPortal); ok {
			in.Violators = append(in.Violators, portal)
		}
	}
	if in.Portals, err = counts.Number(v1alpha1.KindAgencyPortal, names.TallyPolicy, in.Policy.Name); err != nil {
		return fmt.Errorf("count portals of policy: %w", err)
	}
	return nil
}
