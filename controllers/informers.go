package controllers

import (
	"reflect"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
)

// newInformer is what a cache calls to make an informer.
type newInformer = func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer

// informers knows the informers of all caches, so that those that do not sync
// can be named.
type informers struct {
	mu     sync.Mutex
	synced map[string]func() bool
}

func newInformers() *informers { return &informers{synced: map[string]func() bool{}} }

// tracked returns a constructor that remembers what it makes.
func (t *informers) tracked(prefix string) newInformer {
	return func(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		i := toolscache.NewSharedIndexInformer(lw, o, resync, indexers)
		t.add(prefix+kindOf(o), i.HasSynced)
		return i
	}
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
