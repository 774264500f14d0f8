// Package unreadable keeps objects of the platform's kinds that Go cannot decode
// away from the caches, which would stop for them, and makes sure that nobody
// takes such an object for one that does not exist: that would loosen what it
// says. The schema refuses what cannot be decoded, so there should be none.
package unreadable

import (
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Error is what a read of an unreadable object ends with. It is no NotFound.
type Error struct {
	Kind string
	Key  types.NamespacedName
	// Cause says what could not be decoded.
	Cause string
	// Suspended is true for an Agency that says that it is suspended, or goes.
	Suspended bool
	// OwnsDatasets is true for a SecurityPolicy that may assign datasets.
	OwnsDatasets bool
	// selectors of a SecurityPolicy, as it is written and as it is in force; nil when
	// one of them cannot be read either.
	selectors []v1alpha1.PolicySelector
	// portal and dataset of a DataService; empty when they cannot be read either.
	portal, dataset string
}

// ClaimsDataset reports whether a DataService that cannot be read names a dataset.
func (e *Error) ClaimsDataset(dataset string) bool { return e.dataset == dataset }

// MayShareData reports whether a DataService that cannot be read may be about the same
// data as one of its agency with a portal and a dataset.
func (e *Error) MayShareData(portal, dataset string) bool {
	return e.portal == "" || e.portal == portal || e.dataset == "" || e.dataset == dataset
}

// MaySelect reports whether a SecurityPolicy that cannot be read may be about what
// its selector is asked for: one selects it, or nobody knows whom it selects.
func (e *Error) MaySelect(selects func(v1alpha1.PolicySelector) bool) bool {
	return len(e.selectors) == 0 || slices.ContainsFunc(e.selectors, selects)
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s %s cannot be read: %s", e.Kind, e.Key, e.Cause)
}

// Entry of one unreadable object. It holds the parts that closing needs, since
// the object may be large.
type Entry struct {
	Error
	round   uint64
	Object  *unstructured.Unstructured // metadata, status.conditions, and what is named below
	values  map[string]bool            // short texts of a cluster-scoped object's spec
	linkRef *v1alpha1.LinkReference    // of an approval; nil when not even that can be read
	side    v1alpha1.LinkSide          // of an approval, as it is on record
}

// Registry knows the unreadable objects. It is safe for concurrent use.
type Registry struct {
	mu      sync.Mutex
	objects map[string]map[types.NamespacedName]*Entry
	rounds  map[string]uint64
	changed func(kind string, key types.NamespacedName)
}

// NewRegistry returns an empty registry, which reports each object that becomes
// unreadable or changes while it is.
func NewRegistry(changed func(kind string, key types.NamespacedName)) *Registry {
	return &Registry{objects: map[string]map[types.NamespacedName]*Entry{}, rounds: map[string]uint64{}, changed: changed}
}

// Counts returns the number of unreadable objects of each kind that had one.
func (r *Registry) Counts() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]int, len(r.objects))
	for kind, objects := range r.objects {
		out[kind] = len(objects)
	}
	return out
}

func (r *Registry) lookUp(kind string, key types.NamespacedName) *Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.objects[kind][key]
}

func (r *Registry) of(kind string) []*Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*Entry
	for _, e := range r.objects[kind] {
		out = append(out, e)
	}
	return out
}

func (r *Registry) add(u *unstructured.Unstructured, cause error) {
	kind := u.GetKind()
	key := types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
	e := newEntry(u, cause)
	r.mu.Lock()
	if r.objects[kind] == nil {
		r.objects[kind] = map[types.NamespacedName]*Entry{}
	}
	before := r.objects[kind][key]
	e.round = r.rounds[kind]
	r.objects[kind][key] = e
	r.mu.Unlock()
	if before == nil || before.Cause != e.Cause {
		ctrl.Log.WithName("unreadable").Error(&e.Error, "An object cannot be read and is left out; what rests on it is held or closed", "kind", kind, "namespace", key.Namespace, "name", key.Name, "uid", u.GetUID())
	}
	r.changed(kind, key)
}

// remove forgets an object that is gone or can be read again.
func (r *Registry) remove(kind string, key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.objects[kind], key)
}

// begin starts a round of looking at all objects of a kind, and finish forgets
// those that the round has not seen.
func (r *Registry) begin(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rounds[kind]++
}

func (r *Registry) finish(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, e := range r.objects[kind] {
		if e.round < r.rounds[kind] {
			delete(r.objects[kind], key)
		}
	}
}

// maxValues and maxLength bound what is remembered of a spec.
const (
	maxValues = 256
	maxLength = 253
)

func newEntry(u *unstructured.Unstructured, cause error) *Entry {
	e := &Entry{
		Error:  Error{Kind: u.GetKind(), Key: types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}, Cause: cause.Error()},
		Object: &unstructured.Unstructured{Object: map[string]any{"apiVersion": u.GetAPIVersion(), "kind": u.GetKind()}},
	}
	if len(e.Cause) > 1024 {
		e.Cause = e.Cause[:1024]
	}
	o := e.Object
	o.SetName(u.GetName())
	o.SetNamespace(u.GetNamespace())
	o.SetUID(u.GetUID())
	o.SetGeneration(u.GetGeneration())
	o.SetResourceVersion(u.GetResourceVersion())
	o.SetFinalizers(u.GetFinalizers())
	o.SetDeletionTimestamp(u.GetDeletionTimestamp())
	if conditions, ok, err := unstructured.NestedSlice(u.Object, "status", "conditions"); ok && err == nil {
		_ = unstructured.SetNestedSlice(o.Object, conditions, "status", "conditions")
	}
	if u.GetNamespace() == "" {
		e.values = map[string]bool{}
		collectStrings(u.Object["spec"], e.values)
	}
	namespace, ok1, err1 := unstructured.NestedString(u.Object, "spec", "linkRef", "namespace")
	name, ok2, err2 := unstructured.NestedString(u.Object, "spec", "linkRef", "name")
	if ok1 && ok2 && err1 == nil && err2 == nil {
		e.linkRef = &v1alpha1.LinkReference{Namespace: v1alpha1.ObjectName(namespace), Name: v1alpha1.ObjectName(name)}
	}
	if e.Kind == v1alpha1.KindDataSharingApproval {
		side, _, _ := unstructured.NestedString(u.Object, "status", "side")
		e.side = v1alpha1.LinkSide(side)
	}
	e.known(u)
	return e
}

// known reads what closing, and whoever is not concerned, need to know of an
// object of which something else cannot be read.
func (e *Error) known(u *unstructured.Unstructured) {
	switch e.Kind {
	case v1alpha1.KindAgency:
		suspended, _, err := unstructured.NestedFieldNoCopy(u.Object, "spec", "suspended")
		e.Suspended = err == nil && suspended != nil && suspended != false || u.GetDeletionTimestamp() != nil
	case v1alpha1.KindDataService:
		// What is no text stays empty, which is about all data.
		e.portal, _, _ = unstructured.NestedString(u.Object, "spec", "portalRef", "name")
		e.dataset, _, _ = unstructured.NestedString(u.Object, "spec", "dataset")
	case v1alpha1.KindSecurityPolicy:
		for i, path := range [][]string{{"spec"}, {"status", "inForce"}} {
			field, ok, err := unstructured.NestedFieldNoCopy(u.Object, path...)
			if err == nil && !ok && i > 0 {
				continue // It never was in force.
			}
			spec, _ := field.(map[string]any)
			var sel v1alpha1.PolicySelector
			selector, isMap := spec["selector"].(map[string]any)
			if !isMap || runtime.DefaultUnstructuredConverter.FromUnstructured(selector, &sel) != nil {
				e.selectors, e.OwnsDatasets = nil, true
				return
			}
			e.selectors = append(e.selectors, sel)
			e.OwnsDatasets = e.OwnsDatasets || spec["dataSharing"] != nil
		}
	}
}

func collectStrings(v any, into map[string]bool) {
	switch x := v.(type) {
	case string:
		if len(into) < maxValues && len(x) <= maxLength {
			into[x] = true
		}
	case map[string]any:
		for _, child := range x {
			collectStrings(child, into)
		}
	case []any:
		for _, child := range x {
			collectStrings(child, into)
		}
	}
}

// notFound is for objects that the cache leaves out.
func isNotFound(err error) bool { return apierrors.IsNotFound(err) }

// ours reports whether a kind is of the platform's group.
func ours(gvk schema.GroupVersionKind) bool { return gvk.Group == v1alpha1.GroupVersion.Group }
