package apply

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// portalKind is the only kind with children other than network policies that
// stand beside it.
const portalKind = "AgencyPortal"

// orphanKinds are the kinds that stand in their owner's namespace, workloads
// first.
func orphanKinds() []client.ObjectList {
	return []client.ObjectList{
		&autoscalingv2.HorizontalPodAutoscalerList{}, &appsv1.DeploymentList{}, &corev1.ServiceList{},
		&policyv1.PodDisruptionBudgetList{}, &corev1.ServiceAccountList{},
	}
}

// RemoveOrphans removes the children of an owner that no longer exists and that
// the garbage collector was told to leave alone: whoever deletes an object may
// ask for that, and its workload would run on under no policy. Network policies
// are found in every namespace: whoever may edit an owner may also take its
// finalizer off, and traffic would stay open that nobody could close. Children
// that still have their owner reference are the garbage collector's, and those
// of the living owner are not orphans.
func (a *Applier) RemoveOrphans(ctx context.Context, kind string, key client.ObjectKey, owner types.UID) error {
	orphans, err := a.orphans(ctx, kind, key, owner)
	if err != nil || len(orphans) == 0 {
		return err
	}
	// The caches of two kinds need not be of one moment, so what would be lost
	// is decided by the API server.
	living := &metav1.PartialObjectMetadata{}
	living.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if err := a.Live.Get(ctx, key, living); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("recheck %s %s: %w", kind, key, err)
	} else if apierrors.IsNotFound(err) {
		living.UID = ""
	}
	for _, o := range orphans {
		if o.GetLabels()[names.LabelOwnerUID] == string(living.UID) {
			continue
		}
		if err := a.delete(ctx, o); err != nil {
			return fmt.Errorf("remove orphaned %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

func (a *Applier) orphans(ctx context.Context, kind string, key client.ObjectKey, living types.UID) ([]client.Object, error) {
	var out []client.Object
	take := func(o client.Object) {
		uid := o.GetLabels()[names.LabelOwnerUID]
		if uid != "" && uid != string(living) && len(o.GetOwnerReferences()) == 0 && o.GetDeletionTimestamp() == nil {
			out = append(out, o)
		}
	}
	policies, err := a.policiesOf(ctx, names.Owner{Kind: kind, Namespace: key.Namespace, Name: key.Name})
	if err != nil {
		return nil, err
	}
	for i := range policies {
		take(&policies[i])
	}
	if kind == portalKind {
		for _, list := range orphanKinds() {
			if err := a.Client.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{names.LabelOwnerKind: kind, names.LabelOwnerNamespace: key.Namespace, names.LabelOwnerName: key.Name}, client.UnsafeDisableDeepCopy); err != nil {
				return nil, fmt.Errorf("list orphans: %w", err)
			}
			items, err := meta.ExtractList(list)
			if err != nil {
				return nil, fmt.Errorf("list orphans: %w", err)
			}
			for _, item := range items {
				if o, ok := item.(client.Object); ok {
					take(o)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(x, y client.Object) int { return stageOfRemoval(x) - stageOfRemoval(y) })
	return out, nil
}

// policiesOf lists the network policies of everything that has had the owner's
// kind, namespace and name, wherever they are.
func (a *Applier) policiesOf(ctx context.Context, owner names.Owner) ([]networkingv1.NetworkPolicy, error) {
	var list networkingv1.NetworkPolicyList
	if err := a.Client.List(ctx, &list, client.MatchingFields{names.IndexOwner: owner.Key()}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list network policies of %s: %w", owner.Key(), err)
	}
	return list.Items, nil
}

// unrecorded adds to an inventory the openings that the owner has and that no
// status names: the operator may have died, or the API server been away,
// between the write of the opening and that of the status.
func (a *Applier) unrecorded(ctx context.Context, owner names.Owner, inventory []v1alpha1.InventoryEntry) ([]v1alpha1.InventoryEntry, error) {
	policies, err := a.policiesOf(ctx, owner)
	if err != nil {
		return inventory, err
	}
	keep := keepOf(inventory)
	for i := range policies {
		p := &policies[i]
		if p.Labels[names.LabelOwnerUID] != string(owner.UID) || !opens(p) {
			continue
		}
		e := v1alpha1.InventoryEntry{Group: networkingv1.GroupName, Kind: "NetworkPolicy", Namespace: p.Namespace, Name: p.Name, UID: p.UID}
		keep[entryKey(e)] = e
	}
	return inventoryOf(keep), nil
}

// stageOfRemoval puts what lets traffic pass before everything else.
func stageOfRemoval(o client.Object) int {
	if p, ok := o.(*networkingv1.NetworkPolicy); ok && opens(p) {
		return 0
	}
	return 1
}
