// Package datasharingapproval tells approvers whether their decision is for the
// present scope of its link. It opens and closes nothing: links do.
package datasharingapproval

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/approval"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
)

// Reconciler reconciles approvals.
type Reconciler struct {
	Client   client.Client
	Settings settings.Settings
	// Events takes what happens to approvals; nil for none.
	Events events.Recorder
}

// +kubebuilder:rbac:groups=platform.gov.vn,resources=datasharingapprovals;datasharinglinks,verbs=get;list;watch
// +kubebuilder:rbac:groups=platform.gov.vn,resources=datasharingapprovals/status,verbs=patch

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	loop := reconcile.Loop[*v1alpha1.DataSharingApproval]{
		Client: r.Client,
		New:    func() *v1alpha1.DataSharingApproval { return &v1alpha1.DataSharingApproval{} },
		Run:    reconcile.Round[*v1alpha1.DataSharingApproval](r),
		Events: r.Events,
	}
	guard := reconcile.Guard{Client: r.Client, Kind: v1alpha1.KindDataSharingApproval, Next: loop,
		Meanwhile: "It counts as a suspension of its link, or of every link that its side decides about if it does not say which.",
	}
	return watches.Controller(mgr, "datasharingapproval", 1).
		For(&v1alpha1.DataSharingApproval{}).
		Watches(&v1alpha1.DataSharingApproval{}, watches.Self(), watches.Closing()).
		Watches(&v1alpha1.DataSharingLink{}, watches.Map(r.approvalsOfLink), scopeChanged()).
		Complete(guard)
}

// What the loop finds in this kind.
var (
	_ reconcile.Kind[*v1alpha1.DataSharingApproval, approval.Input, approval.Output] = (*Reconciler)(nil)
	_ reconcile.Fail[*v1alpha1.DataSharingApproval, approval.Input]                  = (*Reconciler)(nil)
)

// Gather reads what decides about an approval.
func (r *Reconciler) Gather(ctx context.Context, a *v1alpha1.DataSharingApproval) (approval.Input, error) {
	return approval.Gather(ctx, r.Client, r.Settings, a) //nolint:wrapcheck // wrapped there
}

// Decide decides about an approval.
func (r *Reconciler) Decide(in approval.Input) approval.Output { return approval.Decide(in) }

// Status says what was decided.
func (r *Reconciler) Status(in approval.Input, out approval.Output, _ child.Result, _ error) {
	approval.SetStatus(in, out)
}

// Failed says that the link could not be read.
func (r *Reconciler) Failed(_ context.Context, _ *v1alpha1.DataSharingApproval, in approval.Input, _ error) error {
	approval.SetLookupFailed(in)
	return nil
}

func (r *Reconciler) approvalsOfLink(ctx context.Context, o client.Object) []ctrl.Request {
	return watches.List(ctx, r.Client, &v1alpha1.DataSharingApprovalList{},
		client.MatchingFields{names.IndexApprovalLink: o.GetNamespace() + "/" + o.GetName()})
}

func scopeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.DataSharingLink)
		after, ok2 := e.ObjectNew.(*v1alpha1.DataSharingLink)
		return !ok1 || !ok2 || before.Status.SpecHash != after.Status.SpecHash || before.Generation != after.Generation
	}}
}
