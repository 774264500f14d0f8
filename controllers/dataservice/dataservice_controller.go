// Package dataservice reconciles the catalogue of shared data.
package dataservice

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/service"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
)

// Reconciler reconciles data services.
type Reconciler struct {
	Client   client.Client
	Settings settings.Settings
	// Now is the clock.
	Now func() time.Time
	// Events takes what happens to data services; nil for none.
	Events events.Recorder
}

// +kubebuilder:rbac:groups=platform.gov.vn,resources=dataservices;datasharinglinks;agencies;agencyportals;securitypolicies;sharedplatforms,verbs=get;list;watch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=dataservices/status,verbs=patch

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	loop := reconcile.Loop[*v1alpha1.DataService]{
		Client: r.Client,
		New:    func() *v1alpha1.DataService { return &v1alpha1.DataService{} },
		Run:    reconcile.Round[*v1alpha1.DataService](r),
		Events: r.Events,
	}
	guard := reconcile.Guard{Client: r.Client, Kind: v1alpha1.KindDataService, Next: loop,
		Meanwhile: "Links to it are closed.",
	}
	return watches.Controller(mgr, "dataservice", 1).
		For(&v1alpha1.DataService{}).
		Watches(&v1alpha1.DataService{}, watches.Self(), watches.Closing()).
		Watches(&v1alpha1.DataService{}, watches.Map(r.rivals), watches.GateChanged(v1alpha1.ConditionDatasetOwned)).
		Watches(&v1alpha1.AgencyPortal{}, watches.Map(r.claimsOfPortal), watches.PortalGate(v1alpha1.ConditionReady)).
		Watches(&v1alpha1.Agency{}, watches.Map(r.claimsOfAgency), watches.SpecChanged()).
		Watches(&v1alpha1.SharedPlatform{}, watches.Map(r.servicesOfPlatform), watches.PlatformGate()).
		Watches(&v1alpha1.SecurityPolicy{}, watches.MapLow(r.servicesOfPolicy), watches.StandardChanged()).
		Watches(&v1alpha1.DataSharingLink{}, watches.MapLater(serviceOfLink), watches.GateChanged(v1alpha1.ConditionPolicyPaired)).
		Complete(guard)
}

// What the loop finds in this kind.
var (
	_ reconcile.Kind[*v1alpha1.DataService, service.Input, service.Output] = (*Reconciler)(nil)
	_ reconcile.Fail[*v1alpha1.DataService, service.Input]                 = (*Reconciler)(nil)
)

// Gather reads what decides about a service.
func (r *Reconciler) Gather(ctx context.Context, s *v1alpha1.DataService) (service.Input, error) {
	return service.Gather(ctx, r.Client, r.Settings, s, r.Now()) //nolint:wrapcheck // wrapped there
}

// Decide decides about a service.
func (r *Reconciler) Decide(in service.Input) service.Output { return service.Decide(in) }

// Status says what was decided.
func (r *Reconciler) Status(in service.Input, out service.Output, _ child.Result, _ error) {
	service.SetStatus(in, out)
}

// Failed says what is not known.
func (r *Reconciler) Failed(_ context.Context, s *v1alpha1.DataService, _ service.Input, _ error) error {
	service.SetLookupFailed(s)
	return nil
}

// rivals maps a service to the others that claim its dataset.
func (r *Reconciler) rivals(ctx context.Context, o client.Object) []ctrl.Request {
	s, ok := o.(*v1alpha1.DataService)
	if !ok {
		return nil
	}
	return r.list(ctx, client.MatchingFields{names.IndexServiceDataset: string(s.Spec.Dataset)})
}

// claimsOfPortal maps a portal to its services and to the rivals of each: a claim
// counts while its portal does.
func (r *Reconciler) claimsOfPortal(ctx context.Context, o client.Object) []ctrl.Request {
	return r.withRivals(ctx, client.InNamespace(o.GetNamespace()), client.MatchingFields{names.IndexServicePortal: o.GetName()})
}

// claimsOfAgency does the same for all services of an agency.
func (r *Reconciler) claimsOfAgency(ctx context.Context, o client.Object) []ctrl.Request {
	return r.withRivals(ctx, client.InNamespace(names.Namespace(o.GetName())))
}

func (r *Reconciler) withRivals(ctx context.Context, opts ...client.ListOption) []ctrl.Request {
	var list v1alpha1.DataServiceList
	if err := r.Client.List(ctx, &list, append(opts, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)...); err != nil {
		log.FromContext(ctx).Error(err, "Could not list services for an event")
		return nil
	}
	datasets := map[string]bool{}
	for i := range list.Items {
		datasets[string(list.Items[i].Spec.Dataset)] = true
	}
	var out []ctrl.Request
	for dataset := range datasets {
		out = append(out, r.list(ctx, client.MatchingFields{names.IndexServiceDataset: dataset})...)
	}
	return out
}

// servicesOfPlatform maps a platform to the services of the portal that it is.
func (r *Reconciler) servicesOfPlatform(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SharedPlatform)
	if !ok || p.Spec.Endpoint.Portal == nil {
		return nil
	}
	end := p.Spec.Endpoint.Portal
	return r.list(ctx, client.InNamespace(names.Namespace(string(end.Agency))), client.MatchingFields{names.IndexServicePortal: string(end.Name)})
}

// servicesOfPolicy maps a policy to the services whose dataset it assigns, or
// assigned.
func (r *Reconciler) servicesOfPolicy(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SecurityPolicy)
	if !ok {
		return nil
	}
	var out []ctrl.Request
	for _, spec := range []*v1alpha1.SecurityPolicySpec{&p.Spec, policy.SpecInForce(p)} {
		if spec == nil || spec.DataSharing == nil {
			continue
		}
		for _, owner := range spec.DataSharing.DatasetOwners {
			out = append(out, r.list(ctx, client.MatchingFields{names.IndexServiceDataset: string(owner.Dataset)})...)
		}
	}
	return out
}

func serviceOfLink(_ context.Context, o client.Object) []ctrl.Request {
	l, ok := o.(*v1alpha1.DataSharingLink)
	if !ok {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: names.Namespace(string(l.Spec.Provider.Agency)), Name: string(l.Spec.Provider.Service)}}}
}

func (r *Reconciler) list(ctx context.Context, opts ...client.ListOption) []ctrl.Request {
	return watches.List(ctx, r.Client, &v1alpha1.DataServiceList{}, opts...)
}
