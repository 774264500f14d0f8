package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Text is what people write for people to read: visible characters in one line.
// What nobody sees, or what moves the text around it, would let one text pass
// for another where somebody approves it. internal/text knows the same characters.
//
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\pL\pM\pN\pP\pS ]|[\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFFC}\x{16FE4}\x{1D159}\x{E0000}-\x{E0FFF}]|^[ \pM]| $|\pM{5}')`,message="must be visible text in one line without spaces at its ends: remove line breaks, tabs, control, zero-width and direction characters (in YAML write a long text with >-)"
type Text string

// DNSName is a fully qualified domain name in lower case, without a trailing
// dot and without wildcards (RFC 1123, at most 253 characters).
//
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$')",message="must be a full DNS name in lower case without wildcard, scheme, port or trailing dot, e.g. thue.mof.example.gov.vn"
type DNSName string

// GroupName is a group as the cluster's authenticator reports it.
//
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\pL\pM\pN\pP\pS ]|[\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFFC}\x{16FE4}\x{1D159}\x{E0000}-\x{E0FFF}]|^[ \pM]| $|\pM{5}')`,message="must be visible text in one line without spaces at its ends: remove line breaks, tabs, control, zero-width and direction characters (in YAML write a long text with >-)"
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="groups that start with system: belong to Kubernetes and can't be bound to an agency; name a group of the agency's own staff"
type GroupName string

// AgencyName is the name of an Agency: a DNS label short enough that
// "agency-<name>" is a namespace name.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=56
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be the name of an Agency: lower-case letters, digits and dashes"
type AgencyName string

// RegistryPrefix is a registry host with an optional port and path. It matches
// an image by whole segments: "registry.gov.vn/mof" matches
// "registry.gov.vn/mof/tax" and neither "registry.gov.vn/mofa/x" nor
// "registry.gov.vn.evil.example/mof/x". The host has a dot or a port, else
// container runtimes would take it for a folder of Docker Hub.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule="self.matches('^(localhost(:[0-9]{1,5})?|[a-z0-9]([-a-z0-9]*[a-z0-9])?(([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+(:[0-9]{1,5})?|:[0-9]{1,5}))(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$')",message="must be a registry host with an optional port and path in lower case, without scheme, wildcard or trailing slash, e.g. registry.platform.example.gov.vn/mof; the host has a dot or a port, and whole segments are matched"
type RegistryPrefix string

// SecurityLevel is the level of an information system under Decree 85/2016,
// from 1 (internal, public information only) to 5 (critical national).
//
// +kubebuilder:validation:Minimum=1
// +kubebuilder:validation:Maximum=5
type SecurityLevel int32

// Exposure says from where a portal is meant to be reached.
//
// +kubebuilder:validation:Enum=Internal;DedicatedNetwork;Internet
type Exposure string

const (
	// ExposureInternal is reached inside the platform only, over approved links.
	ExposureInternal Exposure = "Internal"
	// ExposureDedicatedNetwork is reached from the dedicated data network.
	ExposureDedicatedNetwork Exposure = "DedicatedNetwork"
	// ExposureInternet is reached from the public Internet.
	ExposureInternet Exposure = "Internet"
)

// DataClassification says what the data of a system is.
//
// +kubebuilder:validation:Enum=Public;Internal;Personal;StateSecret
type DataClassification string

const (
	// ClassificationPublic is information that anybody may read.
	ClassificationPublic DataClassification = "Public"
	// ClassificationInternal is for the agencies' own staff.
	ClassificationInternal DataClassification = "Internal"
	// ClassificationPersonal is personal data of citizens.
	ClassificationPersonal DataClassification = "Personal"
	// ClassificationStateSecret is a state secret; it never leaves its system.
	ClassificationStateSecret DataClassification = "StateSecret"
)

// InventoryEntry names one object that the operator created for its owner. The
// UID proves it: an object of the same name with another UID is somebody else's.
type InventoryEntry struct {
	// group of the object's API; empty for the core group.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
	// kind of the object.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// namespace of the object; empty for cluster-scoped kinds.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// name of the object.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// uid of the object.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	UID types.UID `json:"uid"`
}

// StatusBase is what the status of every kind has.
type StatusBase struct {
	// observedGeneration is the generation of the spec that this status was
	// computed from; -1 until the operator has seen the object.
	// +optional
	// +kubebuilder:default=-1
	// +kubebuilder:validation:Minimum=-1
	// +kubebuilder:validation:Maximum=1000000000000
	ObservedGeneration int64 `json:"observedGeneration"`
	// conditions are compatible with kstatus: Ready is the summary, Reconciling
	// and Stalled are present only when they are so.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime > timestamp('2000-01-01T00:00:00Z') && c.lastTransitionTime < timestamp('2200-01-01T00:00:00Z') && (!has(c.observedGeneration) || c.observedGeneration <= 1000000000000))",message="lastTransitionTime must be a time of RFC 3339 in the years 2000 to 2199, and observedGeneration a generation"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// inventory lists the objects that the operator created for this one.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Inventory []InventoryEntry `json:"inventory,omitempty"`
}

// ResourceAmounts is an amount of compute. Its rules are narrower than the
// pattern of Kubernetes, which lets values pass that can't be parsed (1e1.5) and
// would keep the operator from reading any object of the kind, and others that
// take hours to compare (1e999999999). They take every form in which Go writes an
// amount that they take (1024Ti becomes 1Pi): statuses have copies of specs.
type ResourceAmounts struct {
	// cpu in cores, e.g. 500m.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) > 0 : string(self).matches('^([1-9][0-9]{0,18}([.][0-9]{1,6})?|0[.][0-9]{0,3}[1-9][0-9]{0,3})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$')",message="must be an amount above 0 without exponent, e.g. 500m"
	CPU *resource.Quantity `json:"cpu,omitempty"`
	// memory in bytes, e.g. 512Mi.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) > 0 : string(self).matches('^([1-9][0-9]{0,18}([.][0-9]{1,6})?|0[.][0-9]{0,3}[1-9][0-9]{0,3})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$')",message="must be an amount above 0 without exponent, e.g. 512Mi"
	Memory *resource.Quantity `json:"memory,omitempty"`
}

// GetStatusBase returns what the status of every kind has.
func (a *Agency) GetStatusBase() *StatusBase { return &a.Status.StatusBase }

// GetStatusBase returns what the status of every kind has.
func (p *SecurityPolicy) GetStatusBase() *StatusBase { return &p.Status.StatusBase }

// GetStatusBase returns what the status of every kind has.
func (p *AgencyPortal) GetStatusBase() *StatusBase { return &p.Status.StatusBase }

// InUseDeletionPolicy says whether what others rest on may be deleted in use.
//
// +kubebuilder:validation:Enum=DeleteUnused;DeleteInUse
type InUseDeletionPolicy string

const (
	// DeleteUnused lets an object go on which nothing rests.
	DeleteUnused InUseDeletionPolicy = "DeleteUnused"
	// DeleteInUse lets it go all the same.
	DeleteInUse InUseDeletionPolicy = "DeleteInUse"
)
