package agency

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
)

// offboardingPoll is how often foreign pods are looked at; they are outside the cache.
const offboardingPoll = 2 * time.Second

// offboard removes an agency in the safe order: portals, their pods, then the
// namespace with the guards, and the finalizer last. Every step rests on what
// the API server itself has just said in departure.
func (r *Reconciler) offboard(ctx context.Context, in agency.Input, d agency.DepartureInput) (ctrl.Result, error) {
	a := in.Agency
	if d.Namespace == nil {
		// Nothing of ours is left, or the namespace never was ours.
		return ctrl.Result{}, reconcile.Finalize(ctx, r.Client, a, names.AgencyFinalizer)
	}
	begun := agency.Offboards(a)
	if d.Contents.Portals > 0 {
		held, err := r.held(ctx, d.Namespace.Name, kinds.AgencyPortal)
		if err != nil {
			conditions.LookupFailed(a.GetStatusBase(), a.Generation)
			return ctrl.Result{}, err
		}
		agency.SetOffboarding(in, fmt.Sprintf("Removing portals (%d); the namespace follows when their pods are gone.", d.Contents.Portals), held)
		if !begun {
			// The status closes links before anything is removed.
			return ctrl.Result{RequeueAfter: retrySoon}, nil
		}
		return ctrl.Result{RequeueAfter: offboardingPoll}, r.deletePortals(ctx, d.Namespace.Name)
	}
	pods, err := r.pods(ctx, d.Namespace.Name)
	if err != nil {
		conditions.LookupFailed(a.GetStatusBase(), a.Generation)
		return ctrl.Result{}, err
	}
	if len(pods) > 0 {
		agency.SetWaitsForPods(in, pods)
		return ctrl.Result{RequeueAfter: offboardingPoll}, nil
	}
	agency.SetOffboarding(in, "Removing the namespace.", nil)
	if !begun {
		return ctrl.Result{RequeueAfter: retrySoon}, nil
	}
	uid := d.Namespace.UID
	if err := r.Client.Delete(ctx, d.Namespace, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("delete namespace: %w", err)
	}
	return ctrl.Result{RequeueAfter: retrySoon}, nil
}

// retrySoon is the delay after a step that the next one must see.
const retrySoon = 200 * time.Millisecond

// endNamespace lets a namespace end that is being deleted, whoever asked for it:
// the guards in it wait for the pods, and the namespace for the guards. That can
// not be taken back, so it does not ask what else there is.
func (r *Reconciler) endNamespace(ctx context.Context, in agency.Input, ns *corev1.Namespace) (ctrl.Result, error) {
	pods, err := r.pods(ctx, ns.Name)
	if err != nil {
		conditions.LookupFailed(in.Agency.GetStatusBase(), in.Agency.Generation)
		return ctrl.Result{}, err
	}
	held, err := r.held(ctx, ns.Name, kinds.Namespaced()...)
	if err != nil {
		conditions.LookupFailed(in.Agency.GetStatusBase(), in.Agency.Generation)
		return ctrl.Result{}, err
	}
	agency.SetNamespaceEnds(in, ns, pods, held)
	if len(pods) > 0 {
		return ctrl.Result{RequeueAfter: offboardingPoll}, nil
	}
	return ctrl.Result{RequeueAfter: offboardingPoll}, r.releaseGuards(ctx, ns.Name)
}

// deletePortals asks for the end of every portal in a namespace, as the API
// server has them.
func (r *Reconciler) deletePortals(ctx context.Context, namespace string) error {
	portals := metadataList(kinds.AgencyPortal)
	if err := r.Live.List(ctx, portals, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list portals: %w", err)
	}
	for i := range portals.Items {
		p := &portals.Items[i]
		if p.DeletionTimestamp != nil {
			continue
		}
		uid := p.UID
		err := r.Client.Delete(ctx, &v1alpha1.AgencyPortal{ObjectMeta: p.ObjectMeta}, client.Preconditions{UID: &uid})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete portal %s: %w", p.Name, err)
		}
	}
	return nil
}

// held lists the objects of some of the platform's kinds in a namespace that are
// being deleted and wait for a finalizer which the operator knows nothing of.
func (r *Reconciler) held(ctx context.Context, namespace string, of ...kinds.Descriptor) ([]agency.Held, error) {
	var out []agency.Held
	for _, d := range of {
		list := metadataList(d)
		if err := r.Live.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("list what is held: %w", err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			foreign := slices.DeleteFunc(slices.Clone(o.Finalizers), names.OurFinalizer)
			if o.DeletionTimestamp != nil && len(foreign) > 0 {
				out = append(out, agency.Held{Kind: d.Kind, Name: o.Name, Finalizers: foreign})
			}
		}
	}
	return out, nil
}

// pods lists the pods of a namespace that guards are kept for, as the API server
// has them: those of portals, and others unless they are at their end.
func (r *Reconciler) pods(ctx context.Context, namespace string) ([]agency.Pod, error) {
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var out []agency.Pod
	for i := range pods.Items {
		p := &pods.Items[i]
		ours := p.Labels[names.LabelOwnerUID] != ""
		if !ours && (p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed) {
			continue
		}
		out = append(out, agency.Pod{Name: p.Name, Node: p.Spec.NodeName, Finalizers: p.Finalizers, Going: p.DeletionTimestamp != nil, Foreign: !ours})
	}
	slices.SortFunc(out, func(a, b agency.Pod) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
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

// ownNamespace reads an agency's namespace from the API server; nil when there
// is none of its own.
func (r *Reconciler) ownNamespace(ctx context.Context, a *v1alpha1.Agency) (*corev1.Namespace, error) {
	var ns corev1.Namespace
	err := r.Live.Get(ctx, client.ObjectKey{Name: names.Namespace(a.Name)}, &ns)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read namespace: %w", err)
	case !names.OwnerOf(v1alpha1.KindAgency, a).Owns(&ns):
		return nil, nil
	}
	return &ns, nil
}
