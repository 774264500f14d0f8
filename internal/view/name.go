package view

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/names"
)

// AgencyOf returns the agency of a namespace, or the namespace where it is no agency's.
func AgencyOf(namespace string) string {
	if agency, ok := names.AgencyOf(namespace); ok {
		return agency
	}
	return namespace
}

// ObjectName is an object's namespace and name for people.
func ObjectName(o metav1.Object) string {
	if o.GetNamespace() == "" {
		return o.GetName()
	}
	return o.GetNamespace() + "/" + o.GetName()
}
