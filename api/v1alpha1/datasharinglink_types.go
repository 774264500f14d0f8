package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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
	Purpose Text `json:"purpose"`
	// legalBasis is the provision that allows it; personal data needs one.
	// +optional
	// +kubebuilder:validation:MaxLength=500
	LegalBasis Text `json:"legalBasis,omitempty"`
	// operations of the service that are asked for.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z][A-Za-z0-9_-]*$`
	Operations []string `json:"operations"`
	// validUntil is when the link closes, as RFC 3339 writes it, in the years 2000
	// to 2199 of UTC, e.g. 2027-01-31T17:00:00+07:00. The format of OpenAPI is wider
	// than what can be read back, and the scope of a link bounds the instant.
	// +required
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:XValidation:rule="self.matches('^2[01][0-9]{2}-((01|03|05|07|08|10|12)-(0[1-9]|[12][0-9]|3[01])|(04|06|09|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-9]))T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):(00|15|30|45))$') && (!self.contains('-02-29T') || (int(self.substring(0, 4)) % 4 == 0 && !self.startsWith('2100'))) && timestamp(self) >= timestamp('2000-01-01T00:00:01Z') && timestamp(self) < timestamp('2200-01-01T00:00:00Z')",message="must be a date and time with its zone in the years 2000 to 2199 of UTC, e.g. 2027-01-31T17:00:00+07:00"
	ValidUntil metav1.Time `json:"validUntil"`
	// rateLimit bounds the requests.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
	// route of the traffic.
	// +optional
	// +kubebuilder:default=Platform
	Route LinkRoute `json:"route,omitempty"`
	// requestedBy is the user who asks. The API server accepts only the
	// requesting user here. A link to personal data needs it, and that user can
	// then approve for no side.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\pL\pM\pN\pP\pS ]|[\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFFC}\x{16FE4}\x{1D159}\x{E0000}-\x{E0FFF}]|^[ \pM]| $|\pM{5}')`,message="must be visible text in one line without spaces at its ends: remove line breaks, tabs, control, zero-width and direction characters (in YAML write a long text with >-)"
	RequestedBy string `json:"requestedBy,omitempty"`
}

// LinkScopeEnd is a portal as an approval approves it. Its identity counts, and
// of what it is like that which an approver looks at: what runs there, how far
// it is exposed, how it is secured and what data it holds.
type LinkScopeEnd struct {
	// agency of the portal.
	Agency AgencyName `json:"agency"`
	// name of the portal.
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// uid of the portal.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	UID types.UID `json:"uid"`
	// exposure of the portal.
	// +optional
	Exposure Exposure `json:"exposure,omitempty"`
	// securityLevel that is computed for the portal.
	// +optional
	SecurityLevel SecurityLevel `json:"securityLevel,omitempty"`
	// dataClassification of the portal.
	// +optional
	DataClassification DataClassification `json:"dataClassification,omitempty"`
	// image is the repository of the portal's image, without tag and digest.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`
}

// LinkScopeService is a data service as an approval approves it.
type LinkScopeService struct {
	// agency that provides the service.
	Agency AgencyName `json:"agency"`
	// name of the service.
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// uid of the service.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	UID types.UID `json:"uid"`
}

// LinkScope is exactly what an approval approves: specHash is its hash. Objects
// carry their UID, so one that is made anew needs a new approval; the link also
// carries its generation, which the API server counts up with every change, so
// a request that changes and changes back needs a new approval too.
//
// +kubebuilder:validation:XValidation:rule="self.validUntil > timestamp('2000-01-01T00:00:00Z') && self.validUntil < timestamp('2200-01-01T00:00:00Z')",message="validUntil must be a time of RFC 3339 in the years 2000 to 2199"
type LinkScope struct {
	// linkUID is the uid of the link.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	LinkUID types.UID `json:"linkUID"`
	// linkGeneration is the generation of the link.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000000
	LinkGeneration int64 `json:"linkGeneration"`
	// consumer is the portal that asks.
	Consumer LinkScopeEnd `json:"consumer"`
	// provider is the portal that serves the data.
	Provider LinkScopeEnd `json:"provider"`
	// via is the sharing platform's portal for the route Platform.
	// +optional
	Via *LinkScopeEnd `json:"via,omitempty"`
	// service that is asked for.
	Service LinkScopeService `json:"service"`
	// operations that are asked for.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Operations []Operation `json:"operations"`
	// port of the service.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
	// classification is the strictest of the service's, its portal's, and those
	// of the agency's other services of the same portal or dataset.
	Classification DataClassification `json:"classification"`
	// purpose for which the data is used.
	// +kubebuilder:validation:MaxLength=500
	Purpose string `json:"purpose"`
	// legalBasis is the provision that allows it.
	// +optional
	// +kubebuilder:validation:MaxLength=500
	LegalBasis string `json:"legalBasis,omitempty"`
	// validUntil is when the link closes.
	ValidUntil metav1.Time `json:"validUntil"`
	// requestsPerSecond bounds the requests; 0 for no bound.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`
	// route of the traffic.
	Route LinkRoute `json:"route"`
	// requestedBy is the user who asks.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RequestedBy string `json:"requestedBy,omitempty"`
}

// LinkSide is one of those who decide about a link.
//
// +kubebuilder:validation:Enum=Provider;Authority
type LinkSide string

const (
	// SideProvider is the agency that provides the service.
	SideProvider LinkSide = "Provider"
	// SideAuthority is the coordinating authority.
	SideAuthority LinkSide = "Authority"
)

// DecisionRevoked stands on the record of a link for an approval that was deleted.
const DecisionRevoked Decision = "Revoked"

// Phases of a link, for people.
const (
	PhaseWaiting   = "Waiting"
	PhaseRefused   = "Refused"
	PhaseRequested = "Requested"
	PhaseRejected  = "Rejected"
	PhaseSuspended = "Suspended"
	PhaseExpired   = "Expired"
	PhaseOpening   = "Opening"
	PhaseOpen      = "Open"
)

// LinkDecision is a decision about a link as it was observed. It stays on the
// record when the approval is changed or deleted.
//
// +kubebuilder:validation:XValidation:rule="self.time > timestamp('2000-01-01T00:00:00Z') && self.time < timestamp('2200-01-01T00:00:00Z')",message="time must be a time of RFC 3339 in the years 2000 to 2199"
type LinkDecision struct {
	// side that decided.
	Side LinkSide `json:"side"`
	// decision that was taken: Approve, Reject, Suspend, or Revoked for an
	// approval that was deleted.
	// +kubebuilder:validation:MaxLength=20
	Decision string `json:"decision"`
	// approver is the user who decided; of a revocation, whose decision it was.
	// +kubebuilder:validation:MaxLength=253
	Approver string `json:"approver"`
	// specHash of the scope that was decided about.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	SpecHash string `json:"specHash,omitempty"`
	// time at which it was decided, or at which a later change was observed.
	Time metav1.Time `json:"time"`
	// namespace of the approval.
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
	// name of the approval.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// uid of the approval.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	UID types.UID `json:"uid"`
	// reason that the approver gave.
	// +optional
	// +kubebuilder:validation:MaxLength=1000
	Reason string `json:"reason,omitempty"`
	// otherScope is true for an approval of a scope that was not the link's
	// whenever the operator looked: it never opened anything.
	// +optional
	OtherScope bool `json:"otherScope,omitempty"`
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
	// scope is exactly what an approval of the link approves.
	// +optional
	Scope *LinkScope `json:"scope,omitempty"`
	// decisions are the newest decisions about the link, oldest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Decisions []LinkDecision `json:"decisions,omitempty"`
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
// +kubebuilder:printcolumn:name="Valid-Until",type=string,JSONPath=`.spec.validUntil`
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
