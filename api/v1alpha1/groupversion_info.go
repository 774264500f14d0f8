// Package v1alpha1 holds the API of the shared digital-government platform.
//
// The types carry everything that one object can decide about itself: bounds,
// formats and CEL rules. What needs a second object is decided by the
// controllers and reported in conditions.
//
// +kubebuilder:object:generate=true
// +groupName=platform.gov.vn
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "platform.gov.vn", Version: "v1alpha1"}

// The kinds of this package. internal/kinds has one row for each.
const (
	KindAgency              = "Agency"
	KindSecurityPolicy      = "SecurityPolicy"
	KindSharedPlatform      = "SharedPlatform"
	KindAgencyPortal        = "AgencyPortal"
	KindDataService         = "DataService"
	KindDataSharingLink     = "DataSharingLink"
	KindDataSharingApproval = "DataSharingApproval"
)

// AddToScheme registers the kinds of this package with a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Agency{}, &AgencyList{},
		&AgencyPortal{}, &AgencyPortalList{},
		&SecurityPolicy{}, &SecurityPolicyList{},
		&DataService{}, &DataServiceList{},
		&DataSharingApproval{}, &DataSharingApprovalList{},
		&DataSharingLink{}, &DataSharingLinkList{},
		&SharedPlatform{}, &SharedPlatformList{},
		// +kubebuilder:scaffold:types
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
