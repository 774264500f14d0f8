// Package kinds is the table of the API's kinds: one row per kind, so that none
// can be forgotten where all are set up, counted, loaded, exported, completed or
// tested. Its test holds it against the files that every kind needs.
package kinds

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Object is an object of one of the kinds.
type Object interface {
	metav1.Object
	runtime.Object
	GetStatusBase() *v1alpha1.StatusBase
}

// List is a list of objects of one kind.
type List interface {
	metav1.ListInterface
	runtime.Object
}

// Descriptor is the row of one kind.
type Descriptor struct {
	Kind string
	// Plural is the name of the resource in paths and in rules of access.
	Plural string
	// Namespaced kinds stand in the namespaces of agencies, whose people write them.
	// All others are written by the authority or the platform team.
	Namespaced bool
	// Short is what its room, the folder in internal/kinds, is called; empty where that
	// is File.
	Short   string
	New     func() Object
	NewList func() List
	// Ready has the types of the conditions that Ready rests on, in the order in
	// which they explain it: the first that is not true gives the reason.
	Ready []string
	// Beside has the types of its other conditions, in the order of reading.
	Beside []string
	// Tells has the reasons of the Events on its objects besides those of children and of
	// conditions that every kind has.
	Tells []string
	// Header has the columns of "kubectl gov status"; nil for a kind that is shown
	// with another one.
	Header []string
}

// GVK returns group, version and kind.
func (d Descriptor) GVK() schema.GroupVersionKind { return v1alpha1.GroupVersion.WithKind(d.Kind) }

// ListGVK returns group, version and kind of its lists.
func (d Descriptor) ListGVK() schema.GroupVersionKind {
	return v1alpha1.GroupVersion.WithKind(d.Kind + "List")
}

// File is what the kind is called in the names of files and folders, and by its
// controller.
func (d Descriptor) File() string { return strings.ToLower(d.Kind) }

// Room is what its folder in internal/kinds is called.
func (d Descriptor) Room() string { return cmp.Or(d.Short, d.File()) }

// descriptors are in an order in which no kind rests on a later one.
var descriptors = []Descriptor{Agency, SecurityPolicy, SharedPlatform, AgencyPortal, DataService, DataSharingLink, DataSharingApproval}

// All returns the rows in an order in which no kind rests on a later one.
func All() []Descriptor { return slices.Clone(descriptors) }

// Namespaced returns the rows of what stands in the namespaces of agencies.
func Namespaced() []Descriptor {
	return slices.DeleteFunc(All(), func(d Descriptor) bool { return !d.Namespaced })
}

// Before returns the rows of what a kind may rest on.
func Before(d Descriptor) []Descriptor {
	return slices.Clone(descriptors[:slices.IndexFunc(descriptors, func(o Descriptor) bool { return o.Kind == d.Kind })])
}

// Of returns the row of a kind. The error names the kinds that there are.
func Of(kind string) (Descriptor, error) {
	var known []string
	for _, d := range descriptors {
		if d.Kind == kind {
			return d, nil
		}
		known = append(known, d.Kind)
	}
	slices.Sort(known)
	return Descriptor{}, fmt.Errorf("kind: is %q; use one of %s", kind, strings.Join(known, ", "))
}

// For returns the row of an object or of a list, by its Go type; ok is false for
// what is of no kind of the table.
func For(o runtime.Object) (d Descriptor, ok bool) {
	t := reflect.TypeOf(o)
	for _, d := range descriptors {
		if t == reflect.TypeOf(d.New()) || t == reflect.TypeOf(d.NewList()) {
			return d, true
		}
	}
	return Descriptor{}, false
}

// Listed reports whether a list is of one of the rows' kinds.
func Listed(list List, rows []Descriptor) bool {
	d, ok := For(list)
	return ok && slices.ContainsFunc(rows, func(r Descriptor) bool { return r.Kind == d.Kind })
}
