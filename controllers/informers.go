package controllers

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
)

// newInformer is what a cache calls to make an informer.
type newInformer = func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer

// informers knows the informers of all caches, so that those that do not sync
// can be named, and what they hold of an owner can be found.
type informers struct {
	mu     sync.Mutex
	synced map[string]func() bool
	// emitted are those of the kinds that the operator emits.
	emitted map[schema.GroupVersionKind]toolscache.SharedIndexInformer
}

func newInformers() *informers {
	return &informers{synced: map[string]func() bool{}, emitted: map[schema.GroupVersionKind]toolscache.SharedIndexInformer{}}
}

// tracked returns a constructor that remembers what it makes.
func (t *informers) tracked(prefix string) newInformer {
	return func(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		row, emitted := ownRow(o)
		if emitted = emitted && prefix == ""; emitted {
			indexers = maps.Clone(indexers)
			indexers[names.IndexOwner] = ownersOf
		}
		i := toolscache.NewSharedIndexInformer(lw, o, resync, indexers)
		t.add(prefix+kindOf(o), i.HasSynced)
		if emitted {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.emitted[row.GVK] = i
		}
		return i
	}
}

func ownRow(o runtime.Object) (child.Row, bool) {
	c, ok := o.(client.Object)
	if !ok {
		return child.Row{}, false
	}
	return child.For(c)
}

// ownersOf is the index of what the operator writes by its owner. One beside the field
// indexes, which hold every key twice, with and without a namespace, and answer with a
// list that is made for it: both counted, for each kind of each portal.
func ownersOf(o any) ([]string, error) {
	m, err := meta.Accessor(o)
	if err != nil {
		return nil, fmt.Errorf("index by owner: %w", err)
	}
	return names.OwnerKeys(m), nil
}

// marked returns the objects of a kind that say that they were written for an owner, as
// the cache has them, which are not to be changed.
func (t *informers) marked(row child.Row, owner string) ([]client.Object, error) {
	t.mu.Lock()
	i := t.emitted[row.GVK]
	t.mu.Unlock()
	if i == nil || !i.HasSynced() {
		return nil, fmt.Errorf("the cache of %s is not filled yet", row.GVK.Kind)
	}
	found, err := i.GetIndexer().ByIndex(names.IndexOwner, owner)
	if err != nil {
		return nil, fmt.Errorf("find %s by its owner: %w", row.GVK.Kind, err)
	}
	out := make([]client.Object, 0, len(found))
	for _, o := range found {
		c, ok := o.(client.Object)
		if !ok {
			return nil, fmt.Errorf("%T is no object of the API", o)
		}
		out = append(out, c)
	}
	return out, nil
}

// add remembers an informer.
func (t *informers) add(name string, synced func() bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.synced[name] = synced
}

// names of all informers, sorted.
func (t *informers) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for name := range t.synced {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// missing names the informers that have not synced, sorted.
func (t *informers) missing() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for name, synced := range t.synced {
		if !synced() {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// kindOf returns the kind of an object that may say so only by its type.
func kindOf(o runtime.Object) string {
	if p, ok := o.(*metav1.PartialObjectMetadata); ok {
		return p.Kind
	}
	return reflect.TypeOf(o).Elem().Name()
}
