package sample

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
)

// metricsInterval is how often pods are looked for.
const metricsInterval = 2 * time.Second

var podMetrics = schema.GroupVersionKind{Group: "metrics.k8s.io", Version: "v1beta1", Kind: "PodMetrics"}

// Metrics stands in for a metrics server until the context ends: it serves
// metrics.k8s.io as a custom resource and measures a little cpu for every pod of
// a portal, so that autoscalers work as they do on a real cluster.
func Metrics(ctx context.Context, c client.Client) error {
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "pods.metrics.k8s.io", "annotations": map[string]any{"api-approved.kubernetes.io": "unapproved, a stand-in for tests"}},
		"spec": map[string]any{
			"group": podMetrics.Group, "scope": "Namespaced",
			"names": map[string]any{"plural": "pods", "singular": "podmetrics", "kind": podMetrics.Kind, "listKind": "PodMetricsList"},
			"versions": []any{map[string]any{"name": podMetrics.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
		},
	}}
	if err := c.Create(ctx, crd); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("install the stand-in for metrics: %w", err)
	}
	go func() {
		measured := map[string]bool{}
		for ctx.Err() == nil {
			// What fails now, such as before the kind is served, is tried again.
			measure(ctx, c, measured)
			select {
			case <-ctx.Done():
			case <-time.After(metricsInterval):
			}
		}
	}()
	return nil
}

func measure(ctx context.Context, c client.Client, measured map[string]bool) {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.HasLabels{names.LabelPortal}); err != nil {
		return
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if measured[string(p.UID)] || p.DeletionTimestamp != nil {
			continue
		}
		m := &unstructured.Unstructured{}
		m.SetGroupVersionKind(podMetrics)
		m.SetNamespace(p.Namespace)
		m.SetName(p.Name)
		m.SetLabels(p.Labels)
		m.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: p.Name, UID: p.UID}})
		// An autoscaler passes over what was measured before a pod was ready.
		m.Object["timestamp"] = time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
		m.Object["window"] = "10s"
		var containers []any
		for _, ct := range p.Spec.Containers {
			containers = append(containers, map[string]any{"name": ct.Name, "usage": map[string]any{"cpu": "10m", "memory": "32Mi"}})
		}
		m.Object["containers"] = containers
		if err := c.Create(ctx, m); err == nil || apierrors.IsAlreadyExists(err) {
			measured[string(p.UID)] = true
		}
	}
}
