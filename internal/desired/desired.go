// Package desired turns a plain input into the objects that should exist and
// the findings that explain what should not. It is pure: no client, no clock,
// no logger; the controllers, the tests and "kubectl gov render" share it.
//
// Builders write every field that the API server would default, so that an
// object in the cluster can be compared to the letter and anything else in it
// is known to be somebody's change.
package desired

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/internal/names"
)

// Object is an object of the API. It has the same methods as the client
// library's, which this package must not import.
type Object interface {
	metav1.Object
	runtime.Object
}

// BlockerClass says what can lift a blocker.
type BlockerClass string

const (
	// Waiting is lifted by an event elsewhere: something that is missing appears.
	Waiting BlockerClass = "Waiting"
	// Terminal is lifted only by a change of the object or of a standard.
	Terminal BlockerClass = "Terminal"
)

// Blocker is a reason why the workload must not run.
type Blocker struct {
	Class   BlockerClass
	Reason  string
	Message string
}

// scope carries what all builders of one owner need.
type scope struct {
	owner     names.Owner
	agency    string
	portal    string
	namespace string
	reference bool
}

// meta returns the metadata of an object that is written for the owner.
func (s scope) meta(name string) metav1.ObjectMeta {
	labels := s.owner.Labels()
	if s.agency != "" {
		labels[names.LabelAgency] = s.agency
		labels[names.LabelPartOf] = s.agency
	}
	if s.portal != "" {
		labels[names.LabelPortal] = s.portal
		labels[names.LabelName] = s.portal
	}
	m := metav1.ObjectMeta{Name: name, Namespace: s.namespace, Labels: labels}
	if s.reference {
		m.OwnerReferences = []metav1.OwnerReference{s.owner.Reference()}
	}
	return m
}

func ptrTo[T any](v T) *T { return &v }
