package securitypolicy

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func policiesOfPortal(_ context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.AgencyPortal)
	if !ok {
		return nil
	}
	out := make([]ctrl.Request, len(p.Status.Policies))
	for i, name := range p.Status.Policies {
		out[i] = ctrl.Request{NamespacedName: client.ObjectKey{Name: name}}
	}
	return out
}

// countsChanged passes portals whose policies or findings changed.
func countsChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.AgencyPortal)
		after, ok2 := e.ObjectNew.(*v1alpha1.AgencyPortal)
		return ok1 && ok2 && (!equality.Semantic.DeepEqual(before.Status.Policies, after.Status.Policies) ||
			!equality.Semantic.DeepEqual(before.Status.Findings, after.Status.Findings))
	}}
}
