// Package securitypolicy reconciles the authority's standards: admission
// policies on pods, and counts of what is observed.
package securitypolicy

import (
	"context"
	"errors"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
)

// Reconciler reconciles security policies.
type Reconciler struct {
	Client  client.Client
	Applier *apply.Applier
	// Counts has what the caches hold by what it says.
	Counts   read.Tally
	Settings settings.Settings
	// Now is the clock.
	Now func() time.Time
	// Events takes what happens to policies; nil for none.
	Events events.Recorder
}

// +kubebuilder:rbac:groups=platform.gov.vn,resources=securitypolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=securitypolicies/status,verbs=patch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=securitypolicies/finalizers,verbs=update
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencies;agencyportals;dataservices;datasharingapprovals;datasharinglinks;sharedplatforms,verbs=get;list;watch
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicies;validatingadmissionpolicybindings,verbs=get;list;watch;create;update;delete

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	loop := reconcile.Loop[*v1alpha1.SecurityPolicy]{
		Client: r.Client,
		New:    func() *v1alpha1.SecurityPolicy { return &v1alpha1.SecurityPolicy{} },
		Run:    reconcile.Round[*v1alpha1.SecurityPolicy](r),
		Gone:   r.gone,
		Events: r.Events,
	}
	byOwner := watches.ByOwnerLabel(v1alpha1.KindSecurityPolicy, nil)
	guard := reconcile.Guard{Client: r.Client, Kind: v1alpha1.KindSecurityPolicy, Next: loop,
		Meanwhile: "Portals that it selects stay as they are, and nothing new is started or opened for them; what is withdrawn or suspended is closed.",
	}
	return watches.Controller(mgr, "securitypolicy", 1).
		For(&v1alpha1.SecurityPolicy{}).
		Watches(&v1alpha1.SecurityPolicy{}, watches.Self(), watches.Closing()).
		Watches(&admissionv1.ValidatingAdmissionPolicy{}, byOwner, watches.NotStatus()).
		Watches(&admissionv1.ValidatingAdmissionPolicyBinding{}, byOwner).
		Watches(&v1alpha1.AgencyPortal{}, watches.MapLater(r.policiesOfPortal), countsChanged()).
		Watches(&v1alpha1.Agency{}, watches.MapLater(r.policiesNaming), watches.CreatedOrDeleted()).
		Watches(&v1alpha1.DataSharingLink{}, watches.MapLater(r.heldPolicies), openChanged()).
		Watches(&v1alpha1.SecurityPolicy{}, watches.MapLater(r.heldPolicies), shareChanged()).
		Complete(guard)
}

// What the loop finds in this kind.
var (
	_ reconcile.Kind[*v1alpha1.SecurityPolicy, securitypolicy.Input, securitypolicy.Output]  = (*Reconciler)(nil)
	_ reconcile.Detour[*v1alpha1.SecurityPolicy, securitypolicy.Input]                       = (*Reconciler)(nil)
	_ reconcile.Write[*v1alpha1.SecurityPolicy, securitypolicy.Input, securitypolicy.Output] = (*Reconciler)(nil)
	_ reconcile.Timed[securitypolicy.Input, securitypolicy.Output]                           = (*Reconciler)(nil)
)

// Gather reads what decides about a policy.
func (r *Reconciler) Gather(ctx context.Context, p *v1alpha1.SecurityPolicy) (securitypolicy.Input, error) {
	return securitypolicy.Gather(ctx, r.Client, r.Counts, r.Settings, r.Now(), p) //nolint:wrapcheck // wrapped there
}

// Decide decides about a policy. Held by a foreign finalizer a policy stands, and is
// repaired, until it is gone.
func (r *Reconciler) Decide(in securitypolicy.Input) securitypolicy.Output {
	return securitypolicy.Decide(in)
}

// Status says what was decided, and what became of it.
func (r *Reconciler) Status(in securitypolicy.Input, out securitypolicy.Output, res child.Result, err error) {
	securitypolicy.SetStatus(in, out, res, err)
}

// Detour leaves a policy to the garbage collector that removes its children first: made
// again, they would keep it busy for ever.
func (r *Reconciler) Detour(_ context.Context, p *v1alpha1.SecurityPolicy, _ *securitypolicy.Input) (over bool, _ ctrl.Result, _ error) {
	return p.DeletionTimestamp != nil && controllerutil.ContainsFinalizer(p, metav1.FinalizerDeleteDependents), ctrl.Result{}, nil
}

// Write removes what an earlier policy of the same name left behind, which enforces what
// nobody can change, and writes the admission policies of this one. What is left restricts,
// so it goes when what follows is known, and not before; while it can't go the status does
// not say that all is as the policy demands.
func (r *Reconciler) Write(ctx context.Context, p *v1alpha1.SecurityPolicy, _ securitypolicy.Input, out securitypolicy.Output) (child.Result, error) {
	orphansErr := r.Applier.RemoveOrphans(ctx, v1alpha1.KindSecurityPolicy, client.ObjectKeyFromObject(p), p.UID)
	res, err := r.Applier.Apply(ctx, names.OwnerOf(v1alpha1.KindSecurityPolicy, p), p.Status.Inventory, out.Objects)
	return res, errors.Join(orphansErr, err)
}

// Again is when a policy has to be looked at again: what it shares the bound with
// counts for a while only.
func (r *Reconciler) Again(in securitypolicy.Input, out securitypolicy.Output, _ child.Result) time.Duration {
	if out.Held == nil || out.Held.Until.IsZero() {
		return 0
	}
	return max(out.Held.Until.Sub(in.Now), time.Second)
}

// gone removes what a policy left behind whose dependents the deletion orphaned.
func (r *Reconciler) gone(ctx context.Context, key client.ObjectKey) (ctrl.Result, error) {
	return ctrl.Result{}, r.Applier.RemoveOrphans(ctx, v1alpha1.KindSecurityPolicy, key, "")
}
