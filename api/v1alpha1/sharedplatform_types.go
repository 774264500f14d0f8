package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PlatformType is what a shared platform does, in CamelCase, e.g. Identity,
// Payment, DocumentExchange, Reporting, DataSharing, Database. The regime's
// list changes, so it is open.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Za-z0-9]*$')",message="must be a platform type in CamelCase, e.g. Identity or DataSharing"
type PlatformType string

const (
	// PlatformIdentity identifies citizens; a portal with citizen login needs it.
	PlatformIdentity PlatformType = "Identity"
	// PlatformPayment takes fees; a level-4 service with a fee needs it.
	PlatformPayment PlatformType = "Payment"
	// PlatformDataSharing carries links with the route Platform.
	PlatformDataSharing PlatformType = "DataSharing"
)

// PortalEndpoint is a platform that a portal in the cluster provides.
type PortalEndpoint struct {
	// agency whose portal it is.
	// +required
	Agency AgencyName `json:"agency"`
	// name of the AgencyPortal.
	// +required
	Name ObjectName `json:"name"`
}

// CIDR is a block of addresses, v4 or v6, in canonical form.
//
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self).masked() == cidr(self)",message="must be a block of addresses without host bits, e.g. 192.0.2.0/24 or 192.0.2.7/32"
// +kubebuilder:validation:XValidation:rule="!isCIDR(self) || cidr(self).prefixLength() >= 8",message="must not be larger than /8: name the platform's own addresses"
// +kubebuilder:validation:XValidation:rule="!isCIDR(self) || ['0.0.0.0/8','127.0.0.0/8','169.254.0.0/16','224.0.0.0/4','240.0.0.0/4','::/127','fe80::/10','ff00::/8'].all(r, !cidr(r).containsCIDR(self) && !cidr(self).containsCIDR(r))",message="must be the addresses of a platform: unspecified, loopback, link-local (with the metadata of machines), multicast and reserved ones are none"
type CIDR string

// ExternalEndpoint is a platform outside the cluster, on the dedicated network.
type ExternalEndpoint struct {
	// cidrs are the platform's addresses. They are one value: what two appliers
	// write is a conflict, and never the sum of both.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	CIDRs []CIDR `json:"cidrs"`
	// port on which the platform serves, over TCP.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}

// PlatformEndpoint is where a platform is.
//
// +kubebuilder:validation:ExactlyOneOf=portal;external
type PlatformEndpoint struct {
	// portal in the cluster that provides the platform.
	// +optional
	Portal *PortalEndpoint `json:"portal,omitempty"`
	// external address on the dedicated network.
	// +optional
	External *ExternalEndpoint `json:"external,omitempty"`
}

// SharedPlatformSpec is a catalogue entry of a platform that goes beyond one
// agency. It is the authority's.
type SharedPlatformSpec struct {
	// displayName is the platform's name for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	DisplayName Text `json:"displayName"`
	// type is what the platform does.
	// +required
	Type PlatformType `json:"type"`
	// ownerRef names the Agency that owns the platform.
	// +required
	OwnerRef AgencyReference `json:"ownerRef"`
	// scope is whom the platform serves, e.g. National or a province. Together
	// with capability it says which platforms are duplicates.
	// +optional
	// +kubebuilder:default=National
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Scope Text `json:"scope,omitempty"`
	// capability is what the platform can do, in a few words.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Capability Text `json:"capability"`
	// endpoint is where the platform is.
	// +required
	Endpoint PlatformEndpoint `json:"endpoint"`
	// agencies that may use the platform; left out, every agency may. They are one
	// value, like cidrs.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Agencies []AgencyName `json:"agencies,omitempty"`
	// deletionPolicy says whether the platform may be deleted while something
	// rests on it. DeleteUnused, which holds when it is left out, refuses that;
	// DeleteInUse permits it: every way to the platform is shut at once.
	// +optional
	DeletionPolicy InUseDeletionPolicy `json:"deletionPolicy,omitempty"`
	// changePolicy says whether the platform may change while something rests on it.
	// ChangeUnused, which holds when it is left out, refuses another endpoint, type,
	// capability or scope, and agencies that leave out more than half of those that
	// might use it. ChangeInUse permits the write that sets it, and no later one:
	// take it out again. What only takes away agencies or addresses, and leaves at
	// least half of them, needs no permission.
	// +optional
	ChangePolicy PlatformChangePolicy `json:"changePolicy,omitempty"`
}

// PlatformChangePolicy says whether a platform in use may change.
//
// +kubebuilder:validation:Enum=ChangeUnused;ChangeInUse
type PlatformChangePolicy string

const (
	// PlatformChangeUnused lets a platform change on which nothing rests.
	PlatformChangeUnused PlatformChangePolicy = "ChangeUnused"
	// PlatformChangeInUse lets it change all the same, once.
	PlatformChangeInUse PlatformChangePolicy = "ChangeInUse"
)

// AgencyReference names an Agency.
type AgencyReference struct {
	// name of the Agency.
	// +required
	Name AgencyName `json:"name"`
}

// SharedPlatformStatus is what the operator observed.
type SharedPlatformStatus struct {
	StatusBase `json:",inline"`
	// fingerprint of capability and scope; equal fingerprints are duplicates.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`
	// duplicateOf is the older platform with the same fingerprint.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	DuplicateOf string `json:"duplicateOf,omitempty"`
	// consumers is the number of portals that reference the platform.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Consumers int32 `json:"consumers"`
	// consents are what agencies agreed to whose portals the platform is, or was,
	// until each takes its own back.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Consents []ConsentedScope `json:"consents,omitempty"`
}

// ConsentedScope is what a platform was when the agency of its portal agreed.
type ConsentedScope struct {
	// portalUID is the UID of the portal that agreed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	PortalUID string `json:"portalUID"`
	// portal that agreed.
	// +required
	Portal PortalEndpoint `json:"portal"`
	// type of the platform.
	// +required
	Type PlatformType `json:"type"`
	// agencies that it was for; left out, every agency.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Agencies []AgencyName `json:"agencies,omitempty"`
}

// SharedPlatform is a national platform or database that portals may use.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=sharedplatforms,singular=sharedplatform,shortName=shp,categories=govplatform
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.ownerRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`
// +kubebuilder:printcolumn:name="Consumers",type=integer,JSONPath=`.status.consumers`
// +kubebuilder:printcolumn:name="Duplicate-Of",type=string,JSONPath=`.status.duplicateOf`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters"
type SharedPlatform struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the catalogue entry.
	// +required
	Spec SharedPlatformSpec `json:"spec"`
	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={}
	Status SharedPlatformStatus `json:"status,omitempty"`
}

// SharedPlatformList is a list of shared platforms.
//
// +kubebuilder:object:root=true
type SharedPlatformList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SharedPlatform `json:"items"`
}

// GetStatusBase returns what the status of every kind has.
func (p *SharedPlatform) GetStatusBase() *StatusBase { return &p.Status.StatusBase }
