package securitypolicy

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// policiesOfPortal maps a portal to the policies that count it, and to those
// that are held: what they would stop may have changed.
func (r *Reconciler) policiesOfPortal(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.AgencyPortal)
	if !ok {
		return nil
	}
	out := r.heldPolicies(ctx, o)
	for _, name := range p.Status.Policies {
		out = append(out, ctrl.Request{NamespacedName: client.ObjectKey{Name: name}})
	}
	return out
}

// heldPolicies returns the policies whose newest spec waits for acceptance.
func (r *Reconciler) heldPolicies(ctx context.Context, _ client.Object) []ctrl.Request {
	return r.policiesThat(ctx, policy.IsHeld)
}

// policiesNaming maps an agency to the policies that name it.
func (r *Reconciler) policiesNaming(ctx context.Context, o client.Object) []ctrl.Request {
	return r.policiesThat(ctx, func(p *v1alpha1.SecurityPolicy) bool {
		return slices.ContainsFunc(policy.AgenciesOfPolicy(&p.Spec), func(n policy.NamedAgencies) bool {
			return slices.Contains(n.Agencies, v1alpha1.AgencyName(o.GetName()))
		})
	})
}

func (r *Reconciler) policiesThat(ctx context.Context, is func(*v1alpha1.SecurityPolicy) bool) []ctrl.Request {
	var list v1alpha1.SecurityPolicyList
	if err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		log.FromContext(ctx).Error(err, "Could not list policies for an event")
		return nil
	}
	var out []ctrl.Request
	for i := range list.Items {
		if is(&list.Items[i]) {
			out = append(out, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return out
}

// countsChanged passes portals whose policies, findings or running spec changed.
func countsChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.AgencyPortal)
		after, ok2 := e.ObjectNew.(*v1alpha1.AgencyPortal)
		return ok1 && ok2 && (!equality.Semantic.DeepEqual(before.Status.Policies, after.Status.Policies) ||
			!equality.Semantic.DeepEqual(before.Status.Findings, after.Status.Findings) ||
			!equality.Semantic.DeepEqual(object.RunningSpec(before), object.RunningSpec(after)))
	}}
}

// shareChanged passes policies that take more or less of the bound that all share.
func shareChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.SecurityPolicy)
		after, ok2 := e.ObjectNew.(*v1alpha1.SecurityPolicy)
		return ok1 && ok2 && (before.Generation != after.Generation ||
			!equality.Semantic.DeepEqual(before.Status.InForce, after.Status.InForce) ||
			!equality.Semantic.DeepEqual(before.Status.RecentStops, after.Status.RecentStops))
	}}
}

// openChanged passes links that open or close, or are deleted.
func openChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.DataSharingLink)
		after, ok2 := e.ObjectNew.(*v1alpha1.DataSharingLink)
		return ok1 && ok2 && object.LinkOpen(before) != object.LinkOpen(after)
	}}
}
