package integration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/audit"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/test/harness"
)

// runs counts the tests below: one that is run again must not meet the agency of
// the time before, which may still be on its way out.
var runs atomic.Int32

func unique(name, code string) (uniqueName, uniqueCode string) {
	n := strconv.Itoa(int(runs.Add(1)))
	return name + "-" + n, code + n
}

// openPorts returns the ports that the base policy lets in and those of the Service.
func openPorts(t *testing.T, p *v1alpha1.AgencyPortal) (policy, service []int32, err error) {
	var base networkingv1.NetworkPolicy
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: p.Namespace, Name: p.Name + "-base"}, &base); err != nil {
		return nil, nil, err
	}
	for _, port := range base.Spec.Ingress[0].Ports {
		policy = append(policy, port.Port.IntVal)
	}
	var svc corev1.Service
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), &svc); err != nil {
		return nil, nil, err
	}
	for _, port := range svc.Spec.Ports {
		service = append(service, port.Port)
	}
	slices.Sort(service)
	return policy, service, nil
}

func waitPorts(t *testing.T, p *v1alpha1.AgencyPortal, want ...int32) {
	t.Helper()
	harness.Eventually(t, func() error {
		policy, service, err := openPorts(t, p)
		if err != nil {
			return err
		}
		if !slices.Equal(policy, want) || !slices.Equal(service, want) {
			return fmt.Errorf("the policy opens %v and the Service %v, want %v", policy, service, want)
		}
		return nil
	})
}

// TestRolloutThatCannotProceed: a portal's port changes while the agency's quota
// has no room for one more pod. What runs stays reachable on its port, the
// message names quota, figures, field and remedy, and Stalled says that waiting
// does not help. TestPortsOfWhatRuns in internal/kinds/portal is seen failing with
// servedPorts that returns the spec's port alone.
func TestRolloutThatCannotProceed(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	name, code := unique("rollout", "Z41")
	agency := harness.Agency(name, code, func(a *v1alpha1.Agency) { a.Spec.Quota.Pods = ptr.To(int32(2)) })
	env.Create(t, agency)
	env.WaitReady(t, agency)
	portal := harness.Portal(name, "portal")
	env.Create(t, portal)
	env.WaitReady(t, portal)
	waitPorts(t, portal, 8080)

	env.Merge(t, portal, `{"spec":{"port":8081}}`)
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded)
	env.WaitCondition(t, portal, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonQuotaExceeded)
	waitPorts(t, portal, 8080, 8081)
	message := meta.FindStatusCondition(portal.Status.Conditions, v1alpha1.ConditionReady).Message
	for _, part := range []string{`ResourceQuota "agency-quota"`, "pods: 2 of 2 used, 1 more asked", "spec.quota.pods of Agency \"" + name + "\"", "Lower spec.replicas"} {
		if !strings.Contains(message, part) {
			t.Errorf("the message lacks %q: %s", part, message)
		}
	}
	if !meta.IsStatusConditionTrue(portal.Status.Conditions, v1alpha1.ConditionNetworkIsolated) {
		t.Error("a rollout without room makes NetworkIsolated false")
	}
	op.WaitQuiet(t, 2*time.Second)

	env.Merge(t, agency, `{"spec":{"quota":{"pods":10}}}`)
	// The ReplicaSet's back-off decides when pods are tried again, so it is made to look at once.
	env.Merge(t, portal, `{"spec":{"env":[{"name":"AGAIN","value":"1"}]}}`)
	env.WaitReady(t, portal)
	waitPorts(t, portal, 8081)
}

// TestDrainOfScaledPortal: a portal between one and four pods runs with four; a
// drain may take one and must wait for the next. TestBudgetFollowsWhatRuns in
// internal/kinds/portal is seen failing with a budget from min of two on only.
func TestDrainOfScaledPortal(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	name, code := unique("drained", "Z42")
	agency := harness.Agency(name, code)
	env.Create(t, agency)
	env.WaitReady(t, agency)
	portal := harness.Portal(name, "portal", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas = v1alpha1.Replicas{Min: 1, Max: ptr.To(int32(4))} })
	env.Create(t, portal)
	env.WaitReady(t, portal)
	// As the autoscaler would; it does not take pods away within five minutes.
	scale := []byte(`{"spec":{"replicas":4}}`)
	if err := env.Admin.Patch(t.Context(), deploymentOf(portal), client.RawPatch("application/merge-patch+json", scale)); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		var b policyv1.PodDisruptionBudget
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), &b); err != nil {
			return err
		}
		if b.Status.CurrentHealthy != 4 || b.Status.DisruptionsAllowed != 1 {
			return fmt.Errorf("%d healthy, %d may go, want 4 and 1", b.Status.CurrentHealthy, b.Status.DisruptionsAllowed)
		}
		return nil
	})
	// Simulated pods come up at once, so what is taken is not to be replaced.
	env.Merge(t, agency, `{"spec":{"quota":{"pods":3}}}`)
	harness.Eventually(t, func() error {
		var q corev1.ResourceQuota
		if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: portal.Namespace, Name: "agency-quota"}, &q); err != nil {
			return err
		}
		if hard := q.Status.Hard[corev1.ResourcePods]; hard.Value() != 3 {
			return fmt.Errorf("the quota is %s", hard.String())
		}
		return nil
	})
	var pods corev1.PodList
	if err := env.Admin.List(t.Context(), &pods, client.InNamespace(portal.Namespace), client.MatchingLabels{names.LabelPortal: portal.Name}); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for i := range pods.Items {
		p := &pods.Items[i]
		err := env.Admin.SubResource("eviction").Create(t.Context(), p, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
		switch {
		case err == nil:
			taken++
		case !apierrors.IsTooManyRequests(err):
			t.Fatalf("evict %s: %v", p.Name, err)
		}
	}
	if taken != 1 {
		t.Errorf("a drain took %d of %d pods at once, want 1", taken, len(pods.Items))
	}
}

// TestAutoscalerIsObserved: an autoscaler that works leaves the portal Ready;
// one that says for a minute that it can't makes it not Ready, with the cause.
// TestObjectsAreObserved in internal/kinds/portal is seen failing with reports that
// are not looked at.
func TestAutoscalerIsObserved(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	name, code := unique("scaled", "Z43")
	agency := harness.Agency(name, code)
	env.Create(t, agency)
	env.WaitReady(t, agency)
	portal := harness.Portal(name, "portal", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas = v1alpha1.Replicas{Min: 2, Max: ptr.To(int32(4))} })
	env.Create(t, portal)
	env.WaitReady(t, portal)
	h := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: portal.Namespace, Name: portal.Name}}
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(h), h); err != nil {
			return err
		}
		for _, c := range h.Status.Conditions {
			if c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("the autoscaler does not scale: %+v", h.Status.Conditions)
	})
	op.WaitQuiet(t, 2*time.Second)
	env.WaitReady(t, portal)

	// The controller manager would repair the status soon, so the operator must see it as it is written.
	h.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse,
		Reason: "FailedGetResourceMetric", LastTransitionTime: metav1.NewTime(time.Now().Add(-2 * time.Minute))}}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
				broken := h.DeepCopy()
				if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(h), broken); err == nil {
					broken.Status.Conditions = h.Status.Conditions
					_ = env.Admin.Status().Update(t.Context(), broken)
				}
			}
		}
	}()
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAutoscalerInactive)
}

// TestForeignPodIsNamed: a pod that somebody made by hand carries a portal's
// label, so it is behind its Service and its policies. TestForeignPodsAreNamed in
// internal/kinds/portal and TestPodsAsTheyAre in internal/audit are seen failing without
// looking at pods.
func TestForeignPodIsNamed(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	name, code := unique("strange", "Z44")
	agency := harness.Agency(name, code)
	env.Create(t, agency)
	env.WaitReady(t, agency)
	portal := harness.Portal(name, "portal")
	env.Create(t, portal)
	env.WaitReady(t, portal)
	op.WaitQuiet(t, 2*time.Second)

	var pods corev1.PodList
	if err := env.Admin.List(t.Context(), &pods, client.InNamespace(portal.Namespace), client.MatchingLabels{names.LabelPortal: portal.Name}); err != nil || len(pods.Items) == 0 {
		t.Fatalf("no pods: %v", err)
	}
	if strange := strangePods(t, portal.Namespace); len(strange) > 0 {
		t.Fatalf("the audit takes what runs for strange: %v", strange)
	}
	spec := pods.Items[0].Spec
	spec.NodeName = ""
	foreign := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: portal.Namespace, Name: "by-hand", Labels: map[string]string{names.LabelPortal: portal.Name}}, Spec: spec}
	env.Create(t, foreign)
	env.WaitCondition(t, portal, v1alpha1.ConditionNetworkIsolated, metav1.ConditionFalse, v1alpha1.ReasonForeignPods)
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonForeignPods)
	if m := meta.FindStatusCondition(portal.Status.Conditions, v1alpha1.ConditionReady).Message; !strings.Contains(m, "kubectl -n "+portal.Namespace+" delete pod by-hand") {
		t.Errorf("the remedy is missing: %s", m)
	}
	if strange := strangePods(t, portal.Namespace); len(strange) == 0 || !strings.Contains(strange[0], portal.Namespace+"/by-hand") {
		t.Errorf("the audit does not name the pod: %v", strange)
	}
	op.Requests.Reset()
	touch(t, portal)
	op.WaitQuiet(t, 2*time.Second)
	if r := op.Requests.Reads(); strings.Contains(harness.String(r), portal.Namespace) {
		t.Errorf("a foreign pod makes the operator read past the cache:%s", harness.String(r))
	}
	remove(t, foreign)
	env.WaitReady(t, portal)
}

// TestRestart: a declared word replaces the pods. Its namesake in internal/kinds/portal
// is seen failing with a pod template without it.
func TestRestart(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	name, code := unique("restarted", "Z45")
	agency := harness.Agency(name, code)
	env.Create(t, agency)
	env.WaitReady(t, agency)
	portal := harness.Portal(name, "portal")
	env.Create(t, portal)
	env.WaitReady(t, portal)
	before := podUIDs(t, portal)
	if _, err := cli.Restart(t.Context(), env.Admin, client.ObjectKeyFromObject(portal), time.Now()); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		after := podUIDs(t, portal)
		for uid := range after {
			if before[uid] {
				return fmt.Errorf("pod %s is still there", uid)
			}
		}
		if len(after) != 2 {
			return fmt.Errorf("%d pods", len(after))
		}
		return nil
	})
	env.WaitReady(t, portal)
}

// strangePods are what the audit says about pods of a namespace.
func strangePods(t *testing.T, namespace string) []string {
	t.Helper()
	report, _, err := view.Audit(t.Context(), env.Admin, settings.Default(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range report.Differences {
		// Agencies of earlier tests may be on their way out.
		if (d.Kind == audit.KindStrangePod || d.Kind == audit.KindChangedPod) && strings.Contains(d.Message, namespace+"/") {
			out = append(out, d.Message)
		}
	}
	return out
}

func podUIDs(t *testing.T, p *v1alpha1.AgencyPortal) map[types.UID]bool {
	t.Helper()
	var pods corev1.PodList
	if err := env.Admin.List(t.Context(), &pods, client.InNamespace(p.Namespace), client.MatchingLabels{names.LabelPortal: p.Name}); err != nil {
		t.Fatal(err)
	}
	out := map[types.UID]bool{}
	for i := range pods.Items {
		out[pods.Items[i].UID] = true
	}
	return out
}

func deploymentOf(p *v1alpha1.AgencyPortal) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}}
}
