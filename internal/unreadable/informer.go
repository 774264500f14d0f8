package unreadable

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	k8sserializer "k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// NewInformer is what a cache calls to make an informer.
type NewInformer = func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer

// Informers returns a constructor whose informers of the platform's kinds leave
// out what cannot be decoded and tell the registry. Others are made by next.
func (r *Registry) Informers(cfg *rest.Config, scheme *runtime.Scheme, next NewInformer) (NewInformer, error) {
	cfg = rest.CopyConfig(cfg)
	gv := v1alpha1.GroupVersion
	cfg.GroupVersion, cfg.APIPath = &gv, "/apis"
	cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	cfg.NegotiatedSerializer = serializer{NegotiatedSerializer: k8sserializer.NewCodecFactory(scheme).WithoutConversion(), scheme: scheme, unreadable: r.add}
	httpClient, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("create client of tolerant caches: %w", err)
	}
	return r.informersWith(cfg, httpClient, scheme, next)
}

func (r *Registry) informersWith(cfg *rest.Config, httpClient *http.Client, scheme *runtime.Scheme, next NewInformer) (NewInformer, error) {
	c, err := rest.RESTClientForConfigAndClient(cfg, httpClient)
	if err != nil {
		return nil, fmt.Errorf("create client of tolerant caches: %w", err)
	}
	codec := runtime.NewParameterCodec(scheme)
	return func(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		d, ours := kinds.For(o)
		if !ours {
			return next(lw, o, resync, indexers)
		}
		t := &tolerant{registry: r, gvk: d.GVK(), resource: d.Plural, client: c, codec: codec, scheme: scheme}
		informer := next(&toolscache.ListWatch{ListWithContextFunc: t.list, WatchFuncWithContext: t.watch}, o, resync, indexers)
		t.store = informer.GetStore()
		return informer
	}, nil
}

// tolerant lists and watches one kind.
type tolerant struct {
	registry *Registry
	gvk      schema.GroupVersionKind
	resource string
	client   rest.Interface
	codec    runtime.ParameterCodec
	scheme   *runtime.Scheme
	store    toolscache.Store
}

func (t *tolerant) list(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
	if opts.Continue == "" {
		t.registry.begin(t.gvk.Kind)
	}
	list, err := t.scheme.New(t.gvk.GroupVersion().WithKind(t.gvk.Kind + "List"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.gvk.Kind, err)
	}
	if err := t.client.Get().Resource(t.resource).VersionedParams(&opts, t.codec).Do(ctx).Into(list); err != nil {
		return nil, err //nolint:wrapcheck // The reflector looks at the error.
	}
	if l, err := meta.ListAccessor(list); err == nil && l.GetContinue() == "" {
		t.registry.finish(t.gvk.Kind)
	}
	return list, nil
}

func (t *tolerant) watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	opts.Watch, opts.AllowWatchBookmarks = true, true
	if opts.SendInitialEvents != nil && *opts.SendInitialEvents {
		t.registry.begin(t.gvk.Kind)
	}
	w, err := t.client.Get().Resource(t.resource).VersionedParams(&opts, t.codec).Watch(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // The reflector looks at the error.
	}
	return change(w, t.event), nil
}

// event turns what cannot be read into a deletion: handlers learn that the
// object is not what it was, and reads of it fail by the registry, which knows
// it before.
func (t *tolerant) event(e watch.Event) watch.Event {
	if b, ok := e.Object.(*bad); ok {
		key := types.NamespacedName{Namespace: b.GetNamespace(), Name: b.GetName()}
		if e.Type == watch.Deleted {
			t.registry.remove(t.gvk.Kind, key)
		} else {
			t.registry.add(b.Unstructured, b.cause)
		}
		return watch.Event{Type: watch.Deleted, Object: t.lastOf(b)}
	}
	o, err := meta.Accessor(e.Object)
	if err != nil {
		return e
	}
	switch e.Type {
	case watch.Added, watch.Modified, watch.Deleted:
		t.registry.remove(t.gvk.Kind, types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()})
	case watch.Bookmark:
		if o.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			t.registry.finish(t.gvk.Kind)
		}
	}
	return e
}

// lastOf returns what was last known of an object, or what can be said of it.
func (t *tolerant) lastOf(b *bad) runtime.Object {
	key := b.GetName()
	if ns := b.GetNamespace(); ns != "" {
		key = ns + "/" + key
	}
	if o, ok, err := t.store.GetByKey(key); err == nil && ok {
		if last, ok := o.(client.Object); ok {
			last, _ = last.DeepCopyObject().(client.Object)
			last.SetResourceVersion(b.GetResourceVersion())
			return last
		}
	}
	o, err := t.scheme.New(t.gvk)
	if err != nil {
		return b.Unstructured
	}
	if known, ok := o.(client.Object); ok {
		known.SetName(b.GetName())
		known.SetNamespace(b.GetNamespace())
		known.SetUID(b.GetUID())
		known.SetResourceVersion(b.GetResourceVersion())
	}
	if a, ok := o.(*v1alpha1.DataSharingApproval); ok {
		if e := t.registry.lookUp(t.gvk.Kind, types.NamespacedName{Namespace: b.GetNamespace(), Name: b.GetName()}); e != nil && e.linkRef != nil {
			a.Spec.LinkRef = *e.linkRef
		}
	}
	return o
}
