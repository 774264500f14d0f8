package unreadable

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Live returns a reader that reads objects of the platform's kinds one by one, so
// that one which can't be decoded does not keep the others from those who ask for
// them with Skip. For everybody else a list with such an object ends with Error.
func Live(next client.Reader, scheme *runtime.Scheme) client.Reader {
	return &liveReader{Reader: next, scheme: scheme}
}

type liveReader struct {
	client.Reader
	scheme *runtime.Scheme
}

// Get implements client.Reader.
func (r *liveReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	gvk, typed, err := r.typed(obj)
	if err != nil {
		return err
	}
	if !typed {
		return r.Reader.Get(ctx, key, obj, opts...) //nolint:wrapcheck // as the reader says it
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	if err := r.Reader.Get(ctx, key, u, opts...); err != nil {
		return err //nolint:wrapcheck // as the reader says it
	}
	return convert(u, obj)
}

// typed reports whether an object or list is of a Go type of the platform's kinds.
func (r *liveReader) typed(o runtime.Object) (schema.GroupVersionKind, bool, error) {
	switch o.(type) {
	case *metav1.PartialObjectMetadata, *metav1.PartialObjectMetadataList, *unstructured.Unstructured, *unstructured.UnstructuredList:
		return schema.GroupVersionKind{}, false, nil
	}
	gvk, err := apiutil.GVKForObject(o, r.scheme)
	if err != nil {
		return gvk, false, fmt.Errorf("read %T: %w", o, err)
	}
	return gvk, ours(gvk), nil
}

func convert(u *unstructured.Unstructured, into runtime.Object) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
		return &newEntry(u, err).Error
	}
	return nil
}

// List implements client.Reader.
func (r *liveReader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	gvk, typed, err := r.typed(list)
	if err != nil {
		return err
	}
	if !typed {
		return r.Reader.List(ctx, list, opts...) //nolint:wrapcheck // as the reader says it
	}
	raw := &unstructured.UnstructuredList{}
	raw.SetGroupVersionKind(gvk)
	if err := r.Reader.List(ctx, raw, opts...); err != nil {
		return err //nolint:wrapcheck // as the reader says it
	}
	skips := slices.Contains(opts, client.ListOption(Skip))
	items := make([]runtime.Object, 0, len(raw.Items))
	for i := range raw.Items {
		u := &raw.Items[i]
		o, err := r.scheme.New(u.GroupVersionKind())
		if err != nil {
			return fmt.Errorf("list %s: %w", gvk.Kind, err)
		}
		switch err := convert(u, o); {
		case err == nil:
			items = append(items, o)
		case !skips:
			return err
		}
	}
	if err := meta.SetList(list, items); err != nil {
		return fmt.Errorf("fill list: %w", err)
	}
	list.SetResourceVersion(raw.GetResourceVersion())
	list.SetContinue(raw.GetContinue())
	return nil
}
