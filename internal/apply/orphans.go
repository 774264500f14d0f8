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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// orphanKinds are the kinds that have a namespaced owner, openings and
// workloads first.
func orphanKinds() []client.ObjectList {
	return []client.ObjectList{
		&autoscalingv2.HorizontalPodAutoscalerList{}, &appsv1.DeploymentList{}, &corev1.ServiceList{},
		&policyv1.PodDisruptionBudgetList{}, &corev1.ServiceAccountList{}, &networkingv1.NetworkPolicyList{},
	}
}

// RemoveOrphans removes the children of an owner that no longer exists and that
// the garbage collector was told to leave alone: whoever deletes an object may
// ask for that, and its workload would run on under no policy. Children that
// still have their owner reference are the garbage collector's.
func (a *Applier) RemoveOrphans(ctx context.Context, kind string, key client.ObjectKey) error {
	orphans, err := a.orphans(ctx, kind, key)
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

func (a *Applier) orphans(ctx context.Context, kind string, key client.ObjectKey) ([]client.Object, error) {
	var out []client.Object
	for _, list := range orphanKinds() {
		if err := a.Client.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{names.LabelOwnerKind: kind, names.LabelOwnerName: key.Name}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list orphans: %w", err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return nil, fmt.Errorf("list orphans: %w", err)
		}
		for _, item := range items {
			o, ok := item.(client.Object)
			if ok && o.GetLabels()[names.LabelOwnerUID] != "" && len(o.GetOwnerReferences()) == 0 && o.GetDeletionTimestamp() == nil {
				out = append(out, o)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y client.Object) int { return stageOfRemoval(x) - stageOfRemoval(y) })
	return out, nil
}

// stageOfRemoval puts what lets traffic pass before everything else.
func stageOfRemoval(o client.Object) int {
	if p, ok := o.(*networkingv1.NetworkPolicy); ok && opens(p) {
		return 0
	}
	return 1
}
