// Package agencyportal reconciles portals into isolated, hardened workloads.
package agencyportal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// Reconciler reconciles portals.
type Reconciler struct {
	Client   client.Client
	Applier  *apply.Applier
	Settings settings.Settings
	// Concurrency is the number of portals that are worked on at once; 0 means 32.
	Concurrency int
	// Now is the clock.
	Now func() time.Time
	// beginnings are the portals that begin to run as one-stop systems.
	beginnings beginnings
	// Events takes what happens to portals; nil for none.
	Events events.Recorder
}

// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencies;securitypolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencyportals,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=sharedplatforms,verbs=get;list;watch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencyportals/status,verbs=patch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencyportals/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=serviceaccounts;services,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups="",resources=namespaces;pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=list
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;update;delete

// unreadableRetry is how often it is looked whether the agency of a portal that can't
// be read is suspended: no event tells of that.
const unreadableRetry = 15 * time.Second

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	loop := reconcile.Loop[*v1alpha1.AgencyPortal]{
		Client: r.Client,
		New:    func() *v1alpha1.AgencyPortal { return &v1alpha1.AgencyPortal{} },
		First:  r.closeFirst,
		Run:    reconcile.Round[*v1alpha1.AgencyPortal](r),
		Gone:   r.gone,
		// Only a portal that uses platforms has rules in other namespaces.
		Finalizer:      names.FlowFinalizer,
		NeedsFinalizer: func(p *v1alpha1.AgencyPortal) bool { return len(portal.PlatformNames(p)) > 0 },
		Events:         r.Events,
		Echoes:         r.Applier.Echoes,
	}
	concurrency := r.Concurrency
	if concurrency == 0 {
		// A round mostly waits, half of it for the API server, which a bare client brings to
		// its most with 16 requests at once, and half for what others write meanwhile to show.
		concurrency = 32
	}
	own := r.Applier.Echoes
	byOwner := watches.ByOwnerLabel(v1alpha1.KindAgencyPortal, own)
	reported := predicate.Or(watches.NotStatus(), watches.ReportChanged())
	guard := reconcile.Guard{
		Client: r.Client, Kind: v1alpha1.KindAgencyPortal, Next: loop,
		Close: r.closeUnreadable, Again: unreadableRetry, Gone: r.goneUnreadable, Finalizer: names.FlowFinalizer,
		Meanwhile: "What runs stays as it is; its links are closed, and so is all that it opens once its agency is suspended.",
	}
	return watches.Controller(mgr, "agencyportal", concurrency).
		For(&v1alpha1.AgencyPortal{}, watches.Unheard()).
		Watches(&v1alpha1.AgencyPortal{}, watches.Self(), watches.Closing()).
		Watches(&v1alpha1.AgencyPortal{}, watches.SelfBut(own), predicate.Not(watches.Closing())).
		Watches(&appsv1.Deployment{}, byOwner).
		Watches(&corev1.ServiceAccount{}, byOwner).
		Watches(&corev1.Service{}, byOwner).
		Watches(&autoscalingv2.HorizontalPodAutoscaler{}, byOwner, reported).
		Watches(&policyv1.PodDisruptionBudget{}, byOwner, reported).
		Watches(&networkingv1.NetworkPolicy{}, byOwner).
		WatchesMetadata(&corev1.Pod{}, byOwner, watches.Deleted()).
		WatchesMetadata(&corev1.Pod{}, watches.Map(portalOfForeignPod)).
		Watches(&v1alpha1.Agency{}, watches.MapLow(r.portalsOfAgency), watches.Changed(portal.FactsOfAgency)).
		Watches(&v1alpha1.Agency{}, watches.MapLow(r.portalsThatWait), watches.Changed(agency.PortalQuota)).
		Watches(&v1alpha1.Agency{}, watches.MapLow(r.consumersOfCarrier), watches.Changed(portal.FactsOfCarrier)).
		Watches(&v1alpha1.Agency{}, watches.MapLow(r.portalsInZones), watches.Changed(zonesOf)).
		Watches(&networkingv1.NetworkPolicy{}, watches.MapLow(r.portalsOfGuard), watches.Changed(portal.FactsOfGuard)).
		Watches(&corev1.Namespace{}, watches.MapLow(r.portalsOfGuard), watches.Changed(portal.FactsOfGuard)).
		Watches(&v1alpha1.SecurityPolicy{}, watches.MapLow(r.portalsOfPolicy), watches.StandardChanged()).
		Watches(&v1alpha1.AgencyPortal{}, watches.MapLow(r.rivals), watches.SpecChanged()).
		Watches(&v1alpha1.AgencyPortal{}, watches.MapLow(r.siblings), predicate.Or(watches.Deleted(), stopped(), oneStopChanged())).
		Watches(&v1alpha1.SharedPlatform{}, watches.MapLow(r.portalsOfPlatform), watches.PlatformGate()).
		Watches(&v1alpha1.AgencyPortal{}, watches.MapLow(r.consumersOfPortal), watches.PortalGate()).
		Complete(guard)
}

// What the loop finds in this kind.
var (
	_ reconcile.Kind[*v1alpha1.AgencyPortal, portal.Input, portal.Output]   = (*Reconciler)(nil)
	_ reconcile.Teardown[*v1alpha1.AgencyPortal]                            = (*Reconciler)(nil)
	_ reconcile.Clear[*v1alpha1.AgencyPortal]                               = (*Reconciler)(nil)
	_ reconcile.Fail[*v1alpha1.AgencyPortal, portal.Input]                  = (*Reconciler)(nil)
	_ reconcile.Look[portal.Input, portal.Output]                           = (*Reconciler)(nil)
	_ reconcile.Partly[*v1alpha1.AgencyPortal, portal.Input, portal.Output] = (*Reconciler)(nil)
	_ reconcile.Write[*v1alpha1.AgencyPortal, portal.Input, portal.Output]  = (*Reconciler)(nil)
	_ reconcile.Timed[portal.Input, portal.Output]                          = (*Reconciler)(nil)
)

// Gather reads what decides about a portal.
func (r *Reconciler) Gather(ctx context.Context, p *v1alpha1.AgencyPortal) (portal.Input, error) {
	in, err := portal.Gather(ctx, r.Client, r.Settings, p)
	in.Now = r.Now()
	return in, err //nolint:wrapcheck // wrapped by the loop
}

// Decide decides about a portal.
func (r *Reconciler) Decide(in portal.Input) portal.Output { return portal.Decide(in) }

// Failed closes a portal of a suspended agency whatever else could not be read, and
// changes nothing else.
func (r *Reconciler) Failed(ctx context.Context, p *v1alpha1.AgencyPortal, in portal.Input, unread error) error {
	return r.closeOnly(ctx, p, in.Agency, unread)
}

// Unread returns what could not be read of all that a portal rests on.
func (r *Reconciler) Unread(in portal.Input) error { return in.Unread }

// Close closes what a portal must not open by what is known.
func (r *Reconciler) Close(ctx context.Context, p *v1alpha1.AgencyPortal, in portal.Input, out portal.Output) error {
	if !out.Hold {
		return r.closeBut(ctx, p, out.Objects)
	}
	shut, closeErr := r.withdraw(ctx, in, out, p.Status.Inventory)
	p.Status.Inventory = shut.Inventory
	return errors.Join(closeErr, r.closeOnly(ctx, p, in.Agency, in.Unread))
}

// Write writes what a portal has, or holds what is there.
func (r *Reconciler) Write(ctx context.Context, p *v1alpha1.AgencyPortal, in portal.Input, out portal.Output) (child.Result, error) {
	owner := names.OwnerOf(v1alpha1.KindAgencyPortal, p)
	if out.Hold {
		return r.hold(ctx, owner, in, out)
	}
	return r.Applier.Apply(ctx, owner, p.Status.Inventory, out.Objects)
}

// Status says what was decided, and what became of it.
func (r *Reconciler) Status(in portal.Input, out portal.Output, res child.Result, err error) {
	portal.SetStatus(in, out, res, err)
}

// Again is when what is observed of a portal has to be looked at again.
func (r *Reconciler) Again(in portal.Input, out portal.Output, _ child.Result) time.Duration {
	return portal.RecheckAfter(in, out)
}

// hold keeps what is there, and closes it nevertheless while the agency is suspended,
// and always the ways to platforms that nobody gives any more.
func (r *Reconciler) hold(ctx context.Context, owner names.Owner, in portal.Input, out portal.Output) (child.Result, error) {
	res, err := r.Applier.Ensure(ctx, owner, in.Portal.Status.Inventory, out.Objects)
	var shut child.Result
	var closeErr error
	if closed(in.Portal.Namespace, in.Agency, nil) {
		shut, closeErr = r.Applier.Close(ctx, owner, res.Inventory, out.Objects)
	} else {
		shut, closeErr = r.withdraw(ctx, in, out, res.Inventory)
	}
	res.Inventory, res.Failures = shut.Inventory, slices.Concat(res.Failures, shut.Failures)
	return res, errors.Join(err, closeErr)
}

// withdraw closes the ways to platforms that a portal is not given any more, after it
// has narrowed those of which it is given less, so that these don't close altogether.
func (r *Reconciler) withdraw(ctx context.Context, in portal.Input, out portal.Output, inventory []v1alpha1.InventoryEntry) (child.Result, error) {
	if len(out.Ways) == 0 {
		return child.Result{Inventory: inventory}, nil
	}
	owner := names.OwnerOf(v1alpha1.KindAgencyPortal, in.Portal)
	res, err := r.Applier.Ensure(apply.WithdrawOnly(ctx), owner, inventory, out.Given)
	shut, closeErr := r.Applier.Withdraw(ctx, owner, res.Inventory, out.Ways, out.Given)
	shut.Failures = slices.Concat(res.Failures, shut.Failures)
	return shut, errors.Join(err, closeErr)
}

// closeOnly closes a portal of a suspended agency whatever else could not be read,
// and changes nothing else.
func (r *Reconciler) closeOnly(ctx context.Context, p *v1alpha1.AgencyPortal, a *v1alpha1.Agency, unread error) error {
	if !closed(p.Namespace, a, unread) {
		conditions.LookupFailed(p.GetStatusBase(), p.Generation)
		return nil
	}
	return r.closeBut(ctx, p, nil)
}

// closeBut closes what a portal opens beyond some objects, and changes nothing else.
func (r *Reconciler) closeBut(ctx context.Context, p *v1alpha1.AgencyPortal, wanted []object.Object) error {
	res, err := r.Applier.Close(ctx, names.OwnerOf(v1alpha1.KindAgencyPortal, p), p.Status.Inventory, wanted)
	p.Status.Inventory = res.Inventory
	conditions.ClosedByWhatIsKnown(p.GetStatusBase(), p.Generation)
	return err //nolint:wrapcheck // it names the child
}

// closed reports whether an agency is suspended or goes: by what was read of it, or
// by what is known of it although it can't be read.
func closed(namespace string, a *v1alpha1.Agency, unread error) bool {
	if a != nil {
		return a.Spec.Suspended || agency.Offboards(a)
	}
	e := unreadable.As(unread)
	return e != nil && e.Kind == v1alpha1.KindAgency && names.Namespace(e.Key.Name) == namespace && e.Suspended
}

// Teardown removes what a portal has while it is being deleted, and needs
// nothing for it but the portal itself: its guard waits for the pods.
func (r *Reconciler) Teardown(ctx context.Context, p *v1alpha1.AgencyPortal) (ctrl.Result, error) {
	r.beginnings.giveBack(client.ObjectKeyFromObject(p))
	guard := portal.Guard(p)
	inventory, err := r.Applier.Teardown(ctx, names.OwnerOf(v1alpha1.KindAgencyPortal, p), p.Status.Inventory, []object.Object{guard})
	portal.SetDeleting(p, inventory)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("tear down: %w", err)
	}
	left := slices.ContainsFunc(inventory, func(e v1alpha1.InventoryEntry) bool { return e.Kind != "NetworkPolicy" || e.Name != guard.GetName() })
	if !left && controllerutil.ContainsFinalizer(p, names.FlowFinalizer) {
		return ctrl.Result{}, reconcile.Finalize(ctx, r.Client, p, names.FlowFinalizer)
	}
	return r.gone(ctx, client.ObjectKeyFromObject(p))
}

// closeFirst closes a portal of a suspended agency by the caches as they are: every
// other read waits until they have seen what the operator wrote, and while one agency
// has it write all the time, another one's suspension would wait for that.
func (r *Reconciler) closeFirst(ctx context.Context, key client.ObjectKey) error {
	quick, p, a := read.Unawaited(r.Client), &v1alpha1.AgencyPortal{}, &v1alpha1.Agency{}
	// What can't be read is told by the round that follows.
	found := func(key client.ObjectKey, into client.Object) bool { return quick.Get(ctx, key, into) == nil }
	name, ok := names.AgencyOf(key.Namespace)
	if !ok || !found(client.ObjectKey{Name: name}, a) || !closed(key.Namespace, a, nil) || !found(key, p) || p.DeletionTimestamp != nil {
		return nil
	}
	owner := names.OwnerOf(v1alpha1.KindAgencyPortal, p)
	own, err := portal.NetworkPoliciesOf(ctx, quick, owner)
	if err != nil || !slices.ContainsFunc(own, func(n networkingv1.NetworkPolicy) bool { return child.Opens(&n) }) {
		return err //nolint:wrapcheck // wrapped there
	}
	_, err = r.Applier.Close(ctx, owner, p.Status.Inventory, nil)
	return err //nolint:wrapcheck // it names the child
}

// closeUnreadable closes a portal that can't be read while its agency is suspended.
func (r *Reconciler) closeUnreadable(ctx context.Context, owner names.Owner) error {
	name, ok := names.AgencyOf(owner.Namespace)
	if !ok {
		return nil
	}
	a := &v1alpha1.Agency{}
	err := r.Client.Get(ctx, client.ObjectKey{Name: name}, a)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil && !unreadable.IsUnreadable(err):
		return fmt.Errorf("read agency: %w", err)
	case err != nil:
		a = nil
	}
	if !closed(owner.Namespace, a, err) {
		return nil
	}
	_, err = r.Applier.Close(ctx, owner, nil, nil)
	return err //nolint:wrapcheck // it names the child
}

// goneUnreadable closes the flows of a portal that is being deleted and cannot
// be read; the garbage collector removes the rest.
func (r *Reconciler) goneUnreadable(ctx context.Context, owner names.Owner) error {
	_, err := r.Applier.Teardown(ctx, owner, nil, nil)
	return err
}
