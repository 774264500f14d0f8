package agencyportal

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// gone clears up behind a portal that no longer exists.
func (r *Reconciler) gone(ctx context.Context, key client.ObjectKey) (ctrl.Result, error) {
	if err := r.Applier.RemoveOrphans(ctx, "AgencyPortal", key, ""); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.releaseGuards(ctx, key, "")
}

// clear makes room for a portal that was deleted and created again.
func (r *Reconciler) clear(ctx context.Context, p *v1alpha1.AgencyPortal) error {
	key := client.ObjectKeyFromObject(p)
	if err := r.Applier.RemoveOrphans(ctx, "AgencyPortal", key, p.UID); err != nil {
		return err
	}
	return r.releaseGuards(ctx, key, p.UID)
}

// releaseGuards lets the guards go that portals of a name left behind, other
// than the living one's, when nothing is left that they hold. Every pod and
// Deployment that goes is an event, so nothing polls.
func (r *Reconciler) releaseGuards(ctx context.Context, key client.ObjectKey, living types.UID) error {
	var guards networkingv1.NetworkPolicyList
	if err := r.Client.List(ctx, &guards, client.InNamespace(key.Namespace), client.MatchingLabels{names.LabelPortal: key.Name}); err != nil {
		return fmt.Errorf("list guards: %w", err)
	}
	for i := range guards.Items {
		g := &guards.Items[i]
		owner := g.Labels[names.LabelOwnerUID]
		if g.DeletionTimestamp == nil || !controllerutil.ContainsFinalizer(g, names.GuardFinalizer) || owner == string(living) {
			continue
		}
		if holds, err := r.holds(ctx, key, owner); err != nil || holds {
			return err
		}
		if err := r.Applier.ReleaseGuard(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// holds tells whether a portal that is gone has pods, or a Deployment that can
// still make some.
func (r *Reconciler) holds(ctx context.Context, key client.ObjectKey, owner string) (bool, error) {
	var d appsv1.Deployment
	switch err := r.Client.Get(ctx, key, &d); {
	case err == nil && d.Labels[names.LabelOwnerUID] == owner:
		return true, nil
	case err != nil && !apierrors.IsNotFound(err):
		return false, fmt.Errorf("read deployment: %w", err)
	}
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	if err := r.Client.List(ctx, pods, client.InNamespace(key.Namespace), client.MatchingLabels{names.LabelPortal: key.Name, names.LabelOwnerUID: owner}); err != nil {
		return false, fmt.Errorf("list pods: %w", err)
	}
	return len(pods.Items) > 0, nil
}
