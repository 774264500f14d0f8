package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LinkRoute says which way a link's traffic takes.
//
// +kubebuilder:validation:Enum=Platform;Direct
type LinkRoute string

const (
	// RoutePlatform goes from the consumer to the sharing platform and from
	// there to the provider (Decree 47/2020, article 46).
	RoutePlatform LinkRoute = "Platform"
	// RouteDirect goes from the consumer to the provider; policy must allow it.
	RouteDirect LinkRoute = "Direct"
)

// LinkConsumer is the end that asks.
type LinkConsumer struct {
	// portalRef names the consumer's portal in the link's own namespace.
	// +required
	PortalRef LocalReference `json:"portalRef"`
}

// LinkProvider is the end that is asked: a public catalogue entry.
type LinkProvider struct {
	// agency that provides the service.
	// +required
	Agency AgencyName `json:"agency"`
	// service is the name of the DataService.
	// +required
	Service ObjectName `json:"service"`
}

// RateLimit bounds the requests over a link.
type RateLimit struct {
	// requestsPerSecond, 1 to 100000.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond int32 `json:"requestsPerSecond"`
}

// DataSharingLinkSpec is a request to use a data service.
type DataSharingLinkSpec struct {
	// consumer is the end that asks.
	// +required
	Consumer LinkConsumer `json:"consumer"`
	// provider is the end that is asked.
	// +required
	Provider LinkProvider `json:"provider"`
	// purpose for which the data is used.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=500
	Purpose string `json:"purpose"`
	// legalBasis is the provision that allows it; personal data needs one.
	// +optional
	// +kubebuilder:validation:MaxLength=500
	LegalBasis string `json:"legalBasis,omitempty"`
	// operations of the service that are asked for.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations"`
	// validUntil is when the link closes.
	// +required
	ValidUntil metav1.Time `json:"validUntil"`
	// rateLimit bounds the requests.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
	// route of the traffic.
	// +optional
	// +kubebuilder:default=Platform
	Route LinkRoute `json:"route,omitempty"`
}

// DataSharingLinkStatus is what the operator observed.
type DataSharingLinkStatus struct {
	StatusBase `json:",inline"`
	// specHash is the hash of exactly what an approval approves.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	SpecHash string `json:"specHash,omitempty"`
	// phase is the state of the workflow in one word, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=40
	Phase string `json:"phase,omitempty"`
	// identifier of the service that is asked for.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Identifier string `json:"identifier,omitempty"`
}

// DataSharingLink is a consumer's request for data. Traffic passes only while
// the provider, and where it is required the authority, approve exactly this
// scope, and never after validUntil.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=datasharinglinks,singular=datasharinglink,shortName=dsl,categories=govplatform
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.provider.agency`
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.provider.service`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Valid-Until",type=date,JSONPath=`.spec.validUntil`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Hash",type=string,JSONPath=`.status.specHash`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters"
type DataSharingLink struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the request.
	// +required
	Spec DataSharingLinkSpec `json:"spec"`
	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={}
	Status DataSharingLinkStatus `json:"status,omitempty"`
}

// DataSharingLinkList is a list of links.
//
// +kubebuilder:object:root=true
type DataSharingLinkList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataSharingLink `json:"items"`
}

// GetStatusBase returns what the status of every kind has.
func (l *DataSharingLink) GetStatusBase() *StatusBase { return &l.Status.StatusBase }
