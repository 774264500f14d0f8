package controllers

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/metrics"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/tally"
)

// newInformer is what a cache calls to make an informer.
type newInformer = func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer

// informers knows the informers of all caches, so that those that do not sync
// can be named, and what they hold can be counted.
type informers struct {
	mu     sync.Mutex
	synced map[string]func() bool
	// stores are those of the operator's own cache, by kind.
	stores map[string]toolscache.SharedIndexInformer
}

func newInformers() *informers {
	return &informers{synced: map[string]func() bool{}, stores: map[string]toolscache.SharedIndexInformer{}}
}

// tracked returns a constructor that remembers what it makes.
func (t *informers) tracked(prefix string) newInformer {
	return func(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		fields := countedBy(o)
		own := prefix == "" && len(fields) > 0
		if own {
			indexers = tally.Indexers(indexers, fields...)
		}
		i := promptly{toolscache.NewSharedIndexInformer(lw, o, resync, indexers)}
		t.add(prefix+kindOf(o), i.HasSynced)
		if own {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.stores[kindOf(o)] = i
		}
		return i
	}
}

// countedBy is by what the objects of a kind are counted: what the operator emits by its
// owner, and its own kinds by what they say. It is beside the field indexes, which hold
// every key twice, with and without a namespace, and answer with a list that is made for
// the question: both counted, for each kind of each portal.
func countedBy(o runtime.Object) []tally.Field {
	object, ok := o.(client.Object)
	if !ok {
		return nil
	}
	if _, emitted := child.For(object); emitted {
		return []tally.Field{{Name: names.IndexOwner, Values: func(o client.Object) []string { return names.OwnerKeys(o) }}}
	}
	d, ok := kinds.For(o)
	if !ok {
		return nil
	}
	return append(metrics.Fields(d.Kind), securitypolicy.Fields(d.Kind)...)
}

// store returns the store of a kind once it is filled.
func (t *informers) store(kind string) (toolscache.Indexer, error) {
	t.mu.Lock()
	i := t.stores[kind]
	t.mu.Unlock()
	if i == nil {
		return nil, fmt.Errorf("there is no cache of %s", kind)
	}
	if !i.HasSynced() {
		return nil, fmt.Errorf("%s: %w", kind, tally.ErrNotFilled)
	}
	return i.GetIndexer(), nil
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
