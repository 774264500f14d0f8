package agencyportal

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// guardRetry is when a guard is looked at again that holds what the caches do
// not show: a ReplicaSet, or a pod whose event is late.
const guardRetry = time.Second

// gone clears up behind a portal that no longer exists.
func (r *Reconciler) gone(ctx context.Context, key client.ObjectKey) (ctrl.Result, error) {
	r.beginnings.giveBack(key)
	if err := r.Applier.RemoveOrphans(ctx, v1alpha1.KindAgencyPortal, key, ""); err != nil {
		return ctrl.Result{}, err
	}
	held, err := r.releaseGuards(ctx, key, "")
	if held && err == nil {
		return ctrl.Result{RequeueAfter: guardRetry}, nil
	}
	return ctrl.Result{}, err
}

// Clear makes room for a portal that was deleted and created again, and asks to be
// called again while a guard of the earlier one waits for what the caches do not show.
// That is in the way of what would be made, and not of what closes.
func (r *Reconciler) Clear(ctx context.Context, p *v1alpha1.AgencyPortal) (time.Duration, error) {
	key := client.ObjectKeyFromObject(p)
	if err := r.Applier.RemoveOrphans(ctx, v1alpha1.KindAgencyPortal, key, p.UID); err != nil {
		return 0, err //nolint:wrapcheck // it names the child
	}
	held, err := r.releaseGuards(ctx, key, p.UID)
	if held {
		return guardRetry, err
	}
	return 0, err
}

// releaseGuards lets the guards go that portals of a name left behind, other
// than the living one's, when nothing is left that they hold. Every pod and
// Deployment that goes is an event; held asks to be called again for the rest.
func (r *Reconciler) releaseGuards(ctx context.Context, key client.ObjectKey, living types.UID) (held bool, err error) {
	// A guard that the cache does not show yet is an event that is still to come, and
	// whether one may go is asked of the API server.
	guards, err := r.Applier.Marked("NetworkPolicy", names.Owner{Kind: v1alpha1.KindAgencyPortal, Namespace: key.Namespace, Name: key.Name})
	if err != nil {
		return false, fmt.Errorf("list guards: %w", err)
	}
	for _, g := range guards {
		owner := g.GetLabels()[names.LabelOwnerUID]
		if g.GetNamespace() != key.Namespace || g.GetDeletionTimestamp() == nil || !controllerutil.ContainsFinalizer(g, names.GuardFinalizer) || owner == string(living) {
			continue
		}
		// The cache is asked first, and often is enough to say no. Its silence
		// proves nothing: it may be late, and it has no ReplicaSets.
		if holds, err := r.holds(ctx, key, owner); err != nil || holds {
			return false, err
		}
		if holds, err := r.holdsLive(ctx, key.Namespace, owner); err != nil || holds {
			return holds, err
		}
		if err := r.Applier.ReleaseGuard(ctx, g); err != nil {
			return false, err
		}
	}
	return false, nil
}

// holds reports whether the caches show a portal that is gone to have pods, or a
// Deployment that can still make some.
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

// holdsLive asks the API server itself for the pods of a portal that is gone and
// for everything that can still make some, in the order in which they make each
// other, so that nothing slips through between two answers.
func (r *Reconciler) holdsLive(ctx context.Context, namespace, owner string) (bool, error) {
	for _, kind := range []schema.GroupVersionKind{
		appsv1.SchemeGroupVersion.WithKind("DeploymentList"), appsv1.SchemeGroupVersion.WithKind("ReplicaSetList"), corev1.SchemeGroupVersion.WithKind("PodList"),
	} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind)
		if err := r.Applier.Live.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{names.LabelOwnerUID: owner}, client.Limit(1)); err != nil {
			return false, fmt.Errorf("ask for what a guard holds (%s): %w", kind.Kind, err)
		}
		if len(list.Items) > 0 {
			return true, nil
		}
	}
	return false, nil
}
