package threats

import (
	"fmt"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

func inZones(zones ...v1alpha1.DNSName) func(*v1alpha1.Agency) {
	return func(a *v1alpha1.Agency) { a.Spec.Domains = zones }
}

func exposedAt(host v1alpha1.DNSName) func(*v1alpha1.AgencyPortal) {
	return func(p *v1alpha1.AgencyPortal) {
		p.Spec.Exposure, p.Spec.Hostnames = v1alpha1.ExposureDedicatedNetwork, []v1alpha1.DNSName{host}
	}
}

// TestMostSpecificZoneOwns: a host name belongs to the agency with the most
// specific zone, whoever was first, and of two agencies with one zone to the
// older. Fails when a portal's own zones alone are looked at.
func TestMostSpecificZoneOwns(t *testing.T) {
	operate(t)
	above := newAgency(t, "a21above", code("A21A", 1), inZones("a21.example.gov.vn"))
	early := harness.Portal("a21above", "early", small, exposedAt("x.child.a21.example.gov.vn"))
	env.Create(t, early)
	env.WaitCondition(t, early, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonWaitingForRoutes)

	below := newAgency(t, "a21below", code("A21B", 1), inZones("child.a21.example.gov.vn"))
	env.WaitCondition(t, early, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonHostnameNotDelegated)
	own := harness.Portal("a21below", "own", small, exposedAt("x.child.a21.example.gov.vn"))
	env.Create(t, own)
	env.WaitCondition(t, own, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonWaitingForRoutes)
	for _, c := range []struct {
		a    *v1alpha1.Agency
		says []string
	}{{above, []string{"child.a21.example.gov.vn", `"a21below"`}}, {below, []string{"a21.example.gov.vn", `"a21above"`}}} {
		harness.Eventually(t, func() error {
			got := conditionOf(harness.Stored(t, env, c.a), v1alpha1.ConditionZonesDelegated)
			for _, part := range c.says {
				if got.Status != metav1.ConditionTrue || !strings.Contains(got.Message, part) {
					return fmt.Errorf("%s says of its zones: %s %s", c.a.Name, got.Status, got.Message)
				}
			}
			return nil
		})
	}

	// Ages are whole seconds, and of two agencies of the same second chance decides.
	time.Sleep(time.Until(below.CreationTimestamp.Add(time.Second)))
	twin := newAgency(t, "a21twin", code("A21C", 1), inZones("child.a21.example.gov.vn"))
	env.WaitCondition(t, twin, v1alpha1.ConditionZonesDelegated, metav1.ConditionFalse, v1alpha1.ReasonZoneTaken)
	if got := conditionOf(twin, v1alpha1.ConditionZonesDelegated).Message; !strings.Contains(got, `"a21below"`) {
		t.Errorf("the finding does not name the older agency: %s", got)
	}
	second := harness.Portal("a21twin", "second", small, exposedAt("y.child.a21.example.gov.vn"))
	env.Create(t, second)
	env.WaitCondition(t, second, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonHostnameNotDelegated)
}

// TestDeliveryHasAnIdentity: an agency's service account writes portals in its
// namespace and nowhere else, and those of agencies' namespaces are refused.
// Fails without adminServiceAccounts in the RoleBinding.
func TestDeliveryHasAnIdentity(t *testing.T) {
	operate(t)
	newAgency(t, "c06", code("c06", 1), func(a *v1alpha1.Agency) {
		a.Spec.AdminServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: "delivery", Name: "c06"}}
	})
	newAgency(t, "d06", code("d06", 1))
	delivery := as(t, "system:serviceaccount:delivery:c06", "system:serviceaccounts", "system:serviceaccounts:delivery", "system:authenticated")
	portal := harness.Portal("c06", "portal", small)
	harness.Eventually(t, func() error { return delivery.Create(t.Context(), portal) })
	env.WaitReady(t, portal)
	if err := delivery.Create(t.Context(), harness.Portal("d06", "portal", small)); err == nil {
		t.Error("the service account writes in another agency's namespace")
	}
	if err := delivery.List(t.Context(), &rbacv1.RoleBindingList{}); err == nil {
		t.Error("the service account reads the whole cluster")
	}
	for _, ns := range []string{"agency-d06", "agency-c06", "kube-system"} {
		a := harness.Agency("e06", "", code("e06", 1), func(a *v1alpha1.Agency) {
			a.Spec.AdminServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: ns, Name: "x"}}
		})
		if err := env.Admin.Create(t.Context(), a); err == nil || !strings.Contains(err.Error(), "adminServiceAccounts") {
			t.Errorf("a service account of %s: %v", ns, err)
		}
	}
}
