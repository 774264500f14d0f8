package kindtest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	cachetest "k8s.io/client-go/tools/cache/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/tally"
)

// Counting reads from a cache like the operator's own, with the same indexes and
// without an API server, and counts what that costs. Its writes fail.
type Counting struct {
	client.Client
	reader client.Reader
	// Lists were asked for; Objects is the number of objects that lists and gets returned.
	Lists, Objects int
	tally.Stores
}

// Having implements read.Tally.
func (c *Counting) Having(kind, field, value string) ([]client.Object, error) {
	c.Lists++
	found, err := c.Stores.Having(kind, field, value)
	c.Objects += len(found)
	return found, err //nolint:wrapcheck // the store's own
}

// Get implements client.Reader.
func (c *Counting) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	c.Objects++
	return c.reader.Get(ctx, key, into, opts...) //nolint:wrapcheck // the reader's own
}

// List implements client.Reader.
func (c *Counting) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	c.Lists++
	err := c.reader.List(ctx, into, opts...)
	c.Objects += meta.LenList(into)
	return err //nolint:wrapcheck // the reader's own
}

// Cost is how many objects something reads.
func (c *Counting) Cost(f func()) (lists, objects int) {
	c.Lists, c.Objects = 0, 0
	f()
	return c.Lists, c.Objects
}

// Cache returns a cache that has some objects.
func Cache(tb testing.TB, register func(context.Context, client.FieldIndexer) error, objects ...client.Object) *Counting {
	tb.Helper()
	scheme := runtime.NewScheme()
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, clientscheme.AddToScheme} {
		if err := add(scheme); err != nil {
			tb.Fatal(err)
		}
	}
	ofCluster := map[string]bool{v1alpha1.KindAgency: true, v1alpha1.KindSharedPlatform: true, v1alpha1.KindSecurityPolicy: true, "Namespace": true}
	for gvk := range scheme.AllKnownTypes() {
		var scope meta.RESTScope = meta.RESTScopeNamespace
		if ofCluster[gvk.Kind] {
			scope = meta.RESTScopeRoot
		}
		mapper.Add(gvk, scope)
	}
	of := map[schema.GroupVersionKind]*cachetest.FakeControllerSource{}
	source := func(o runtime.Object) *cachetest.FakeControllerSource {
		gvk, err := apiutil.GVKForObject(o, scheme)
		if err != nil {
			tb.Fatal(err)
		}
		if of[gvk] == nil {
			of[gvk] = cachetest.NewFakeControllerSource()
		}
		return of[gvk]
	}
	for _, o := range objects {
		source(o).AddDropWatch(o)
	}
	filled, err := cache.New(&rest.Config{}, cache.Options{
		HTTPClient: http.DefaultClient, Scheme: scheme, Mapper: mapper,
		NewInformer: func(_ toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
			return toolscache.NewSharedIndexInformer(source(o), o, resync, indexers)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := register(tb.Context(), filled); err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	tb.Cleanup(stop)
	go func() { _ = filled.Start(ctx) }()
	if !filled.WaitForCacheSync(tb.Context()) {
		tb.Fatal("the cache is not filled")
	}
	return &Counting{reader: filled}
}

// Tally counts some objects by fields, as the operator's own caches do.
func Tally(tb testing.TB, fields func(kind string) []tally.Field, objects ...client.Object) tally.Stores {
	tb.Helper()
	stores := map[string]toolscache.Indexer{}
	for _, d := range kinds.All() {
		stores[d.Kind] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, tally.Indexers(nil, fields(d.Kind)...))
	}
	for _, o := range objects {
		if d, ok := kinds.For(o); ok {
			if err := stores[d.Kind].Add(o); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return func(kind string) (toolscache.Indexer, error) { return stores[kind], nil }
}
