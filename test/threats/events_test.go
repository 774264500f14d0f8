package threats

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat42_PeopleWriteNoEvents: whoever has every verb in an agency's
// namespace, and its accounts, store no Event of either API group: nothing
// counts them. The operator's, Kubernetes' and a controller's that is trusted by
// name are stored; a wildcard is no name. That a node's are is seen in
// TestThreat36_NodesDoTheirWork.
// Fails when events are among peopleWrite in agency-namespace-objects: 200 of
// 200 KB were stored in 4 s.
func TestThreat42_PeopleWriteNoEvents(t *testing.T) {
	operate(t)
	newAgency(t, "e42")
	core := func(agency, name string) client.Object {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: agency, Name: name}, Reason: "x", Message: "x", InvolvedObject: corev1.ObjectReference{Namespace: agency}}
	}
	group := func(agency, name string) client.Object {
		return &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: agency, Name: name}, Reason: "x", Action: "x", Type: "Normal", Note: "x", ReportingController: "example.org/x", ReportingInstance: "x", EventTime: metav1.NowMicro(), Regarding: corev1.ObjectReference{Namespace: agency}}
	}
	both := map[string]func(string, string) client.Object{"core": core, "events.k8s.io": group}
	attacker := fullRights(t, "e42")
	env.Namespace(t, "plugins-e42")
	for _, name := range []string{"trusted", "wildcard", "untrusted"} {
		env.Create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "plugins-e42", Name: name}})
	}
	trust := rbacv1.PolicyRule{APIGroups: []string{"platform.gov.vn"}, Resources: []string{"agencynamespaces"}, ResourceNames: []string{"events.k8s.io"}, Verbs: []string{"write-events"}}
	write := rbacv1.PolicyRule{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}}
	grant(t, "e42-trusted", "system:serviceaccount:plugins-e42:trusted", trust, write)
	grant(t, "e42-untrusted", "system:serviceaccount:plugins-e42:untrusted", write)
	grant(t, "e42-wildcard", "system:serviceaccount:plugins-e42:wildcard", rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}})
	for kind, event := range both {
		for who, c := range map[string]client.Client{
			"person": attacker, "untrusted": account(t, "plugins-e42", "untrusted"), "wildcard": account(t, "plugins-e42", "wildcard"),
		} {
			harness.Eventually(t, func() error { // Until the rights hold.
				o := event("plugins-e42", "elsewhere")
				if who == "person" {
					return nil
				}
				return c.Create(t.Context(), o, client.DryRunAll)
			})
			o := event("agency-e42", who)
			refused(t, kind+" by "+who, c.Create(t.Context(), o), byObjectPolicy)
			absent(t, o)
		}
		trusted := account(t, "plugins-e42", "trusted")
		harness.Eventually(t, func() error {
			return trusted.Create(t.Context(), event("agency-e42", "trusted-"+kind))
		})
		for _, who := range []string{"system:serviceaccount:kube-system:deployment-controller", "system:kube-scheduler", "system:kube-controller-manager"} {
			c := as(t, who, "system:authenticated", "system:serviceaccounts", "system:serviceaccounts:kube-system")
			if err := c.Create(t.Context(), event("agency-e42", "kubernetes"), client.DryRunAll); err != nil {
				t.Errorf("%s event by %s: %v", kind, who, err)
			}
		}
		o := event("agency-e42", "noted")
		env.Create(t, o)
		refused(t, kind+" changed", attacker.Patch(t.Context(), o, harness.MergePatch(`{"metadata":{"annotations":{"example.org/x":"x"}}}`)), byObjectPolicy)
		if err := attacker.Delete(t.Context(), o); err != nil {
			t.Errorf("%s deleted: %v", kind, err)
		}
	}
}
