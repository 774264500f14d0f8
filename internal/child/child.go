// Package child is the table of what the operator emits: one row per kind. What
// is written first, what goes first, what the caches hold and where an owner's
// children are looked for all derive from it, so a kind can't be forgotten in
// one of them.
package child

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is an object of the API.
type Object interface {
	metav1.Object
	runtime.Object
}

// List is a list of objects of the API.
type List interface {
	metav1.ListInterface
	runtime.Object
}

// Stage is when a child is written: what restricts comes before what runs.
type Stage int

const (
	// StageNamespace is where everything else stands.
	StageNamespace Stage = iota
	// StageGuard restricts.
	StageGuard
	// StageOpening lets traffic pass. It comes before the workload, which needs
	// names to start.
	StageOpening
	// StageSupport is what a workload needs and who may do what.
	StageSupport
	// StageWorkload runs, or makes more of what runs.
	StageWorkload
)

// Row is one emitted kind.
type Row struct {
	GVK     schema.GroupVersionKind
	New     func() Object
	NewList func() List
	// Stage at which it is written; of network policies, that of one that only
	// denies. See StageOf.
	Stage Stage
	// Removal ranks the kinds when they are removed: the lowest goes first. It is the
	// place of the row.
	Removal int
	// Owners are the kinds that emit it.
	Owners []string
	// Grants is true when its being there lets something run or somebody act, so
	// that its removal only ever closes. It goes even when other writes fail.
	Grants bool
	// Merge takes into a shallow copy of what is there all that the operator writes
	// besides the metadata, and changes nothing that the copy shares. What the API server
	// or another controller owns by design stays.
	Merge func(want, merged Object) error
	// Fixed names the fields that differ and that the API server lets nobody
	// change; nil for a kind without such fields.
	Fixed func(want, live Object) []string
	// Revoke is true when a fixed field that differs gives rights that nobody
	// wants, so that the object goes even if it can't be made anew.
	Revoke bool
}

// StageOf returns when an object of the row's kind is written.
func (r Row) StageOf(o Object) Stage {
	if Opens(o) {
		return StageOpening
	}
	return r.Stage
}

// Of returns the row of a kind. Versions do not matter: a kind is written at one.
func Of(kind schema.GroupKind) (Row, error) {
	for _, r := range rows {
		if r.GVK.GroupKind() == kind {
			return r, nil
		}
	}
	return Row{}, fmt.Errorf("kind %s is not in the table of what the operator emits", kind)
}

// For returns the row of an object, which need not say its kind; ok is false for
// an object that the operator does not emit.
func For(o Object) (row Row, ok bool) {
	row, ok = typed()[reflect.TypeOf(o)]
	return row, ok
}

var typed = sync.OnceValue(func() map[reflect.Type]Row {
	out := map[reflect.Type]Row{}
	for _, r := range rows {
		out[reflect.TypeOf(r.New())] = r
	}
	return out
})

// Rows returns all rows in the order of removal.
func Rows() []Row { return slices.Clone(rows) }

// EmittedBy returns the rows of what an owner's kind emits, in the order of
// removal.
// They are asked for in every round, so they are not made for each: leave them as they are.
func EmittedBy(owner string) []Row { return emitted()[owner] }

var emitted = sync.OnceValue(func() map[string][]Row {
	out := map[string][]Row{}
	for _, r := range rows {
		for _, owner := range r.Owners {
			out[owner] = append(out[owner], r)
		}
	}
	return out
})

// Opens tells a network policy that lets traffic pass from everything else.
func Opens(o Object) bool {
	p, ok := o.(*networkingv1.NetworkPolicy)
	return ok && len(p.Spec.Egress)+len(p.Spec.Ingress) > 0
}
