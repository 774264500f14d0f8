package cli

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// ready waits for what a phase rests on, and reports whether it may begin.
func (r *restorer) ready(ctx context.Context, p backup.Phase) bool {
	before := len(r.failures)
	awaits := func(u *unstructured.Unstructured, missing func(context.Context, *unstructured.Unstructured) string) {
		if why := r.until(ctx, func() string { return missing(ctx, u) }); why != "" {
			r.fail("%s: %s; the operator must run, see kubectl gov status -A, then repeat the command", backup.ObjectKey(u), why)
		}
	}
	switch {
	case p.InNamespaces:
		// Decisions are written before there is a link.
		for _, u := range r.plan.Agencies {
			awaits(u, r.namespaceMissing)
		}
	case p.Newest && p.Closes && len(p.Items) > 0:
		// A newest spec is held if it would stop what runs under the former one.
		for _, u := range r.plan.Ran {
			awaits(u, r.unseen)
		}
		for _, u := range r.plan.Standards {
			awaits(u, r.notInForce)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lateCache):
		}
	case p.Newest:
		for _, u := range r.plan.NewStandards {
			awaits(u, r.unseen)
		}
	}
	return len(r.failures) == before
}

// until waits until a condition holds, and returns why it does not.
func (r *restorer) until(ctx context.Context, missing func() string) (why string) {
	_ = wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, r.options.Wait, true, func(context.Context) (bool, error) {
		why = missing()
		return why == "", nil
	})
	return why
}

// lateCache is how late the operator's cache may be.
const lateCache = time.Second

// unseen says why the operator has not looked at an object.
func (r *restorer) unseen(ctx context.Context, u *unstructured.Unstructured) string {
	live, err := r.live(ctx, u)
	if err != nil {
		return err.Error()
	}
	if seen, _, _ := unstructured.NestedInt64(live.Object, "status", "observedGeneration"); seen != live.GetGeneration() {
		return "the operator has not looked at it yet"
	}
	return ""
}

// notInForce says why the former spec of a standard is not in force. One that
// has its newest spec, or that is as the cluster has it, is not waited for.
func (r *restorer) notInForce(ctx context.Context, u *unstructured.Unstructured) string {
	if r.left[backup.ObjectKey(u)] || r.plan.Former[backup.ObjectKey(u)] == nil {
		return ""
	}
	live, err := r.live(ctx, u)
	if err != nil {
		return err.Error()
	}
	if !r.same(ctx, live, backup.Fresh(u)) {
		return ""
	}
	var p v1alpha1.SecurityPolicy
	if err := backup.Convert(live, &p); err != nil {
		return err.Error()
	}
	if policy.Pending(&p) {
		return "the spec that was in force is not so yet"
	}
	return r.unseen(ctx, u)
}

// namespaceMissing says why an agency has no namespace yet; empty when it has.
func (r *restorer) namespaceMissing(ctx context.Context, u *unstructured.Unstructured) string {
	name := u.GetName()
	var a v1alpha1.Agency
	if err := r.client.Get(ctx, client.ObjectKey{Name: name}, &a); err != nil {
		return err.Error()
	}
	var ns corev1.Namespace
	if err := r.client.Get(ctx, client.ObjectKey{Name: names.Namespace(name)}, &ns); err == nil && ns.Labels[names.LabelOwnerUID] == string(a.UID) && ns.DeletionTimestamp == nil {
		return ""
	}
	if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionNamespaceReady); c != nil && c.Status != metav1.ConditionTrue {
		return c.Message
	}
	return "its namespace is not made yet"
}
