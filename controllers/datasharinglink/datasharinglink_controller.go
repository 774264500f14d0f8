// Package datasharinglink opens traffic between two agencies while both sides
// consent to exactly what passes, and closes it when anything of that is gone.
package datasharinglink

import (
	"context"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
)

// Reconciler reconciles links.
type Reconciler struct {
	Client client.Client
	// Live reads from the API server itself.
	Live     client.Reader
	Applier  *apply.Applier
	Settings settings.Settings
	// Now is the clock.
	Now func() time.Time
	// Events takes what happens to links; nil for none.
	Events events.Recorder
	// Concurrency is the number of links that are worked on at once; 0 means 8.
	Concurrency int
	// ClockJumps has an event whenever the clock was set; may be nil.
	ClockJumps <-chan event.GenericEvent
}

// +kubebuilder:rbac:groups=platform.gov.vn,resources=datasharinglinks,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=datasharinglinks/status,verbs=patch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=datasharinglinks/finalizers,verbs=update
// +kubebuilder:rbac:groups=platform.gov.vn,resources=agencies;agencyportals;dataservices;datasharingapprovals;securitypolicies;sharedplatforms,verbs=get;list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=list
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch;create;update;delete

// lookAgain bounds the wait for the end of a term: a timer counts by a clock of
// its own, which may run slower than the wall clock.
const lookAgain = 10 * time.Minute

// A link looks every podsEnd at first, and every podsStay in the end, whether pods of
// another program are gone.
const (
	podsEnd  = 2 * time.Second
	podsStay = 30 * time.Second
)

// unreadAgain is when a link looks again whether something beside it that can't be
// read is gone: that is no event of what can be read.
const unreadAgain = 10 * time.Second

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	loop := reconcile.Loop[*v1alpha1.DataSharingLink]{
		Client:    r.Client,
		New:       func() *v1alpha1.DataSharingLink { return &v1alpha1.DataSharingLink{} },
		Finalizer: names.FlowFinalizer,
		Run:       reconcile.Round[*v1alpha1.DataSharingLink](r),
		Gone:      r.gone,
		Events:    r.Events,
		Announce:  announce,
		Announced: []string{v1alpha1.ConditionPolicyPaired, v1alpha1.ConditionProviderApproved, v1alpha1.ConditionAuthorityApproved, v1alpha1.ConditionWithinValidity},
	}
	concurrency := r.Concurrency
	if concurrency == 0 {
		concurrency = 8
	}
	gate := watches.PortalGate()
	decision := predicate.Or(watches.SpecChanged(), watches.Changed(object.RecordedVeto))
	guard := reconcile.Guard{Client: r.Client, Kind: v1alpha1.KindDataSharingLink, Next: loop,
		Close: r.closeUnreadable, Gone: r.closeUnreadable, Finalizer: names.FlowFinalizer,
		Meanwhile: "The link is closed.",
	}
	b := watches.Controller(mgr, "datasharinglink", concurrency).
		For(&v1alpha1.DataSharingLink{}).
		Watches(&v1alpha1.DataSharingLink{}, watches.Self(), watches.Closing()).
		Watches(&networkingv1.NetworkPolicy{}, watches.ByOwnerLabel(v1alpha1.KindDataSharingLink, nil)).
		Watches(&rbacv1.RoleBinding{}, watches.ByOwnerLabel(v1alpha1.KindDataSharingLink, nil)).
		Watches(&rbacv1.Role{}, watches.ByOwnerLabel(v1alpha1.KindDataSharingLink, nil)).
		Watches(&v1alpha1.DataSharingApproval{}, watches.Map(linkOfApproval), decision).
		Watches(&v1alpha1.DataService{}, watches.Map(r.linksOfService), watches.GateChanged(v1alpha1.ConditionDatasetOwned)).
		Watches(&v1alpha1.AgencyPortal{}, watches.Map(r.linksOfPortal), gate).
		Watches(&v1alpha1.Agency{}, watches.Map(r.linksOfAgency), predicate.Or(watches.GateChanged(v1alpha1.ConditionOffboarding), watches.Changed(agency.SayRightsInForce))).
		Watches(&v1alpha1.Agency{}, watches.MapLow(r.linksOfCarrier), watches.Changed(portal.FactsOfCarrier)).
		Watches(&v1alpha1.Agency{}, watches.MapLow(r.linksOfAuthority), watches.Changed(agency.SayRightsInForce)).
		Watches(&v1alpha1.SecurityPolicy{}, watches.MapLow(r.linksOfPolicy), watches.StandardChanged()).
		Watches(&v1alpha1.SharedPlatform{}, watches.MapLow(r.linksOverPlatform), watches.PlatformGate())
	if r.ClockJumps != nil {
		b = b.WatchesRawSource(source.Channel(r.ClockJumps, watches.Map(r.allLinks)))
	}
	return b.Complete(guard)
}

// Teardown closes a link that is being deleted.
func (r *Reconciler) Teardown(ctx context.Context, l *v1alpha1.DataSharingLink) (ctrl.Result, error) {
	inventory, err := r.Applier.Teardown(ctx, names.OwnerOf(v1alpha1.KindDataSharingLink, l), l.Status.Inventory, nil)
	link.SetDeleting(l, inventory)
	if err != nil || len(inventory) > 0 {
		return ctrl.Result{}, err //nolint:wrapcheck // it names the child
	}
	return ctrl.Result{}, reconcile.Finalize(ctx, r.Client, l, names.FlowFinalizer)
}

// Clear closes what a link of the same name left open whose finalizer was taken off.
func (r *Reconciler) Clear(ctx context.Context, l *v1alpha1.DataSharingLink) (time.Duration, error) {
	return 0, r.Applier.RemoveOrphans(ctx, v1alpha1.KindDataSharingLink, client.ObjectKeyFromObject(l), l.UID)
}

// What the loop finds in this kind.
var (
	_ reconcile.Kind[*v1alpha1.DataSharingLink, link.Input, link.Output]   = (*Reconciler)(nil)
	_ reconcile.Teardown[*v1alpha1.DataSharingLink]                        = (*Reconciler)(nil)
	_ reconcile.Clear[*v1alpha1.DataSharingLink]                           = (*Reconciler)(nil)
	_ reconcile.Look[link.Input, link.Output]                              = (*Reconciler)(nil)
	_ reconcile.Partly[*v1alpha1.DataSharingLink, link.Input, link.Output] = (*Reconciler)(nil)
	_ reconcile.Write[*v1alpha1.DataSharingLink, link.Input, link.Output]  = (*Reconciler)(nil)
	_ reconcile.Timed[link.Input, link.Output]                             = (*Reconciler)(nil)
)

// Gather finds by the cache as it is that an open link is closed, and only by what the
// operator wrote too that it is open.
func (r *Reconciler) Gather(ctx context.Context, l *v1alpha1.DataSharingLink) (link.Input, error) {
	now := r.Now()
	if object.Wrote(l.Status.Inventory, "NetworkPolicy") {
		in, err := link.Gather(ctx, read.Unawaited(r.Client), r.Settings, now, l)
		if err != nil || !link.Decide(in).Open {
			return in, err //nolint:wrapcheck // wrapped by the loop
		}
	}
	return link.Gather(ctx, r.Client, r.Settings, now, l) //nolint:wrapcheck // wrapped by the loop
}

// Decide decides about a link.
func (r *Reconciler) Decide(in link.Input) link.Output { return link.Decide(in) }

// Look asks for the pods that run before a link opens, and lets it open only when who
// approved it is on record: the status that records it brings the round that opens.
func (r *Reconciler) Look(ctx context.Context, in *link.Input, out link.Output) (link.Output, time.Duration, error) {
	if in.Unread != nil {
		return out, 0, nil //nolint:nilerr // the loop asks for it
	}
	if out.Open {
		if in.OtherPods, in.Unread = link.OtherPods(ctx, r.Client, r.Live, in.Link, out); in.Unread != nil {
			return out, 0, nil //nolint:nilerr // the loop asks for it
		}
	}
	if len(in.OtherPods) > 0 {
		out = link.Decide(*in)
	}
	return link.AwaitRecord(*in, out), 0, nil
}

// Unread returns what could not be read of all that a link rests on.
func (r *Reconciler) Unread(in link.Input) error { return in.Unread }

// Close closes a link that must not be open by what is known, and changes nothing else.
func (r *Reconciler) Close(ctx context.Context, l *v1alpha1.DataSharingLink, in link.Input, out link.Output) error {
	res, err := r.Applier.Close(ctx, names.OwnerOf(v1alpha1.KindDataSharingLink, l), l.Status.Inventory, out.Objects)
	if out.Open {
		// What passes is named, whether an earlier status named it or was lost.
		l.Status.Inventory = res.Inventory
		conditions.LookupFailed(l.GetStatusBase(), l.Generation)
		return err //nolint:wrapcheck // it names the child
	}
	link.SetStatus(in, out, res, err)
	return err //nolint:wrapcheck // it names the child
}

// Write writes the policies of a link, and who may read what they are about.
func (r *Reconciler) Write(ctx context.Context, l *v1alpha1.DataSharingLink, _ link.Input, out link.Output) (child.Result, error) {
	return r.Applier.Apply(ctx, names.OwnerOf(v1alpha1.KindDataSharingLink, l), l.Status.Inventory, slices.Concat(out.Objects, out.Readers))
}

// Status says what was decided, and what became of it.
func (r *Reconciler) Status(in link.Input, out link.Output, res child.Result, err error) {
	link.SetStatus(in, out, res, err)
}

// Again is when a link has to be looked at again. The end of the term is no event, so it
// is waited for, to the second.
func (r *Reconciler) Again(in link.Input, _ link.Output, _ child.Result) time.Duration {
	left := max(0, min(in.Link.Spec.ValidUntil.Sub(in.Now), lookAgain))
	if len(in.OtherPods) > 0 {
		// The end of a pod is no event of the link's. A pod that takes long may never end.
		left = min(max(link.Unresolved(in.Link, in.Now)/4, podsEnd), podsStay)
	}
	if in.LabelsUnread {
		left = min(left, unreadAgain)
	}
	return left
}

// gone closes what a link left open whose finalizer somebody took off.
func (r *Reconciler) gone(ctx context.Context, key client.ObjectKey) (ctrl.Result, error) {
	return ctrl.Result{}, r.Applier.RemoveOrphans(ctx, v1alpha1.KindDataSharingLink, key, "")
}

// closeUnreadable withdraws the policies of a link that cannot be read.
func (r *Reconciler) closeUnreadable(ctx context.Context, owner names.Owner) error {
	_, err := r.Applier.Teardown(ctx, owner, nil, nil)
	return err
}
