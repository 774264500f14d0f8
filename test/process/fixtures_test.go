package process

import (
	"errors"
	"testing"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// openLink makes two agencies with a portal each, a service and an approved
// link from NAME-asker to NAME-giver, and waits until it is open.
func openLink(t *testing.T, name, code string) *v1alpha1.DataSharingLink {
	t.Helper()
	asker, giver := name+"-asker", name+"-giver"
	policy := harness.Policy(name, "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Selector.Agencies = []v1alpha1.AgencyName{v1alpha1.AgencyName(asker), v1alpha1.AgencyName(giver)}
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	})
	a, b := harness.Agency(asker, code+"1"), harness.Agency(giver, code+"2")
	env.Create(t, policy, a, b)
	env.WaitReady(t, policy, a, b)
	from, to := harness.Portal(asker, "asks"), harness.Portal(giver, "gives")
	env.Create(t, from, to, harness.Service(giver, "data", "gives"))
	env.WaitReady(t, from, to)
	link := harness.Link(asker, "wants", "asks", giver, "data")
	env.Create(t, link)
	approve(t, giver, link)
	wantLinkPolicies(t, link, 2, harness.Timeout)
	return link
}

// approve approves the present scope of a link for an agency.
func approve(t *testing.T, agency string, l *v1alpha1.DataSharingLink) *v1alpha1.DataSharingApproval {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(l), l); err != nil {
			return err
		}
		if l.Status.SpecHash == "" || l.Status.ObservedGeneration != l.Generation {
			return errors.New("the link has no scope yet")
		}
		return nil
	})
	a := harness.Approval(agency, l, v1alpha1.DecisionApprove)
	env.Create(t, a)
	return a
}
