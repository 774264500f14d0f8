package link

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/read"
)

// OtherPods names the pods at the ends of a link that is about to open, or whose
// ends are not settled, which run another program than its scope says, sorted. They
// are asked of the API server itself: what opens rests on what runs, not on what
// somebody has noted of it.
func OtherPods(ctx context.Context, r, live client.Reader, l *v1alpha1.DataSharingLink, out Output) ([]string, error) {
	opening, err := missing(ctx, r, out.Objects)
	if err != nil {
		return nil, err
	}
	opening = opening || l.Status.SpecHash != out.Hash
	var other []string
	for _, end := range []*v1alpha1.LinkScopeEnd{&out.Scope.Consumer, &out.Scope.Provider, out.Scope.Via} {
		if end == nil {
			continue
		}
		namespace := names.Namespace(string(end.Agency))
		deployment, err := read.Get[appsv1.Deployment](ctx, r, client.ObjectKey{Namespace: namespace, Name: end.Name})
		if err != nil {
			return nil, fmt.Errorf("read deployment of an end: %w", err)
		}
		if !opening && portal.Settled(deployment, end.Image) {
			continue
		}
		var pods corev1.PodList
		if err := live.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{names.LabelPortal: end.Name}); err != nil {
			return nil, fmt.Errorf("list pods of an end: %w", err)
		}
		for i := range pods.Items {
			if portal.OtherProgram(&pods.Items[i], end.Image) {
				other = append(other, namespace+"/"+pods.Items[i].Name)
			}
		}
	}
	slices.Sort(other)
	return slices.Compact(other), nil
}

// missing reports whether one of a link's network policies does not exist.
func missing(ctx context.Context, r client.Reader, objects []object.Object) (bool, error) {
	for _, o := range objects {
		p, err := read.Get[networkingv1.NetworkPolicy](ctx, r, client.ObjectKeyFromObject(o))
		if err != nil {
			return false, fmt.Errorf("read network policy: %w", err)
		}
		if p == nil {
			return true, nil
		}
	}
	return false, nil
}
