// Package agency reconciles agencies into guarded namespaces.
package agency

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/queue"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
)

// Reconciler reconciles agencies.
type Reconciler struct {
	Client client.Client
	Live   client.Reader
	// Foreign holds the network policies without the operator's label, which the
	// client's cache leaves out.
	Foreign cache.Cache
	// Canaries holds the quotas that show which kinds Kubernetes counts.
	Canaries cache.Cache
	Applier  *apply.Applier
	Settings settings.Settings
	// Namespace that the operator itself runs in; empty for none.
	Namespace string
	// Now is the clock.
	Now func() time.Time
	// Events takes what changes about who has rights; nil for none.
	Events events.Recorder
}

// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencies/status,verbs=patch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencies/finalizers,verbs=update
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencyportals,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=platform.gov.vn,resources=dataservices;datasharinglinks;datasharingapprovals,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces;resourcequotas;limitranges,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,verbs=bind,resourceNames=govplatform-agency-admin;govplatform-agency-viewer

// unknownRetry is how often it is looked again whether the contents of an agency
// that is being deleted can be known.
const unknownRetry = 15 * time.Second

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	loop := reconcile.Loop[*v1alpha1.Agency]{
		Client:    r.Client,
		New:       func() *v1alpha1.Agency { return &v1alpha1.Agency{} },
		Finalizer: names.AgencyFinalizer,
		Run:       r.run,
		Events:    r.Events,
		Announce:  announce,
		Announced: []string{v1alpha1.ConditionRightsChanged, v1alpha1.ConditionRightsConfirmed},
	}
	byOwner := watches.ByOwnerLabel(v1alpha1.KindAgency)
	guard := reconcile.Guard{Client: r.Client, Kind: v1alpha1.KindAgency, Next: loop,
		Meanwhile: "What exists of it stays as it is, its links are closed, and nothing is started for it; its suspension counts.",
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("agency").
		WithOptions(queue.Of(mgr).Options("agency", 4)).
		For(&v1alpha1.Agency{}).
		Watches(&v1alpha1.Agency{}, watches.Self(), builder.WithPredicates(watches.Closing())).
		Watches(&corev1.Namespace{}, byOwner).
		Watches(&corev1.ResourceQuota{}, byOwner, builder.WithPredicates(predicate.Or(watches.NotStatus(), watches.Changed(agency.Counted), watches.Changed(agency.Exceeded)))).
		Watches(&corev1.LimitRange{}, byOwner).
		Watches(&rbacv1.RoleBinding{}, byOwner).
		Watches(&networkingv1.NetworkPolicy{}, byOwner).
		// Whether a policy is foreign is a matter of its owner too. Later: one that has lost its mark is repaired first.
		Watches(&networkingv1.NetworkPolicy{}, watches.MapLater(agencyOfNamespace)).
		WatchesRawSource(source.Kind(r.Foreign, client.Object(&networkingv1.NetworkPolicy{}), watches.MapLater(agencyOfNamespace))).
		WatchesRawSource(source.Kind(r.Canaries, client.Object(&corev1.ResourceQuota{}), watches.MapLow(r.allAgencies), watches.Changed(agency.Counted))).
		Watches(&v1alpha1.Agency{}, watches.Map(r.relatedAgencies), builder.WithPredicates(watches.SpecChanged())).
		Watches(&v1alpha1.AgencyPortal{}, watches.MapLater(r.agenciesOfData), builder.WithPredicates(predicate.Or(watches.CreatedOrDeleted(), watches.Changed(agency.PersonalPortal)))).
		Watches(&v1alpha1.DataService{}, watches.MapLater(agencyOfNamespace), builder.WithPredicates(watches.GateChanged(v1alpha1.ConditionPublished))).
		Watches(&v1alpha1.DataService{}, watches.MapLater(r.agenciesOfData), builder.WithPredicates(predicate.Or(watches.CreatedOrDeleted(), watches.Changed(agency.PersonalService)))).
		Watches(&v1alpha1.DataSharingLink{}, watches.MapLater(r.agenciesOfLink), builder.WithPredicates(predicate.Or(watches.CreatedOrDeleted(), watches.Changed(agency.PersonalEnds)))).
		Watches(&v1alpha1.SharedPlatform{}, watches.MapLater(carrierOf), builder.WithPredicates(watches.SpecChanged())).
		Watches(&v1alpha1.DataSharingApproval{}, watches.MapLater(agencyOfNamespace), builder.WithPredicates(predicate.Or(watches.CreatedOrDeleted(), watches.Changed(object.RecordedVeto)))).
		Complete(guard)
}

func (r *Reconciler) run(ctx context.Context, a *v1alpha1.Agency) (ctrl.Result, error) {
	in, err := r.gather(ctx, a)
	if err != nil {
		return ctrl.Result{}, err
	}
	if ns := in.Namespace; ns != nil && ns.DeletionTimestamp != nil && names.OwnerOf(v1alpha1.KindAgency, a).Owns(ns) {
		return r.endNamespace(ctx, in, ns)
	}
	var refused *object.Blocker
	if a.DeletionTimestamp != nil {
		d, err := r.departure(ctx, a)
		if err != nil {
			conditions.LookupFailed(a.GetStatusBase(), a.Generation)
			return ctrl.Result{}, fmt.Errorf("look at what goes: %w", err)
		}
		if refused = agency.Departure(d); refused == nil {
			return r.offboard(ctx, in, d)
		}
	} else if a.Spec.AdoptNamespace != "" && agency.Orphaned(a, in.Namespace) {
		if err := r.adopt(ctx, a); err != nil {
			conditions.LookupFailed(a.GetStatusBase(), a.Generation)
			return ctrl.Result{}, fmt.Errorf("adopt namespace: %w", err)
		}
		// What was taken over decides too, and who had rights in it.
		if in, err = r.gather(ctx, a); err != nil {
			return ctrl.Result{}, err
		}
	}
	out, unsure := r.decide(ctx, &in)
	if unsure != nil && agency.NewAgency(a, in.Namespace) {
		// With a namespace it would not be new any more.
		conditions.LookupFailed(a.GetStatusBase(), a.Generation)
		return ctrl.Result{}, unsure
	}
	var res child.Result
	if len(out.Objects) > 0 {
		res, err = r.Applier.Apply(ctx, names.OwnerOf(v1alpha1.KindAgency, a), a.Status.Inventory, out.Objects)
	}
	agency.SetStatus(in, out, res, err)
	if refused != nil {
		agency.SetDeletionRefused(in, refused)
		if refused.Class == object.Waiting && err == nil && res.RetryAfter() == 0 {
			return ctrl.Result{RequeueAfter: unknownRetry}, nil
		}
	}
	return ctrl.Result{RequeueAfter: res.RetryAfter()}, errors.Join(err, unsure)
}

// decide decides about an agency. A cache can be late, so before anybody gets
// rights without a confirmation the API server itself is asked whether the agency
// holds personal data. Without its answer nobody gets any, and the rest is done.
func (r *Reconciler) decide(ctx context.Context, in *agency.Input) (agency.Output, error) {
	out := agency.Decide(*in)
	if !out.Rights.Gives() || len(out.Objects) == 0 {
		return agency.AwaitRights(*in, out), nil
	}
	if err := agency.LiveRights(ctx, r.Live, in); err != nil {
		in.HoldRights = true
		return agency.Decide(*in), fmt.Errorf("ask the API server whether the agency holds personal data: %w", err)
	}
	return agency.AwaitRights(*in, agency.Decide(*in)), nil
}

// gather reads what decides; when it can't, the status says so.
func (r *Reconciler) gather(ctx context.Context, a *v1alpha1.Agency) (agency.Input, error) {
	in, err := agency.Gather(ctx, r.Client, r.Foreign, r.Canaries, r.Settings, a)
	if err != nil {
		conditions.LookupFailed(a.GetStatusBase(), a.Generation)
		return in, fmt.Errorf("gather: %w", err)
	}
	in.OperatorNamespace, in.Now = r.Namespace, metav1.NewTime(r.Now())
	return in, nil
}
