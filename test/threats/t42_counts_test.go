package threats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat42_ObjectsAreCounted is an agency's administrator and makes one
// object more of each kind than its quota says, from the moment at which the
// agency is Ready.
// Fails when the quota bounds no objects: all are stored. That the agency waits
// for the count is seen in internal/kinds/agency, TestAgency.
func TestThreat42_ObjectsAreCounted(t *testing.T) {
	operate(t)
	newAgency(t, "t42", func(a *v1alpha1.Agency) {
		a.Spec.Quota = v1alpha1.AgencyQuota{
			Portals: ptr.To(int32(1)), DataServices: ptr.To(int32(1)), Links: ptr.To(int32(1)), Approvals: ptr.To(int32(50)),
			Secrets: ptr.To(int32(1)), ConfigMaps: ptr.To(int32(2)),
		}
	})
	admin := mallory(t, "t42")
	harness.Eventually(t, func() error {
		return admin.List(t.Context(), &corev1.SecretList{}, client.InNamespace("agency-t42"))
	})
	harness.Eventually(t, func() error {
		return env.Admin.Get(t.Context(), client.ObjectKey{Namespace: "agency-t42", Name: "kube-root-ca.crt"}, &corev1.ConfigMap{})
	})
	foreign := harness.Link("other", "x", "portal", "t42", "service")
	foreign.Status.SpecHash = "sha256:" + fmt.Sprintf("%064d", 0)
	approval := harness.Approval("t42", foreign, v1alpha1.DecisionApprove)
	approval.Spec.Approver = malloryOf("t42")
	for i := range 49 {
		fill := approval.DeepCopy()
		fill.Name = fmt.Sprintf("fill%d", i)
		if err := admin.Create(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []client.Object{
		harness.Portal("t42", "x", small), harness.Service("t42", "x", "portal"), harness.Link("t42", "x", "portal", "other", "service"), approval,
		&corev1.Secret{ObjectMeta: in("t42", "x")}, &corev1.ConfigMap{ObjectMeta: in("t42", "x")},
	} {
		more := o.DeepCopyObject().(client.Object)
		more.SetName("y")
		if err := admin.Create(t.Context(), o); err != nil {
			t.Errorf("%T within the quota: %v", o, err)
		}
		refused(t, fmt.Sprintf("%T beyond the quota", o), admin.Create(t.Context(), more), "exceeded quota: agency-quota")
		absent(t, more)
	}
}

// TestThreat42_BoundsOutliveTheCanary removes what showed that Kubernetes
// counts, edits an agency and makes another.
// Fails when the canary alone decides: the bounds go with it; and when an agency
// without bounds says nothing of it.
func TestThreat42_BoundsOutliveTheCanary(t *testing.T) {
	operate(t)
	agency := newAgency(t, "u42")
	var canaries corev1.ResourceQuotaList
	if err := env.Admin.List(t.Context(), &canaries, client.HasLabels{names.LabelQuotaCanary}); err != nil || len(canaries.Items) != 1 {
		t.Fatalf("%d canaries, %v", len(canaries.Items), err)
	}
	canary := canaries.Items[0].DeepCopy()
	if err := env.Admin.Delete(t.Context(), canary); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		canary.ResourceVersion, canary.UID = "", ""
		if err := env.Admin.Create(context.Background(), canary); err != nil {
			t.Log(err)
		}
	})
	env.Merge(t, agency, `{"spec":{"quota":{"secrets":7}}}`)
	harness.Eventually(t, func() error {
		hard := harness.Stored(t, env, &corev1.ResourceQuota{ObjectMeta: in("u42", agencykind.QuotaName)}).Spec.Hard
		if n := hard["count/secrets"]; n.Value() != 7 {
			return fmt.Errorf("the quota is %v", hard)
		}
		return nil
	})
	later := newAgency(t, "v42")
	ready := meta.FindStatusCondition(later.Status.Conditions, v1alpha1.ConditionNamespaceReady)
	if !strings.Contains(ready.Message, "not bounded") || !strings.Contains(ready.Message, names.LabelQuotaCanary) {
		t.Errorf("an agency whose objects nobody counts says %q", ready.Message)
	}
}

// TestThreat42_AdminsWaitForCounts compares when an agency's administrators get
// their rights with when Kubernetes has counted its namespace, and takes the count
// away later.
func TestThreat42_AdminsWaitForCounts(t *testing.T) {
	operate(t)
	counted, bound := revisionsOf(t, "w42")
	newAgency(t, "w42")
	binding := harness.Stored(t, env, &rbacv1.RoleBinding{ObjectMeta: in("w42", agencykind.AdminBinding)})
	harness.Eventually(t, func() error {
		if c, b := counted(), bound(); c == 0 || b == 0 {
			return fmt.Errorf("the quota is counted at revision %d, the administrators are bound at %d", c, b)
		}
		return nil
	})
	if c, b := counted(), bound(); b < c {
		t.Errorf("the administrators have rights from revision %d on, and the quota counts from %d on", b, c)
	}
	quota := &corev1.ResourceQuota{ObjectMeta: in("w42", agencykind.QuotaName)}
	for range 10 {
		if err := env.Admin.Status().Patch(t.Context(), quota.DeepCopy(), harness.MergePatch(`{"status":{"hard":null,"used":null}}`)); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, func() error {
			if !agencykind.Counted(harness.Stored(t, env, quota.DeepCopy())) {
				return errors.New("the quota is not counted again")
			}
			return nil
		})
	}
	env.WaitReady(t, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "w42"}})
	if now := harness.Stored(t, env, &rbacv1.RoleBinding{ObjectMeta: in("w42", agencykind.AdminBinding)}); now.UID != binding.UID {
		t.Error("the administrators lost their rights while the quota was counted anew")
	}
}

// revisionsOf watches an agency's namespace, and returns at which revision its
// quota was counted first and its administrators were bound first; 0 for not yet.
func revisionsOf(t *testing.T, agency string) (counted, bound func() uint64) {
	t.Helper()
	c, err := kubernetes.NewForConfig(env.ControlPlane.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	ns := names.Namespace(agency)
	quotas, err := c.CoreV1().ResourceQuotas(ns).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bindings, err := c.RbacV1().RoleBindings(ns).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return firstRevision(quotas, func(o runtime.Object) bool {
			q, ok := o.(*corev1.ResourceQuota)
			return ok && agencykind.Counted(q)
		}), firstRevision(bindings, func(o runtime.Object) bool {
			b, ok := o.(*rbacv1.RoleBinding)
			return ok && b.Name == agencykind.AdminBinding
		})
}

// firstRevision returns the revision of the first object of a watch that is so.
func firstRevision(w watch.Interface, is func(runtime.Object) bool) func() uint64 {
	var first atomic.Uint64
	go func() {
		for e := range w.ResultChan() {
			if !is(e.Object) || first.Load() != 0 {
				continue
			}
			if o, ok := e.Object.(metav1.Object); ok {
				n, _ := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
				first.Store(n)
			}
		}
	}()
	return first.Load
}
