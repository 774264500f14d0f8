package object

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/names"
)

// Scope carries what all builders of one owner need.
type Scope struct {
	Owner     names.Owner
	Agency    string
	Portal    string
	Namespace string
	Reference bool
}

// Meta returns the metadata of an object that is written for the owner.
func (s Scope) Meta(name string) metav1.ObjectMeta {
	labels := s.Owner.Labels()
	if s.Agency != "" {
		labels[names.LabelAgency] = s.Agency
		labels[names.LabelPartOf] = s.Agency
	}
	if s.Portal != "" {
		labels[names.LabelPortal] = s.Portal
		labels[names.LabelName] = s.Portal
	}
	m := metav1.ObjectMeta{Name: name, Namespace: s.Namespace, Labels: labels}
	if s.Reference {
		m.OwnerReferences = []metav1.OwnerReference{s.Owner.Reference()}
	}
	return m
}
