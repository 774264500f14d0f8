package agency

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/status"
)

// offboardingPoll is how often foreign pods are looked at; they are outside the cache.
const offboardingPoll = 2 * time.Second

// offboard removes an agency in the safe order: portals, their pods, then the
// namespace with the guards, and the finalizer last.
func (r *Reconciler) offboard(ctx context.Context, in desired.AgencyInput) (ctrl.Result, error) {
	a, portals := in.Agency, in.Portals
	owner := names.OwnerOf("Agency", a)
	namespace := names.Namespace(a.Name)
	var ns corev1.Namespace
	err := r.Live.Get(ctx, client.ObjectKey{Name: namespace}, &ns)
	if client.IgnoreNotFound(err) != nil {
		status.LookupFailed(a.GetStatusBase(), a.Generation)
		return ctrl.Result{}, fmt.Errorf("read namespace: %w", err)
	}
	if apierrors.IsNotFound(err) || !owner.Owns(&ns) {
		// Nothing of ours is left, or the namespace never was ours.
		return ctrl.Result{}, reconcile.Finalize(ctx, r.Client, a, names.AgencyFinalizer)
	}
	if len(portals) > 0 {
		status.AgencyOffboarding(in, fmt.Sprintf("Removing %d portals; the namespace follows when their pods are gone.", len(portals)))
		return ctrl.Result{}, r.deletePortals(ctx, namespace, portals)
	}
	ours, foreign, err := r.pods(ctx, namespace)
	if err != nil {
		status.LookupFailed(a.GetStatusBase(), a.Generation)
		return ctrl.Result{}, err
	}
	switch {
	case ours > 0:
		status.AgencyOffboarding(in, "Waiting for the pods of removed portals; the guards go after them.")
		return ctrl.Result{RequeueAfter: offboardingPoll}, nil
	case len(foreign) > 0:
		status.AgencyForeignWorkloads(in, foreign)
		return ctrl.Result{RequeueAfter: offboardingPoll}, nil
	}
	status.AgencyOffboarding(in, "Removing the namespace.")
	if ns.DeletionTimestamp == nil {
		uid := ns.UID
		if err := r.Client.Delete(ctx, &ns, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, fmt.Errorf("delete namespace: %w", err)
		}
	}
	return ctrl.Result{RequeueAfter: offboardingPoll}, r.releaseGuards(ctx, namespace)
}

func (r *Reconciler) deletePortals(ctx context.Context, namespace string, portals []string) error {
	for _, name := range portals {
		var p v1alpha1.AgencyPortal
		if err := r.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return fmt.Errorf("read portal %s: %w", name, err)
		}
		if p.DeletionTimestamp != nil {
			continue
		}
		uid := p.UID
		if err := r.Client.Delete(ctx, &p, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete portal %s: %w", name, err)
		}
	}
	return nil
}

// pods counts the pods in a namespace that are a portal's, and names the others.
func (r *Reconciler) pods(ctx context.Context, namespace string) (ours int, foreign []string, err error) {
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return 0, nil, fmt.Errorf("list pods: %w", err)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		switch {
		case p.Labels[names.LabelOwnerUID] != "":
			ours++
		case p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed:
			foreign = append(foreign, p.Name)
		}
	}
	slices.Sort(foreign)
	return ours, foreign, nil
}

// releaseGuards lets the guards of a namespace go that has no pods any more and
// takes none, because it is being deleted.
func (r *Reconciler) releaseGuards(ctx context.Context, namespace string) error {
	var policies networkingv1.NetworkPolicyList
	if err := r.Live.List(ctx, &policies, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list network policies: %w", err)
	}
	for i := range policies.Items {
		p := &policies.Items[i]
		if p.DeletionTimestamp == nil || !controllerutil.ContainsFinalizer(p, names.GuardFinalizer) {
			continue
		}
		if err := r.Applier.ReleaseGuard(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
