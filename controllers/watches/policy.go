package watches

import (
	"context"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// PortalsOfPolicy maps a policy to the portals that it selected before and those
// that it selects now, through the index that has the fewest of them.
func PortalsOfPolicy(ctx context.Context, r client.Reader, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SecurityPolicy)
	if !ok {
		return nil
	}
	list := func(opts ...client.ListOption) []ctrl.Request {
		return List(ctx, r, &v1alpha1.AgencyPortalList{}, opts...)
	}
	out := list(client.MatchingFields{names.IndexPortalPolicy: p.Name})
	specs := []*v1alpha1.SecurityPolicySpec{&p.Spec}
	if inForce := policy.SpecInForce(p); inForce != nil && !policy.SameStandard(inForce, &p.Spec) {
		specs = append(specs, inForce)
	}
	for _, spec := range specs {
		out = append(out, selected(spec.Selector, list)...)
	}
	return out
}

// selected lists through the index that has the fewest of what a selector selects.
func selected(sel v1alpha1.PolicySelector, list func(...client.ListOption) []ctrl.Request) []ctrl.Request {
	var out []ctrl.Request
	switch {
	case len(sel.Agencies) > 0:
		for _, a := range sel.Agencies {
			out = append(out, list(client.InNamespace(names.Namespace(string(a))))...)
		}
	case len(sel.SecurityLevels) > 0:
		for _, l := range sel.SecurityLevels {
			out = append(out, list(client.MatchingFields{names.IndexPortalLevel: names.LevelKey(l)})...)
		}
	case len(sel.Exposures) > 0:
		for _, e := range sel.Exposures {
			out = append(out, list(client.MatchingFields{names.IndexPortalExposure: string(e)})...)
		}
	default:
		out = list()
	}
	return out
}

// PlatformsOf returns the platforms that some portals carry, the cache's own. There are
// few platforms, so they are looked at once, and not for every portal.
func PlatformsOf(ctx context.Context, r client.Reader, portals []ctrl.Request) []v1alpha1.SharedPlatform {
	var list v1alpha1.SharedPlatformList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency, unreadable.Skip); err != nil {
		log.FromContext(ctx).Error(err, "Could not list platforms of a policy's portals")
		return nil
	}
	carries := map[ctrl.Request]bool{}
	for _, p := range portals {
		carries[p] = true
	}
	return slices.DeleteFunc(list.Items, func(p v1alpha1.SharedPlatform) bool {
		end := p.Spec.Endpoint.Portal
		return end == nil || !carries[ctrl.Request{NamespacedName: client.ObjectKey{Namespace: names.Namespace(string(end.Agency)), Name: string(end.Name)}}]
	})
}

// CarriedBy returns the platforms that portals of an agency carry, the cache's own.
func CarriedBy(ctx context.Context, r client.Reader, agency string) []v1alpha1.SharedPlatform {
	var list v1alpha1.SharedPlatformList
	err := r.List(ctx, &list, client.MatchingFields{names.IndexPlatformAgency: agency}, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency, unreadable.Skip)
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not list platforms that an agency carries", "agency", agency)
		return nil
	}
	return slices.DeleteFunc(list.Items, func(p v1alpha1.SharedPlatform) bool {
		return p.Spec.Endpoint.Portal == nil || string(p.Spec.Endpoint.Portal.Agency) != agency
	})
}

// StandardChanged passes changes of what a policy demands: of the spec in force,
// of whether another one is held, and of that one. The newest spec by itself
// does not pass: what runs is not looked at before it is accepted or held.
func StandardChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.SecurityPolicy)
		after, ok2 := e.ObjectNew.(*v1alpha1.SecurityPolicy)
		if !ok1 || !ok2 || before.UID != after.UID || !before.DeletionTimestamp.Equal(after.DeletionTimestamp) {
			return true
		}
		held := policy.IsHeld(after)
		return held != policy.IsHeld(before) || held && !policy.SameStandard(&before.Spec, &after.Spec) ||
			!sameInForce(policy.SpecInForce(before), policy.SpecInForce(after))
	}}
}

func sameInForce(a, b *v1alpha1.SecurityPolicySpec) bool {
	if a == nil || b == nil {
		return a == b
	}
	return policy.SameStandard(a, b)
}
