// Package sharedplatform reconciles the catalogue of national platforms.
package sharedplatform

import (
	"context"
	"slices"
	"strings"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/platform"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
)

// Reconciler reconciles shared platforms.
type Reconciler struct {
	Client   client.Client
	Settings settings.Settings
	// Events takes what happens to shared platforms; nil for none.
	Events events.Recorder
}

// +kubebuilder:rbac:groups=platform.gov.vn,resources=sharedplatforms;agencies;agencyportals;securitypolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=sharedplatforms/status,verbs=patch

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	loop := reconcile.Loop[*v1alpha1.SharedPlatform]{
		Client: r.Client,
		New:    func() *v1alpha1.SharedPlatform { return &v1alpha1.SharedPlatform{} },
		Run:    reconcile.Round[*v1alpha1.SharedPlatform](r),
		Events: r.Events,
	}
	guard := reconcile.Guard{Client: r.Client, Kind: v1alpha1.KindSharedPlatform, Next: loop,
		Meanwhile: "Portals that reference it stay as they are; links over it take another platform, or close.",
	}
	return watches.Controller(mgr, "sharedplatform", 1).
		For(&v1alpha1.SharedPlatform{}).
		Watches(&v1alpha1.SharedPlatform{}, watches.Self(), watches.Closing()).
		Watches(&v1alpha1.SharedPlatform{}, watches.Map(r.rivals), watches.SpecChanged()).
		Watches(&v1alpha1.Agency{}, watches.Map(r.platformsNaming), predicate.Or(watches.SpecChanged(), watches.Changed(portal.FactsOfCarrier))).
		Watches(&v1alpha1.AgencyPortal{}, watches.Map(r.platformsOfPortal), watches.PortalGate(v1alpha1.ConditionReady)).
		Watches(&v1alpha1.SecurityPolicy{}, watches.MapLow(r.platformsOfPolicy), watches.StandardChanged()).
		Watches(&v1alpha1.AgencyPortal{}, watches.MapLater(platformsReferenced), watches.Changed(references)).
		Complete(guard)
}

var _ reconcile.Kind[*v1alpha1.SharedPlatform, platform.Input, platform.Output] = (*Reconciler)(nil)

// Gather reads what decides about a platform.
func (r *Reconciler) Gather(ctx context.Context, p *v1alpha1.SharedPlatform) (platform.Input, error) {
	return platform.Gather(ctx, r.Client, r.Settings, p) //nolint:wrapcheck // wrapped there
}

// Decide decides about a platform.
func (r *Reconciler) Decide(in platform.Input) platform.Output { return platform.Decide(in) }

// Status says what was decided.
func (r *Reconciler) Status(in platform.Input, out platform.Output, _ child.Result, _ error) {
	platform.SetStatus(in, out)
}

// rivals maps a platform to those with the same capability and scope.
func (r *Reconciler) rivals(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SharedPlatform)
	if !ok {
		return nil
	}
	return r.list(ctx, client.MatchingFields{names.IndexPlatformFingerprint: object.Fingerprint(p.Spec.Capability, p.Spec.Scope)})
}

func (r *Reconciler) platformsNaming(ctx context.Context, o client.Object) []ctrl.Request {
	return r.list(ctx, client.MatchingFields{names.IndexPlatformAgency: o.GetName()})
}

// platformsOfPolicy maps a policy to the platforms that portals carry which it selected or
// selects: whether they can be used rests on it, and their portals' statuses need not change.
func (r *Reconciler) platformsOfPolicy(ctx context.Context, o client.Object) []ctrl.Request {
	var out []ctrl.Request
	for _, p := range watches.PlatformsOf(ctx, r.Client, watches.PortalsOfPolicy(ctx, r.Client, o)) {
		out = append(out, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&p)})
	}
	return out
}

// platformsOfPortal maps a portal to the platforms that it is, and that it agreed or
// agrees to be.
func (r *Reconciler) platformsOfPortal(ctx context.Context, o client.Object) []ctrl.Request {
	out := r.list(ctx, client.MatchingFields{names.IndexPlatformPortal: o.GetNamespace() + "/" + o.GetName()})
	p, ok := o.(*v1alpha1.AgencyPortal)
	if !ok {
		return out
	}
	agreed := slices.Clone(p.Spec.ProvidesPlatforms)
	for _, c := range p.Status.PlatformConsents {
		agreed = append(agreed, c.Name)
	}
	for _, name := range agreed {
		if req := (ctrl.Request{NamespacedName: client.ObjectKey{Name: string(name)}}); !slices.Contains(out, req) {
			out = append(out, req)
		}
	}
	return out
}

func platformsReferenced(_ context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.AgencyPortal)
	if !ok {
		return nil
	}
	var out []ctrl.Request
	for _, name := range portal.PlatformNames(p) {
		out = append(out, ctrl.Request{NamespacedName: client.ObjectKey{Name: name}})
	}
	return out
}

// references are a portal and its platforms. The last compliant spec names some
// too, and it is replaced when the portal's status is written, which may be long
// after the spec changed.
func references(p *v1alpha1.AgencyPortal) string {
	return string(p.UID) + " " + strings.Join(portal.PlatformNames(p), " ")
}

func (r *Reconciler) list(ctx context.Context, opts ...client.ListOption) []ctrl.Request {
	return watches.List(ctx, r.Client, &v1alpha1.SharedPlatformList{}, opts...)
}
