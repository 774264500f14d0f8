package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ObjectName is the name of an object in the same namespace. References carry
// no namespace, so a tenant can never point into another's.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be the name of an object: lower-case letters, digits and dashes"
type ObjectName string

// LocalReference names an object in the same namespace.
type LocalReference struct {
	// name of the object.
	// +required
	Name ObjectName `json:"name"`
}

// ShareMode says how data is shared under Decree 47/2020, article 23.
//
// +kubebuilder:validation:Enum=Online;Synchronised;Packaged
type ShareMode string

// Visibility says who sees the service in the catalogue. Seeing is not access.
//
// +kubebuilder:validation:Enum=Catalogue;Restricted
type Visibility string

const (
	// VisibilityCatalogue shows the service, once it is published, to whoever may
	// read agencies: in status.catalogue of its Agency.
	VisibilityCatalogue Visibility = "Catalogue"
	// VisibilityRestricted shows it to its own agency, the authority and the
	// platform team. Whoever shall use it is told its name and operations by the
	// agency.
	VisibilityRestricted Visibility = "Restricted"
)

// CatalogueEntry is a published service as everybody on the platform sees it:
// what a link needs to name, and not who uses the service.
type CatalogueEntry struct {
	// name of the DataService.
	Name ObjectName `json:"name"`
	// identifier of the service.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Identifier string `json:"identifier,omitempty"`
	// dataset that the service owns.
	Dataset ObjectName `json:"dataset"`
	// classification that the service gives to the data.
	Classification DataClassification `json:"classification"`
	// shareMode says how the data is shared.
	// +optional
	ShareMode ShareMode `json:"shareMode,omitempty"`
	// operations that a link may ask for, by name.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	Operations []string `json:"operations,omitempty"`
}

// Operation is one operation of a data service.
type Operation struct {
	// name of the operation, e.g. getResident.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9_-]*$')",message="must be an operation name: letters, digits, - and _, starting with a letter, e.g. getResident"
	Name string `json:"name"`
	// method of the request.
	// +required
	// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;PATCH;DELETE
	Method string `json:"method"`
	// path of the request; * stands for one segment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^(/([-A-Za-z0-9._~]+|[*]))+/?$')",message="must be an absolute path of plain segments, with * for one segment, e.g. /v1/residents/*"
	Path string `json:"path"`
}

// DataServiceSpec is what a provider publishes.
//
// +kubebuilder:validation:XValidation:rule="self.classification != 'StateSecret'",message="classification StateSecret can't be published: state secrets are never shared"
type DataServiceSpec struct {
	// portalRef names the portal that serves the data.
	// +required
	PortalRef LocalReference `json:"portalRef"`
	// serviceCode is the last part of the service's identifier.
	// +required
	ServiceCode ObjectName `json:"serviceCode"`
	// dataset is the nationwide name of the data. One service owns it; the
	// second that claims it gets a conflict.
	// +required
	Dataset ObjectName `json:"dataset"`
	// classification says what the data is.
	// +required
	Classification DataClassification `json:"classification"`
	// port on which the portal serves the operations: the portal's port.
	// +optional
	// +kubebuilder:default=8080
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// operations that consumers may ask for.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Operations []Operation `json:"operations"`
	// shareMode says how the data is shared.
	// +optional
	// +kubebuilder:default=Online
	ShareMode ShareMode `json:"shareMode,omitempty"`
	// visibility says who sees the service: with Catalogue everybody who may read
	// agencies, in status.catalogue of the Agency; with Restricted only the agency
	// itself, the authority and the platform team.
	// +optional
	// +kubebuilder:default=Catalogue
	Visibility Visibility `json:"visibility,omitempty"`
}

// DatasetClaim is when a service came to own its dataset. It goes before every
// later claim, however old the object is that makes it.
//
// +kubebuilder:validation:XValidation:rule="self.heldSince > timestamp('2000-01-01T00:00:00Z') && self.heldSince < timestamp('2200-01-01T00:00:00Z')",message="heldSince must be a time of RFC 3339 in the years 2000 to 2199"
type DatasetClaim struct {
	// dataset that the service owned.
	Dataset ObjectName `json:"dataset"`
	// heldSince is when the service first owned it.
	HeldSince metav1.Time `json:"heldSince"`
}

// DataServiceStatus is what the operator observed.
type DataServiceStatus struct {
	StatusBase `json:",inline"`
	// claim is the service's place in the row of those that claim its dataset. It
	// stays while the service names the dataset, also while the claim does not
	// count because the portal does not comply, the agency is suspended or the
	// authority assigned the dataset to another; it ends when another service has
	// owned the dataset for as long as the setting datasetReturn says.
	// +optional
	Claim *DatasetClaim `json:"claim,omitempty"`
	// identifier of the service: <prefix>/<agency code>/<portal>/<service>.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Identifier string `json:"identifier,omitempty"`
	// consumers are the portals (namespace/name) whose links are open.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=127
	Consumers []string `json:"consumers,omitempty"`
	// links are the links (namespace/name) that ask for the service, open or not.
	// The agency's people may read them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=127
	Links []string `json:"links,omitempty"`
}

// DataService is an entry of the catalogue of shared data.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=dataservices,singular=dataservice,shortName=dsvc,categories=govplatform
// +kubebuilder:printcolumn:name="Dataset",type=string,JSONPath=`.spec.dataset`
// +kubebuilder:printcolumn:name="Class",type=string,JSONPath=`.spec.classification`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Identifier",type=string,JSONPath=`.status.identifier`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters"
type DataService struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the provider publishes.
	// +required
	Spec DataServiceSpec `json:"spec"`
	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={}
	Status DataServiceStatus `json:"status,omitempty"`
}

// DataServiceList is a list of data services.
//
// +kubebuilder:object:root=true
type DataServiceList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataService `json:"items"`
}

// GetStatusBase returns what the status of every kind has.
func (s *DataService) GetStatusBase() *StatusBase { return &s.Status.StatusBase }
