package harness

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/reconcile"
)

// Image is an allowed image by digest, which nothing pulls on simulated nodes.
const Image = "registry.platform.example.gov.vn/test/portal@sha256:1111111111111111111111111111111111111111111111111111111111111111"

// Timeout is how long an expectation may take on a busy machine.
const Timeout = 60 * time.Second

// Agency returns an agency that needs no other object.
func Agency(name, code string, modify ...func(*v1alpha1.Agency)) *v1alpha1.Agency {
	a := &v1alpha1.Agency{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.AgencySpec{
			Code: code, DisplayName: v1alpha1.Text("Cơ quan " + name), AdminLevel: "Central",
			AccountableOfficer: v1alpha1.AccountableOfficer{Title: "Thủ trưởng", Email: "head@" + name + ".example.gov.vn"},
			AdminGroups:        []v1alpha1.GroupName{v1alpha1.GroupName(name + "-admins")},
			ViewerGroups:       []v1alpha1.GroupName{v1alpha1.GroupName(name + "-viewers")},
			Domains:            []v1alpha1.DNSName{v1alpha1.DNSName(name + ".example.gov.vn")},
		},
	}
	for _, f := range modify {
		f(a)
	}
	return a
}

// Portal returns a portal of an agency that is Ready without any policy.
func Portal(agency, name string, modify ...func(*v1alpha1.AgencyPortal)) *v1alpha1.AgencyPortal {
	p := &v1alpha1.AgencyPortal{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "agency-" + agency},
		Spec:       v1alpha1.AgencyPortalSpec{DisplayName: v1alpha1.Text("Cổng " + name), Image: Image},
	}
	for _, f := range modify {
		f(p)
	}
	return p
}

// Policy returns an enforced policy for one agency.
func Policy(name, agency string, modify ...func(*v1alpha1.SecurityPolicy)) *v1alpha1.SecurityPolicy {
	p := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if agency != "" {
		p.Spec.Selector.Agencies = []v1alpha1.AgencyName{v1alpha1.AgencyName(agency)}
	}
	for _, f := range modify {
		f(p)
	}
	return p
}

// Create creates objects and removes them when the test ends; the namespaces of
// agencies go with them.
func (e *Env) Create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := e.As(o).Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
		t.Cleanup(func() {
			if a, ok := o.(*v1alpha1.Agency); ok {
				patch := MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`)
				_ = e.Admin.Patch(context.Background(), a, patch)
			}
			_ = e.Admin.Delete(context.Background(), o)
		})
	}
}

// MergePatch returns a JSON merge patch.
func MergePatch(patch string) client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(patch))
}

// Merge patches an object with a JSON merge patch, as one who may write it.
func (e *Env) Merge(t *testing.T, o client.Object, patch string) {
	t.Helper()
	if err := e.As(o).Patch(t.Context(), o, MergePatch(patch)); err != nil {
		t.Fatalf("patch %T %s: %v", o, o.GetName(), err)
	}
}

// Edit changes an object as it is stored, as one who may write it, and again where
// somebody else wrote it in between: the operator and Kubernetes write most objects.
func (e *Env) Edit(t *testing.T, o client.Object, change func(), opts ...client.UpdateOption) {
	t.Helper()
	e.edit(t, o, func() error {
		change()
		return e.As(o).Update(t.Context(), o, opts...)
	})
}

// EditStatus changes an object's status as it is stored.
func (e *Env) EditStatus(t *testing.T, o client.Object, change func()) {
	t.Helper()
	e.edit(t, o, func() error {
		change()
		return e.Admin.Status().Update(t.Context(), o)
	})
}

func (e *Env) edit(t *testing.T, o client.Object, write func() error) {
	t.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := e.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		return write()
	})
	if err != nil {
		t.Fatalf("edit %T %s: %v", o, o.GetName(), err)
	}
}

// Stored reads an object past every cache.
func Stored[T client.Object](t *testing.T, e *Env, o T) T {
	t.Helper()
	if err := e.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatalf("read %T %s: %v", o, o.GetName(), err)
	}
	return o
}

// Eventually waits until the check returns no error.
func Eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(Timeout)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", Timeout, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// WaitCondition waits for a condition of an object.
func (e *Env) WaitCondition(t *testing.T, o reconcile.Object, conditionType string, status metav1.ConditionStatus, reason string) {
	t.Helper()
	Eventually(t, func() error {
		if err := e.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		c := meta.FindStatusCondition(o.GetStatusBase().Conditions, conditionType)
		if c == nil {
			return fmt.Errorf("%T %s has no condition %s", o, o.GetName(), conditionType)
		}
		if c.Status != status || reason != "" && c.Reason != reason || c.ObservedGeneration != o.GetGeneration() {
			return fmt.Errorf("%T %s: %s is %s/%s (%s), want %s/%s", o, o.GetName(), conditionType, c.Status, c.Reason, c.Message, status, reason)
		}
		return nil
	})
}

// WaitReady waits until objects are Ready.
func (e *Env) WaitReady(t *testing.T, objects ...reconcile.Object) {
	t.Helper()
	for _, o := range objects {
		e.WaitCondition(t, o, v1alpha1.ConditionReady, metav1.ConditionTrue, "")
	}
}

// WaitGone waits until an object does not exist.
func (e *Env) WaitGone(t *testing.T, o client.Object) {
	t.Helper()
	Eventually(t, func() error {
		err := e.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%T %s is still there (%w)", o, o.GetName(), err)
	})
}

// WaitEmpty waits until the agencies of earlier tests are gone, for tests that
// look at everything. An operator must be running.
func (e *Env) WaitEmpty(t *testing.T) {
	t.Helper()
	Eventually(t, func() error {
		var agencies v1alpha1.AgencyList
		if err := e.Admin.List(t.Context(), &agencies); err != nil {
			return err
		}
		if n := len(agencies.Items); n > 0 {
			return fmt.Errorf("%d agencies of earlier tests are still there, first %s", n, agencies.Items[0].Name)
		}
		return nil
	})
}

// Operator starts an operator and stops it when the test ends.
func (e *Env) Operator(t *testing.T, o OperatorOptions) *Operator {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	op, err := e.StartOperator(ctx, o)
	if err != nil {
		t.Fatalf("start the operator: %v", err)
	}
	t.Cleanup(func() { _ = op.Stop() })
	return op
}

// Namespace creates a namespace that the platform has nothing to do with.
func (e *Env) Namespace(t *testing.T, name string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	e.Create(t, ns)
	return ns
}

// WaitQuiet waits until the operator has sent no write for the given time.
func (o *Operator) WaitQuiet(t *testing.T, quiet time.Duration) {
	t.Helper()
	deadline := time.Now().Add(Timeout + quiet)
	for last, since := len(o.Requests.Writes()), time.Now(); time.Since(since) < quiet; {
		time.Sleep(50 * time.Millisecond)
		if n := len(o.Requests.Writes()); n != last {
			last, since = n, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatalf("the operator keeps writing:%s", String(tail(o.Requests.Writes(), 10)))
		}
	}
}

func tail(requests []Request, n int) []Request {
	if len(requests) <= n {
		return requests
	}
	return requests[len(requests)-n:]
}
