package agency

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
)

// adopt takes over the namespace that an earlier Agency of the same name left
// behind, if the spec names exactly that one. The marks of what is in it change
// first and those of the namespace last, so that an interrupted round is done
// again.
func (r *Reconciler) adopt(ctx context.Context, a *v1alpha1.Agency) error {
	var ns corev1.Namespace
	if err := r.Live.Get(ctx, client.ObjectKey{Name: names.Namespace(a.Name)}, &ns); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("read namespace: %w", err)
	}
	if names.OwnerOf(v1alpha1.KindAgency, a).Owns(&ns) || agency.Adoptable(a, &ns) != "" {
		return nil
	}
	previous, _ := names.MarkedOwner(&ns)
	for _, list := range []client.ObjectList{&networkingv1.NetworkPolicyList{}, &corev1.ResourceQuotaList{}, &corev1.LimitRangeList{}, &rbacv1.RoleBindingList{}} {
		err := r.Live.List(ctx, list, client.InNamespace(ns.Name), client.MatchingLabels{names.LabelOwnerKind: v1alpha1.KindAgency, names.LabelOwnerName: a.Name, names.LabelOwnerUID: string(previous.UID)})
		if err != nil {
			return fmt.Errorf("list what the earlier agency had: %w", err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return fmt.Errorf("list what the earlier agency had: %w", err)
		}
		for _, item := range items {
			if o, ok := item.(client.Object); ok {
				if err := r.take(ctx, a, o); err != nil {
					return err
				}
			}
		}
	}
	if err := r.take(ctx, a, &ns); err != nil {
		return err
	}
	if a.Status.Namespace == "" {
		// What is on record was decided without what is in this namespace.
		a.Status.Rights = nil
	}
	a.Status.Adopted = &v1alpha1.AdoptedNamespace{UID: string(ns.UID), PreviousOwner: string(previous.UID), At: metav1.Now().Rfc3339Copy()}
	return nil
}

// take puts the agency's mark on an object, which must be as it was read.
func (r *Reconciler) take(ctx context.Context, a *v1alpha1.Agency, o client.Object) error {
	l := o.GetLabels()
	l[names.LabelOwnerUID] = string(a.UID)
	o.SetLabels(l)
	if err := r.Client.Update(ctx, o, client.FieldOwner(names.FieldOwner)); err != nil {
		return fmt.Errorf("take over %T %s: %w", o, o.GetName(), err)
	}
	return nil
}
