package threats

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// deploymentsOf returns the UIDs of an agency's Deployments by their names.
func deploymentsOf(t *testing.T, agency string) map[string]types.UID {
	t.Helper()
	var list appsv1.DeploymentList
	if err := env.Admin.List(t.Context(), &list, client.InNamespace(names.Namespace(agency))); err != nil {
		t.Fatal(err)
	}
	out := map[string]types.UID{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].UID
	}
	return out
}

// conditionSays waits until a condition of an object has the parts.
func conditionSays(t *testing.T, o interface {
	client.Object
	GetStatusBase() *v1alpha1.StatusBase
}, condition string, parts ...string) {
	t.Helper()
	harness.Eventually(t, func() error {
		got := conditionOf(harness.Stored(t, env, o), condition)
		for _, p := range parts {
			if !strings.Contains(string(got.Status)+" "+got.Reason+" "+got.Message, p) {
				return fmt.Errorf("%s of %s is %s %s: %q, want %q", condition, o.GetName(), got.Status, got.Reason, got.Message, p)
			}
		}
		return nil
	})
}

// TestLoweredQuotaStopsNothing: the platform team writes 1 for 20 into
// quota.portals, and too little for pods, cpu and memory. Three portals and their
// pods run on, also after their Deployments were deleted and the operator
// started anew; portals and agency say the figures. What is new does not start, a
// portal that was stopped neither.
// Fails when portals beyond the figure are stopped (two of three Deployments go),
// and when only the Deployment that stands counts as started (the deleted one
// does not come back).
func TestLoweredQuotaStopsNothing(t *testing.T) {
	operate(t)
	a := newAgency(t, "q15", code("Q15", 1))
	var portals []*v1alpha1.AgencyPortal
	for i := range 3 {
		p := harness.Portal("q15", fmt.Sprintf("runs%d", i), small)
		env.Create(t, p)
		env.WaitReady(t, p)
		portals = append(portals, p)
	}
	platformTeam := team(t, "pt-q15")
	before, pods := deploymentsOf(t, "q15"), uidsOf(t, "q15")
	patched(t, platformTeam, a, harness.MergePatch(`{"spec":{"quota":{"portals":1,"pods":2,"cpu":"1m","memory":"1Mi"}}}`))
	conditionSays(t, a, v1alpha1.ConditionNamespaceReady, "True", "spec.quota.portals is 1 and 3 is used", "spec.quota.pods is 2 and 3 is used", "spec.quota.cpu", "spec.quota.memory", "a rollout does not replace")
	conditionSays(t, portals[2], v1alpha1.ConditionReady, "True BeyondPortalQuota", "spec.quota.portals", "is 1")
	conditionSays(t, portals[2], v1alpha1.ConditionWorkloadAvailable, "beyond the quota")
	if got := deploymentsOf(t, "q15"); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Fatalf("Deployments %v after, %v before", got, before)
	}
	if got := uidsOf(t, "q15"); !slices.Equal(got, pods) {
		t.Fatalf("pods %v after, %v before", got, pods)
	}
	stopOperator(t)
	operate(t)
	touch(t, portals[2])
	never(t, 2*time.Second, func() error {
		if got := deploymentsOf(t, "q15"); fmt.Sprint(got) != fmt.Sprint(before) {
			return fmt.Errorf("Deployments %v after a restart, %v before", got, before)
		}
		return nil
	})

	// The rest has room for pods, so that only the figure of portals decides.
	patched(t, platformTeam, a, harness.MergePatch(`{"spec":{"quota":{"pods":100,"cpu":"32","memory":"64Gi"}}}`))
	if err := env.Admin.Delete(t.Context(), deploymentOf(t, "q15", "runs2")); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if uid := deploymentsOf(t, "q15")["runs2"]; uid == "" || uid == before["runs2"] {
			return fmt.Errorf("the deleted Deployment is %q", uid)
		}
		return nil
	})
	env.WaitReady(t, portals[0], portals[1], portals[2])

	// A portal that is stopped gives its place back. Its image violates a standard, so nothing of it complies.
	standard := harness.Policy("q15", "q15", allow(registry))
	env.Create(t, standard)
	env.WaitReady(t, standard)
	env.Merge(t, standard, `{"spec":{"acceptedImpact":{"portals":9},"images":{"allowedRegistries":["registry.other.example"]}}}`)
	harness.Eventually(t, func() error {
		if got := deploymentsOf(t, "q15"); len(got) > 0 {
			return fmt.Errorf("Deployments %v run under a standard that nobody meets", got)
		}
		return nil
	})
	if err := env.Admin.Delete(t.Context(), standard); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if got := deploymentsOf(t, "q15"); len(got) != 1 {
			return fmt.Errorf("Deployments %v, want the one that the quota has room for", got)
		}
		return nil
	})
	never(t, 2*time.Second, func() error {
		if got := deploymentsOf(t, "q15"); len(got) != 1 {
			return fmt.Errorf("Deployments %v, want one", got)
		}
		return nil
	})
	roomReachesThoseThatWait(t, a, platformTeam)
}

// roomReachesThoseThatWait: two portals of an agency wait behind one that runs. When that
// one goes one of them starts, and the last when the figure is raised. Nothing else happens
// that they could hear of.
// Fails when a portal that goes, or the figure of the quota, reaches nobody.
func roomReachesThoseThatWait(t *testing.T, a *v1alpha1.Agency, platformTeam client.Client) {
	t.Helper()
	running := func(n int, but string) {
		t.Helper()
		harness.Eventually(t, func() error {
			got := deploymentsOf(t, a.Name)
			if _, there := got[but]; there || len(got) != n {
				return fmt.Errorf("Deployments %v, want %d and not %q", got, n, but)
			}
			return nil
		})
	}
	for name := range deploymentsOf(t, a.Name) {
		if err := env.Admin.Delete(t.Context(), &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace(a.Name), Name: name}}); err != nil {
			t.Fatal(err)
		}
		running(1, name)
	}
	patched(t, platformTeam, a, harness.MergePatch(`{"spec":{"quota":{"portals":2}}}`))
	running(2, "")
}

// uidsOf returns the UIDs of an agency's pods, sorted.
func uidsOf(t *testing.T, agency string) []string {
	t.Helper()
	var out []string
	for _, p := range podsOf(t, agency) {
		out = append(out, string(p.UID))
	}
	slices.Sort(out)
	return out
}
