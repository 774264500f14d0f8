package agencyportal

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/internal/names"
)

// gone releases the guards of a portal that no longer exists, when the last pod
// that they hold is gone. Every pod that goes is an event, so nothing polls.
func (r *Reconciler) gone(ctx context.Context, key client.ObjectKey) (ctrl.Result, error) {
	var guards networkingv1.NetworkPolicyList
	if err := r.Client.List(ctx, &guards, client.InNamespace(key.Namespace), client.MatchingLabels{names.LabelPortal: key.Name}); err != nil {
		return ctrl.Result{}, fmt.Errorf("list guards: %w", err)
	}
	for i := range guards.Items {
		g := &guards.Items[i]
		if g.DeletionTimestamp == nil || !controllerutil.ContainsFinalizer(g, names.GuardFinalizer) {
			continue
		}
		pods := &metav1.PartialObjectMetadataList{}
		pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
		if err := r.Client.List(ctx, pods, client.InNamespace(key.Namespace), client.MatchingLabels{names.LabelPortal: key.Name}); err != nil {
			return ctrl.Result{}, fmt.Errorf("list pods: %w", err)
		}
		if len(pods.Items) > 0 {
			return ctrl.Result{}, nil
		}
		if err := r.Applier.ReleaseGuard(ctx, g); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, nil
}
