// Package agency reconciles agencies into guarded namespaces.
package agency

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
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
		Run:       reconcile.Round[*v1alpha1.Agency](r),
		Events:    r.Events,
		Announce:  announce,
		Announced: []string{v1alpha1.ConditionRightsChanged, v1alpha1.ConditionRightsConfirmed},
	}
	byOwner := watches.ByOwnerLabel(v1alpha1.KindAgency, nil)
	guard := reconcile.Guard{Client: r.Client, Kind: v1alpha1.KindAgency, Next: loop,
		Meanwhile: "What exists of it stays as it is, its links are closed, and nothing is started for it; its suspension counts.",
	}
	return watches.Controller(mgr, "agency", 4).
		For(&v1alpha1.Agency{}).
		Watches(&v1alpha1.Agency{}, watches.Self(), watches.Closing()).
		Watches(&corev1.Namespace{}, byOwner).
		Watches(&corev1.ResourceQuota{}, byOwner, predicate.Or(watches.NotStatus(), watches.Changed(agency.Counted), watches.Changed(agency.Exceeded))).
		Watches(&corev1.LimitRange{}, byOwner).
		Watches(&rbacv1.RoleBinding{}, byOwner).
		Watches(&networkingv1.NetworkPolicy{}, byOwner).
		// Whether a policy is foreign is a matter of its owner too. Later: one that has lost its mark is repaired first.
		Watches(&networkingv1.NetworkPolicy{}, watches.MapLater(agencyOfNamespace)).
		WatchesRawSource(source.Kind(r.Foreign, client.Object(&networkingv1.NetworkPolicy{}), watches.MapLater(agencyOfNamespace))).
		WatchesRawSource(source.Kind(r.Canaries, client.Object(&corev1.ResourceQuota{}), watches.MapLow(r.allAgencies), watches.Changed(agency.Counted))).
		Watches(&v1alpha1.Agency{}, watches.Map(r.relatedAgencies), watches.SpecChanged()).
		Watches(&v1alpha1.AgencyPortal{}, watches.MapLater(r.agenciesOfData), predicate.Or(watches.CreatedOrDeleted(), watches.Changed(agency.PersonalPortal))).
		Watches(&v1alpha1.DataService{}, watches.MapLater(agencyOfNamespace), watches.GateChanged(v1alpha1.ConditionPublished)).
		Watches(&v1alpha1.DataService{}, watches.MapLater(r.agenciesOfData), predicate.Or(watches.CreatedOrDeleted(), watches.Changed(agency.PersonalService))).
		Watches(&v1alpha1.DataSharingLink{}, watches.MapLater(r.agenciesOfLink), predicate.Or(watches.CreatedOrDeleted(), watches.Changed(agency.PersonalEnds))).
		Watches(&v1alpha1.SharedPlatform{}, watches.MapLater(carrierOf), watches.SpecChanged()).
		Watches(&v1alpha1.DataSharingApproval{}, watches.MapLater(agencyOfNamespace), predicate.Or(watches.CreatedOrDeleted(), watches.Changed(object.RecordedVeto))).
		Complete(guard)
}

// What the loop finds in this kind.
var (
	_ reconcile.Kind[*v1alpha1.Agency, agency.Input, agency.Output]   = (*Reconciler)(nil)
	_ reconcile.Detour[*v1alpha1.Agency, agency.Input]                = (*Reconciler)(nil)
	_ reconcile.Look[agency.Input, agency.Output]                     = (*Reconciler)(nil)
	_ reconcile.Partly[*v1alpha1.Agency, agency.Input, agency.Output] = (*Reconciler)(nil)
	_ reconcile.Write[*v1alpha1.Agency, agency.Input, agency.Output]  = (*Reconciler)(nil)
	_ reconcile.Timed[agency.Input, agency.Output]                    = (*Reconciler)(nil)
)

// Gather reads what decides about an agency.
func (r *Reconciler) Gather(ctx context.Context, a *v1alpha1.Agency) (agency.Input, error) {
	in, err := agency.Gather(ctx, r.Client, r.Foreign, r.Canaries, r.Settings, a)
	in.OperatorNamespace, in.Now = r.Namespace, metav1.NewTime(r.Now())
	return in, err //nolint:wrapcheck // wrapped by the loop
}

// Detour lets an agency end, or its namespace, and takes over the namespace of an
// earlier one. What was taken over decides too, and who had rights in it.
func (r *Reconciler) Detour(ctx context.Context, a *v1alpha1.Agency, in *agency.Input) (over bool, result ctrl.Result, err error) {
	switch ns := in.Namespace; {
	case ns != nil && ns.DeletionTimestamp != nil && names.OwnerOf(v1alpha1.KindAgency, a).Owns(ns):
		result, err = r.endNamespace(ctx, *in, ns)
		return true, result, err
	case a.DeletionTimestamp != nil:
		d, err := r.departure(ctx, a)
		if err != nil {
			conditions.LookupFailed(a.GetStatusBase(), a.Generation)
			return true, ctrl.Result{}, fmt.Errorf("look at what goes: %w", err)
		}
		if in.DeletionRefused = agency.Departure(d); in.DeletionRefused != nil {
			return false, ctrl.Result{}, nil
		}
		result, err = r.offboard(ctx, *in, d)
		return true, result, err
	case a.Spec.AdoptNamespace != "" && agency.Orphaned(a, ns):
		if err = r.adopt(ctx, a); err != nil {
			err = fmt.Errorf("adopt namespace: %w", err)
		} else if *in, err = r.Gather(ctx, a); err != nil {
			err = fmt.Errorf("gather: %w", err)
		}
		if err != nil {
			conditions.LookupFailed(a.GetStatusBase(), a.Generation)
		}
		return err != nil, ctrl.Result{}, err
	}
	return false, ctrl.Result{}, nil
}

// Decide decides about an agency.
func (r *Reconciler) Decide(in agency.Input) agency.Output { return agency.Decide(in) }

// Look asks the API server itself, before anybody gets rights without a confirmation,
// whether the agency holds personal data: a cache can be late. Without its answer nobody
// gets any, and the rest is done; a new agency waits, since with a namespace it would not
// be new any more.
func (r *Reconciler) Look(ctx context.Context, in *agency.Input, out agency.Output) (agency.Output, time.Duration, error) {
	if !out.Rights.Gives() || len(out.Objects) == 0 {
		return agency.AwaitRights(*in, out), 0, nil
	}
	if err := agency.LiveRights(ctx, r.Live, in); err != nil {
		err = fmt.Errorf("ask the API server whether the agency holds personal data: %w", err)
		if agency.NewAgency(in.Agency, in.Namespace) {
			in.Unread, err = err, nil
		}
		in.HoldRights = true
		return agency.Decide(*in), 0, err
	}
	return agency.AwaitRights(*in, agency.Decide(*in)), 0, nil
}

// Unread returns why a new agency can't be decided about.
func (r *Reconciler) Unread(in agency.Input) error { return in.Unread }

// Close says so: a new agency has nothing open.
func (r *Reconciler) Close(_ context.Context, a *v1alpha1.Agency, _ agency.Input, _ agency.Output) error {
	conditions.LookupFailed(a.GetStatusBase(), a.Generation)
	return nil
}

// Write writes what an agency has.
func (r *Reconciler) Write(ctx context.Context, a *v1alpha1.Agency, _ agency.Input, out agency.Output) (child.Result, error) {
	if len(out.Objects) == 0 {
		return child.Result{}, nil
	}
	return r.Applier.Apply(ctx, names.OwnerOf(v1alpha1.KindAgency, a), a.Status.Inventory, out.Objects)
}

// Status says what was decided, and what became of it.
func (r *Reconciler) Status(in agency.Input, out agency.Output, res child.Result, err error) {
	agency.SetStatus(in, out, res, err)
	if in.DeletionRefused != nil {
		agency.SetDeletionRefused(in, in.DeletionRefused)
	}
}

// Again is when it is looked at again whether the contents of an agency that is being
// deleted can be known.
func (r *Reconciler) Again(in agency.Input, _ agency.Output, res child.Result) time.Duration {
	if b := in.DeletionRefused; b != nil && b.Class == object.Waiting && res.RetryAfter() == 0 {
		return unknownRetry
	}
	return 0
}
