package seeds

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// authority is the agency of the coordinating authority.
var authority = settings.Default().AuthorityAgency

// link asks for a service over the national sharing platform.
func link(t *testing.T, from *v1alpha1.AgencyPortal, agency, name, provider, service, operation string) *v1alpha1.DataSharingLink {
	t.Helper()
	l := harness.Link(agency, name, from.Name, provider, service, func(l *v1alpha1.DataSharingLink) {
		l.Spec.Route, l.Spec.Operations, l.Spec.RequestedBy = v1alpha1.RoutePlatform, []string{operation}, harness.RequesterUser
	})
	create(t, l)
	return l
}

// consent approves the present scope of a link for each of the agencies.
func consent(t *testing.T, l *v1alpha1.DataSharingLink, agencies ...string) {
	t.Helper()
	harness.Eventually(t, func() error {
		if harness.Stored(t, env, l).Status.SpecHash == "" {
			return fmt.Errorf("link %s has no scope: %+v", l.Name, l.Status.Conditions)
		}
		return nil
	})
	for _, agency := range agencies {
		create(t, harness.Approval(agency, l, v1alpha1.DecisionApprove))
	}
}

// shut fails when a link is open or anything is written for it.
func shut(t *testing.T, l *v1alpha1.DataSharingLink, reason string) {
	t.Helper()
	env.WaitCondition(t, l, v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
	policies, err := env.LinkPolicies(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if len(policies) > 0 {
		t.Errorf("link %s has %d policies", l.Name, len(policies))
	}
}

// consumes waits until a service names a portal among its consumers.
func consumes(t *testing.T, agency, service, consumer string) {
	t.Helper()
	s := harness.Service(agency, service, "")
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(s), s); err != nil {
			return err
		}
		for _, c := range s.Status.Consumers {
			if c == consumer {
				return nil
			}
		}
		return fmt.Errorf("service %s of %s has the consumers %q", service, agency, s.Status.Consumers)
	})
}
