package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PolicyMode says what a violation does.
type PolicyMode string

const (
	// ModeAudit reports violations.
	ModeAudit PolicyMode = "Audit"
	// ModeEnforce blocks what violates.
	ModeEnforce PolicyMode = "Enforce"
	// ModeHeld is the mode of a finding, never of a policy: the finding blocks
	// nothing that runs until the policy's newest spec is accepted.
	ModeHeld PolicyMode = "Held"
)

// PodSecurityLevel is a Pod Security Standard.
//
// +kubebuilder:validation:Enum=Baseline;Restricted
type PodSecurityLevel string

const (
	// PodSecurityBaseline prevents known privilege escalations.
	PodSecurityBaseline PodSecurityLevel = "Baseline"
	// PodSecurityRestricted follows current hardening practice.
	PodSecurityRestricted PodSecurityLevel = "Restricted"
)

// PolicySelector selects portals. Fields that are set must all match; values
// within one field are alternatives; an empty selector selects every portal.
type PolicySelector struct {
	// securityLevels selects portals by their computed security level.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	SecurityLevels []SecurityLevel `json:"securityLevels,omitempty"`
	// agencies selects portals by the name of their Agency.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Agencies []AgencyName `json:"agencies,omitempty"`
	// exposures selects portals by the exposure that they ask for.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Exposures []Exposure `json:"exposures,omitempty"`
}

// ImageControl bounds where images come from.
type ImageControl struct {
	// allowedRegistries lists the registries, with an optional path, that images
	// may come from, matched by whole segments. Of several policies an image
	// must satisfy each. Leave it out for no bound. It is one value: what two
	// appliers write is a conflict, and never the sum of both.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	AllowedRegistries []RegistryPrefix `json:"allowedRegistries,omitempty"`
	// requireDigest demands an image reference by digest (@sha256:...).
	// +optional
	RequireDigest bool `json:"requireDigest,omitempty"`
}

// AvailabilityControl bounds how many pods a portal keeps.
type AvailabilityControl struct {
	// minReplicas is the least number of pods.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	MinReplicas int32 `json:"minReplicas,omitempty"`
	// requireDisruptionBudget demands a PodDisruptionBudget, which needs at
	// least two pods to be of use.
	// +optional
	RequireDisruptionBudget bool `json:"requireDisruptionBudget,omitempty"`
}

// ResourceControl bounds what one pod may use.
type ResourceControl struct {
	// requireLimits demands limits for cpu and memory.
	// +optional
	RequireLimits bool `json:"requireLimits,omitempty"`
	// maxCPU is the largest cpu limit of one pod, in cores.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) > 0 : string(self).matches('^([1-9][0-9]{0,18}([.][0-9]{1,6})?|0[.][0-9]{0,3}[1-9][0-9]{0,3})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$')",message="must be an amount above 0 without exponent, e.g. 2"
	MaxCPU *resource.Quantity `json:"maxCPU,omitempty"`
	// maxMemory is the largest memory limit of one pod, in bytes.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) > 0 : string(self).matches('^([1-9][0-9]{0,18}([.][0-9]{1,6})?|0[.][0-9]{0,3}[1-9][0-9]{0,3})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$')",message="must be an amount above 0 without exponent, e.g. 4Gi"
	MaxMemory *resource.Quantity `json:"maxMemory,omitempty"`
}

// IssuerReference names a cert-manager issuer.
type IssuerReference struct {
	// kind of the issuer.
	// +required
	// +kubebuilder:validation:Enum=Issuer;ClusterIssuer
	Kind string `json:"kind"`
	// name of the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be the name of an issuer: lower-case letters, digits and dashes, in parts joined by single dots"
	Name string `json:"name"`
}

// CertificateControl bounds the certificates of exposed portals. It is the
// floor for the certificates of a portal whose exposure needs one.
type CertificateControl struct {
	// issuerRef is the only issuer allowed.
	// +optional
	IssuerRef *IssuerReference `json:"issuerRef,omitempty"`
	// maxDuration is the longest validity of a certificate, e.g. 2160h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$') && self.matches('[1-9]') && duration(self) <= duration('999999h')",message="must be a duration above 0 and of at most 999999 hours, in hours, minutes and seconds, e.g. 2160h"
	MaxDuration *metav1.Duration `json:"maxDuration,omitempty"`
	// minTLSVersion is the lowest TLS version accepted.
	// +optional
	// +kubebuilder:validation:Enum="1.2";"1.3"
	MinTLSVersion string `json:"minTLSVersion,omitempty"`
}

// NetworkControl bounds a portal's network rules.
type NetworkControl struct {
	// denyInternetEgress forbids egress rules to addresses outside the platform.
	// +optional
	DenyInternetEgress bool `json:"denyInternetEgress,omitempty"`
}

// DataSharingControl bounds the data-sharing links of a portal. It is the floor
// for every link that has the portal as one of its ends.
type DataSharingControl struct {
	// requireMutualTLS demands mutual TLS on links.
	// +optional
	RequireMutualTLS bool `json:"requireMutualTLS,omitempty"`
	// requireAuthorityApprovalFor lists classifications whose links also need
	// the authority's approval.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	RequireAuthorityApprovalFor []DataClassification `json:"requireAuthorityApprovalFor,omitempty"`
	// allowDirectRoute allows links with the route Direct. It is allowed only
	// where a policy of each end says so and none says false.
	// +optional
	AllowDirectRoute *bool `json:"allowDirectRoute,omitempty"`
	// maxValidity is the longest term of a link, e.g. 8760h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$') && self.matches('[1-9]') && duration(self) <= duration('999999h')",message="must be a duration above 0 and of at most 999999 hours, in hours, minutes and seconds, e.g. 8760h"
	MaxValidity *metav1.Duration `json:"maxValidity,omitempty"`
	// datasetOwners assigns datasets to agencies, nationwide and whatever the
	// policy selects. An assignment beats the age of a claim; two that contradict
	// each other leave the dataset without an owner.
	// +optional
	// +listType=map
	// +listMapKey=dataset
	// +kubebuilder:validation:MaxItems=256
	DatasetOwners []DatasetOwner `json:"datasetOwners,omitempty"`
}

// DatasetOwner assigns a dataset.
type DatasetOwner struct {
	// dataset that is assigned.
	// +required
	Dataset ObjectName `json:"dataset"`
	// agency that owns it.
	// +required
	Agency AgencyName `json:"agency"`
}

// IsolationControl says where and in which sandbox a portal's pods run. The
// operator writes it into the workload.
//
// +kubebuilder:validation:MinProperties=1
type IsolationControl struct {
	// runtimeClassName is the RuntimeClass that the pods must use.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	RuntimeClassName string `json:"runtimeClassName,omitempty"`
	// nodePool is the value of the node label platform.gov.vn/node-pool that the
	// pods are bound to; they tolerate a taint of the same key and value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	NodePool string `json:"nodePool,omitempty"`
}

// LoggingControl bounds how long logs are kept. The operator writes it onto the
// pods, where the log collector reads it.
type LoggingControl struct {
	// retentionMonths is the least number of months that logs are kept.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=120
	RetentionMonths int32 `json:"retentionMonths,omitempty"`
}

// SecurityPolicySpec is one standard of the authority.
type SecurityPolicySpec struct {
	// selector says which portals the policy is for.
	// +optional
	// +kubebuilder:default={}
	Selector PolicySelector `json:"selector,omitempty"`
	// mode Enforce blocks violations, Audit only reports them.
	// +optional
	// +kubebuilder:default=Enforce
	// +kubebuilder:validation:Enum=Audit;Enforce
	Mode PolicyMode `json:"mode,omitempty"`
	// images bounds where images come from.
	// +optional
	Images *ImageControl `json:"images,omitempty"`
	// podSecurity is the Pod Security Standard that the pods must meet.
	// +optional
	PodSecurity PodSecurityLevel `json:"podSecurity,omitempty"`
	// availability bounds how many pods a portal keeps.
	// +optional
	Availability *AvailabilityControl `json:"availability,omitempty"`
	// resources bounds what one pod may use.
	// +optional
	Resources *ResourceControl `json:"resources,omitempty"`
	// certificates bounds the certificates of exposed portals.
	// +optional
	Certificates *CertificateControl `json:"certificates,omitempty"`
	// network bounds a portal's network rules.
	// +optional
	Network *NetworkControl `json:"network,omitempty"`
	// dataSharing bounds a portal's data-sharing links.
	// +optional
	DataSharing *DataSharingControl `json:"dataSharing,omitempty"`
	// isolation says where and in which sandbox the pods run.
	// +optional
	Isolation *IsolationControl `json:"isolation,omitempty"`
	// logging bounds how long logs are kept.
	// +optional
	Logging *LoggingControl `json:"logging,omitempty"`
	// acceptedImpact states how much that runs a change of this policy may stop.
	// Without it, a change is held with which all policies together would stop
	// more than the installation's bound: status.impact shows what it would stop. A
	// statement counts for the change that it is written with, or that waits when it
	// is written, and once; state it anew for the next.
	// +optional
	AcceptedImpact *AcceptedImpact `json:"acceptedImpact,omitempty"`
	// deletionPolicy says whether the policy may be deleted while it is enforced on
	// portals. DeleteUnused, which holds when it is left out, refuses that;
	// DeleteInUse permits it: what the policy demands is demanded no more at once.
	// It is no part of the standard.
	// +optional
	DeletionPolicy InUseDeletionPolicy `json:"deletionPolicy,omitempty"`
}

// AcceptedImpact is what the author of a standard accepts that its change stops.
type AcceptedImpact struct {
	// portals is the most running portals that may stop.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Portals int32 `json:"portals"`
	// links is the most open data-sharing links that may close, be it for the
	// standard or because one of their ends stops.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Links int32 `json:"links"`
}

// PolicyImpact is what the newest spec of a policy would stop that runs.
type PolicyImpact struct {
	// portals is the number of running portals that would stop.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Portals int32 `json:"portals"`
	// links is the number of open data-sharing links that would close.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Links int32 `json:"links"`
	// first are the first of them, sorted; kubectl gov impact shows all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	First []Impacted `json:"first,omitempty"`
}

// Impacted is one portal or link that a standard would stop, or one portal that
// violates it.
type Impacted struct {
	// kind is AgencyPortal or DataSharingLink.
	// +required
	// +kubebuilder:validation:Enum=AgencyPortal;DataSharingLink
	Kind string `json:"kind"`
	// agency that it belongs to.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Agency string `json:"agency"`
	// name of it.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// control is the first control that it does not meet, e.g.
	// images.allowedRegistries.
	// +required
	// +kubebuilder:validation:MaxLength=100
	Control string `json:"control"`
}

// RecentStops is what changes of a policy stopped that nobody had confirmed.
//
// +kubebuilder:validation:XValidation:rule="self.at > timestamp('2000-01-01T00:00:00Z') && self.at < timestamp('2200-01-01T00:00:00Z')",message="at must be a time of RFC 3339 in the years 2000 to 2199"
type RecentStops struct {
	// at is when the last of the changes took effect.
	// +required
	At metav1.Time `json:"at"`
	// portals is the number of running portals that stopped.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Portals int32 `json:"portals"`
	// links is the number of open data-sharing links that closed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Links int32 `json:"links"`
	// following are those of the links that closed because one of their ends
	// stopped.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Following int32 `json:"following"`
}

// SecurityPolicyStatus is what the operator observed.
type SecurityPolicyStatus struct {
	StatusBase `json:",inline"`
	// matched is the number of portals that the policy selects.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Matched int32 `json:"matched"`
	// compliant is the number of selected portals that meet the policy.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Compliant int32 `json:"compliant"`
	// violating is the number of selected portals that do not.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Violating int32 `json:"violating"`
	// exempted is the number of selected portals with an active exemption.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Exempted int32 `json:"exempted"`
	// violators are the portals that violate the policy, sorted by agency and
	// name, each with its first control; kubectl gov violations shows all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Violators []Impacted `json:"violators,omitempty"`
	// inForce is the spec that what runs is held to. It is the newest spec but
	// while that one is held.
	// +optional
	InForce *SecurityPolicySpec `json:"inForce,omitempty"`
	// impact is present while the newest spec is held.
	// +optional
	Impact *PolicyImpact `json:"impact,omitempty"`
	// usedAcceptance is the spec.acceptedImpact that the operator saw last. It is
	// used up, whether a change needed it or not, and does not count for the next.
	// +optional
	UsedAcceptance *AcceptedImpact `json:"usedAcceptance,omitempty"`
	// recentStops is what the policy's last changes stopped without
	// acceptedImpact. It counts against the installation's bound, which all
	// policies share, until its window is over.
	// +optional
	RecentStops *RecentStops `json:"recentStops,omitempty"`
}

// SecurityPolicy is one standard of the authority. Several policies that select
// one portal combine to the strictest; none can loosen another. An enforced
// policy also becomes a ValidatingAdmissionPolicy on the pods themselves, so it
// holds while the operator is down.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=securitypolicies,singular=securitypolicy,shortName=secpol,categories=govplatform
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Matched",type=integer,JSONPath=`.status.matched`
// +kubebuilder:printcolumn:name="Compliant",type=integer,JSONPath=`.status.compliant`
// +kubebuilder:printcolumn:name="Violating",type=integer,JSONPath=`.status.violating`
// +kubebuilder:printcolumn:name="Exempted",type=integer,JSONPath=`.status.exempted`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters, because admission policies and labels are named after it"
type SecurityPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the standard.
	// +required
	Spec SecurityPolicySpec `json:"spec"`
	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={}
	Status SecurityPolicyStatus `json:"status,omitempty"`
}

// SecurityPolicyList is a list of security policies.
//
// +kubebuilder:object:root=true
type SecurityPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SecurityPolicy `json:"items"`
}
