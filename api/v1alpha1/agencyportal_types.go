package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Component is one architectural part of a portal, in CamelCase, e.g.
// PublicService, OneStop, Reporting, DocumentExchange, Database. The
// architecture framework's list changes, so it is open.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Za-z0-9]*$')",message="must be a component in CamelCase, e.g. PublicService or OneStop"
type Component string

// ComponentOneStop is a one-stop system; an agency has at most one, because
// one-stop system and public service portal are merged.
const ComponentOneStop Component = "OneStop"

// SystemScope says whom a system serves; it enters the security level.
//
// +kubebuilder:validation:Enum=Agency;Shared;National;CriticalNational
type SystemScope string

const (
	// ScopeAgency serves one agency and those who deal with it.
	ScopeAgency SystemScope = "Agency"
	// ScopeShared is infrastructure shared by a sector or a province.
	ScopeShared SystemScope = "Shared"
	// ScopeNational is a national e-government system.
	ScopeNational SystemScope = "National"
	// ScopeCriticalNational is on the Prime Minister's list of critical systems.
	ScopeCriticalNational SystemScope = "CriticalNational"
)

// Replicas bounds the number of pods. With max above min the portal scales by
// cpu between the two; otherwise it keeps min pods.
//
// +kubebuilder:validation:XValidation:rule="!has(self.max) || self.max >= self.min",message="replicas.max must not be below replicas.min; raise max or lower min"
type Replicas struct {
	// min is the least number of pods, 1 to 50.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:XValidation:rule="self >= 1 && self <= 50",message="replicas.min must be 1 to 50; to stop a portal delete it or suspend the agency"
	Min int32 `json:"min,omitempty"`
	// max is the largest number of pods, at most 50.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= 1 && self <= 50",message="replicas.max must be 1 to 50; ask the platform team for more capacity per pod instead of more pods"
	Max *int32 `json:"max,omitempty"`
}

// KeySelector names one key of a Secret or ConfigMap in the portal's namespace.
type KeySelector struct {
	// name of the Secret or ConfigMap in the portal's own namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be the name of a Secret or ConfigMap: lower-case letters, digits and dashes, in parts joined by single dots"
	Name string `json:"name"`
	// key inside it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="must be a key of a Secret or ConfigMap: letters, digits, -, _ and ., not starting with two dots"
	Key string `json:"key"`
}

// EnvVarSource is where the value of a variable comes from.
//
// +kubebuilder:validation:ExactlyOneOf=secretKeyRef;configMapKeyRef
type EnvVarSource struct {
	// secretKeyRef reads a key of a Secret.
	// +optional
	SecretKeyRef *KeySelector `json:"secretKeyRef,omitempty"`
	// configMapKeyRef reads a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *KeySelector `json:"configMapKeyRef,omitempty"`
}

// EnvVar is one environment variable of the portal.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.value) && has(self.valueFrom))",message="set either value or valueFrom, not both"
type EnvVar struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",message="must be an environment variable name: letters, digits and _, not starting with a digit"
	// +kubebuilder:validation:XValidation:rule="!(self in ['PORT', 'PORTAL_AGENCY', 'PORTAL_NAME'])",message="PORT, PORTAL_AGENCY and PORTAL_NAME are set by the platform; use another name"
	Name string `json:"name"`
	// value in clear; use valueFrom for secrets. It goes to the program, so it may
	// have several lines.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}]')`,message="must not contain control characters other than tab and line break; encode binary values, e.g. in base64"
	Value string `json:"value,omitempty"`
	// valueFrom reads the value from a Secret or ConfigMap in the same namespace.
	// +optional
	ValueFrom *EnvVarSource `json:"valueFrom,omitempty"`
}

// PortalResources is what one pod asks for and may use. What is left out gets
// a default: 100m and 128Mi requested, 1 and 512Mi at most, or what the other
// side of the pair states where that is closer. The rules compare only what is a
// plain amount: comparing 1e999999999 would keep the API server busy for hours.
//
// +kubebuilder:validation:XValidation:rule="!has(self.requests) || !has(self.limits) || !has(self.requests.cpu) || !has(self.limits.cpu) || !string(self.requests.cpu).matches('^[0-9]{1,19}([.][0-9]{1,6})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$') || !string(self.limits.cpu).matches('^[0-9]{1,19}([.][0-9]{1,6})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$') || !quantity(string(self.requests.cpu)).isGreaterThan(quantity(string(self.limits.cpu)))",fieldPath=".requests",message="requests.cpu must not be above limits.cpu; raise the limit or lower the request"
// +kubebuilder:validation:XValidation:rule="!has(self.requests) || !has(self.limits) || !has(self.requests.memory) || !has(self.limits.memory) || !string(self.requests.memory).matches('^[0-9]{1,19}([.][0-9]{1,6})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$') || !string(self.limits.memory).matches('^[0-9]{1,19}([.][0-9]{1,6})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$') || !quantity(string(self.requests.memory)).isGreaterThan(quantity(string(self.limits.memory)))",fieldPath=".requests",message="requests.memory must not be above limits.memory; raise the limit or lower the request"
type PortalResources struct {
	// requests is what the scheduler reserves.
	// +optional
	Requests ResourceAmounts `json:"requests,omitempty"`
	// limits is what a pod may use at most.
	// +optional
	Limits ResourceAmounts `json:"limits,omitempty"`
}

// Probes says how the portal tells that it lives and serves, over HTTP on its port.
type Probes struct {
	// livenessPath answers 2xx while the process lives.
	// +optional
	// +kubebuilder:default="/healthz"
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[-A-Za-z0-9._~/]*$')",message="must be an absolute path without query, e.g. /healthz"
	LivenessPath string `json:"livenessPath,omitempty"`
	// readinessPath answers 2xx while the portal can serve.
	// +optional
	// +kubebuilder:default="/readyz"
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[-A-Za-z0-9._~/]*$')",message="must be an absolute path without query, e.g. /healthz"
	ReadinessPath string `json:"readinessPath,omitempty"`
	// startupSeconds is how long the portal may take to start before it is restarted.
	// +optional
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=900
	StartupSeconds int32 `json:"startupSeconds,omitempty"`
}

// PublicService is one administrative procedure that the portal offers online.
type PublicService struct {
	// procedureCode is the code in the national database of procedures, e.g. 1.007042.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]+([.][0-9]+)+$')",message="must be a procedure code of the national database, digits joined by dots, e.g. 1.007042"
	ProcedureCode string `json:"procedureCode"`
	// name of the procedure for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	Name Text `json:"name"`
	// level of the online service: 1 information, 2 forms, 3 online submission
	// and processing, 4 plus online payment.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4
	Level int32 `json:"level"`
	// fee is true when the service costs something.
	// +optional
	Fee bool `json:"fee,omitempty"`
}

// PlatformReference names a SharedPlatform of the public catalogue.
type PlatformReference struct {
	// name of the SharedPlatform.
	// +required
	Name ObjectName `json:"name"`
}

// AgencyPortalSpec is what an agency asks for.
//
// +kubebuilder:validation:XValidation:rule="!(self.dataClassification == 'StateSecret' && self.exposure != 'Internal')",fieldPath=".exposure",message="dataClassification StateSecret allows exposure Internal only; state secrets never leave their system"
// +kubebuilder:validation:XValidation:rule="self.exposure == 'Internal' || (has(self.hostnames) && self.hostnames.size() > 0)",fieldPath=".hostnames",message="exposure DedicatedNetwork and Internet need at least one entry in hostnames"
type AgencyPortalSpec struct {
	// displayName is the portal's name for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	DisplayName Text `json:"displayName"`
	// components are the architectural parts that the portal holds in one boundary.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Components []Component `json:"components,omitempty"`
	// image is the container image with its registry host, by digest where a
	// policy demands it.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+|[a-z0-9][-a-z0-9]*(?:[.][-a-z0-9]+)*:[0-9]{1,5})(:[0-9]{1,5})?(/[a-z0-9]+((?:[.]|_{1,2}|-+)[a-z0-9]+)*)+(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(@sha256:[a-f0-9]{64})?$')",message="image must be a full reference in lower case with its registry host, e.g. registry.platform.example.gov.vn/mof/tax@sha256:<64 hex digits>"
	Image string `json:"image"`
	// port on which the portal serves HTTP; it runs without root, so 1024 or above.
	// +optional
	// +kubebuilder:default=8080
	// +kubebuilder:validation:XValidation:rule="self >= 1024 && self <= 65535",message="port must be 1024 to 65535, because the portal runs without root"
	Port int32 `json:"port,omitempty"`
	// replicas bounds the number of pods.
	// +optional
	// +kubebuilder:default={}
	Replicas Replicas `json:"replicas,omitempty"`
	// env are the environment variables of the portal.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.map(e, has(e.value) ? size(bytes(e.value)) : 0).sum() <= 65536",message="the values together must not have more than 64 KiB; put large ones into a ConfigMap and use valueFrom"
	Env []EnvVar `json:"env,omitempty"`
	// resources is what one pod asks for and may use.
	// +optional
	// +kubebuilder:default={}
	Resources PortalResources `json:"resources,omitempty"`
	// probes says how the portal tells that it lives and serves.
	// +optional
	// +kubebuilder:default={}
	Probes Probes `json:"probes,omitempty"`
	// restart is any word of up to 64 letters, digits and -_.:+, such as the time at
	// which a Secret was rotated; another one replaces the pods one after the other.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-A-Za-z0-9_.:+]+$')",message="restart must be 1 to 64 letters, digits and -_.:+, e.g. 2026-01-02T15:04:05Z; leave it out for none"
	Restart string `json:"restart,omitempty"`
	// hostnames under which the portal is published; each must lie inside a
	// zone of the agency's domains.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Hostnames []DNSName `json:"hostnames,omitempty"`
	// exposure says from where the portal is meant to be reached.
	// +optional
	// +kubebuilder:default=Internal
	Exposure Exposure `json:"exposure,omitempty"`
	// dataClassification says what the portal's data is.
	// +optional
	// +kubebuilder:default=Internal
	DataClassification DataClassification `json:"dataClassification,omitempty"`
	// scope says whom the system serves; it enters the security level.
	// +optional
	// +kubebuilder:default=Agency
	Scope SystemScope `json:"scope,omitempty"`
	// expectedUsers is the number of people who use the system; it enters the
	// security level.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	ExpectedUsers int64 `json:"expectedUsers,omitempty"`
	// citizenLogin is true when citizens log in; the portal must then reference
	// the identity platform.
	// +optional
	CitizenLogin bool `json:"citizenLogin,omitempty"`
	// platformRefs are the shared platforms that the portal uses.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	PlatformRefs []PlatformReference `json:"platformRefs,omitempty"`
	// providesPlatforms are the SharedPlatforms that the portal agrees to be: the
	// agency's consent, without which the authority's catalogue entry opens nothing.
	// It is given to the platform as the operator first finds it: to that object, its
	// type and the agencies that it is for. What the authority makes wider later waits
	// until the name was taken out here and put in again.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	ProvidesPlatforms []ObjectName `json:"providesPlatforms,omitempty"`
	// publicServices are the administrative procedures offered online.
	// +optional
	// +listType=map
	// +listMapKey=procedureCode
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule="self.map(s, size(bytes(s.name))).sum() <= 65536",message="the names together must not have more than 64 KiB (accented letters take 2 to 3 bytes); shorten them, or split the portal"
	PublicServices []PublicService `json:"publicServices,omitempty"`
}

// PolicyFinding is one control of one policy that a portal does not meet.
type PolicyFinding struct {
	// policy is the name of the SecurityPolicy.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Policy string `json:"policy"`
	// mode of the policy; Held when the control is of a newest spec that is not
	// accepted yet, and would stop the portal.
	// +required
	// +kubebuilder:validation:Enum=Audit;Enforce;Held
	Mode PolicyMode `json:"mode"`
	// control is the field of the policy, e.g. images.allowedRegistries.
	// +required
	// +kubebuilder:validation:MaxLength=100
	Control string `json:"control"`
	// found is the portal's value.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Found string `json:"found"`
	// wanted is what the policy demands.
	// +required
	// +kubebuilder:validation:MaxLength=2048
	Wanted string `json:"wanted"`
}

// ServiceCounts compares what a portal declares with what is observed.
type ServiceCounts struct {
	// declared is the number of public services in the spec.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Declared int32 `json:"declared"`
	// verified is the number of those that a Ready portal really serves.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Verified int32 `json:"verified"`
}

// AgencyPortalStatus is what the operator observed.
type AgencyPortalStatus struct {
	StatusBase `json:",inline"`
	// agency is the name of the Agency that the portal belongs to.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Agency string `json:"agency,omitempty"`
	// securityLevel is computed from scope, users, services and data. While another
	// spec runs than the newest one, it is the higher one of both.
	// +optional
	SecurityLevel SecurityLevel `json:"securityLevel,omitempty"`
	// url under which the portal is reached inside the platform.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	URL string `json:"url,omitempty"`
	// ports on which the portal's pods listen, the oldest first: that of the spec
	// that runs, and those from before while a rollout has not replaced every pod.
	// Policies, Service and links open exactly these.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`
	// publicServices compares declared and verified services.
	// +optional
	PublicServices ServiceCounts `json:"publicServices,omitempty"`
	// policies are the names of the SecurityPolicies that select the portal, by its
	// newest spec or by the one that runs.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	Policies []string `json:"policies,omitempty"`
	// findings are the controls that the spec does not meet. While another spec runs,
	// what is reported of that one stands here too.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Findings []PolicyFinding `json:"findings,omitempty"`
	// lastCompliant is the last spec that met every enforced policy. While the
	// spec violates one, this is what runs.
	// +optional
	LastCompliant *AgencyPortalSpec `json:"lastCompliant,omitempty"`
	// platformConsents are the objects that the names of spec.providesPlatforms meant
	// when the operator first found them. Another object of the same name has no consent.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	PlatformConsents []PlatformConsent `json:"platformConsents,omitempty"`
	// replacing is there while pods may run that are not of lastCompliant: it is
	// recorded before another program is written, and taken back when no pod of
	// another one is left. The portal's links are closed meanwhile.
	// +optional
	Replacing *PortalReplacement `json:"replacing,omitempty"`
}

// PortalReplacement is a change of what approvals of a portal's links are about.
type PortalReplacement struct {
	// from is the repository of the image that is replaced.
	// +required
	// +kubebuilder:validation:MaxLength=512
	From string `json:"from"`
	// to is the repository of the image that replaces it.
	// +required
	// +kubebuilder:validation:MaxLength=512
	To string `json:"to"`
}

// PlatformConsent is the SharedPlatform that a portal's agency agreed to.
type PlatformConsent struct {
	// name of the SharedPlatform.
	// +required
	Name ObjectName `json:"name"`
	// uid of the SharedPlatform.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
}

// AgencyPortal is one portal of an agency. The operator gives it a hardened
// workload that nobody can reach or leave but over declared rules.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=agencyportals,singular=agencyportal,shortName=portal,categories=govplatform
// +kubebuilder:printcolumn:name="Agency",type=string,JSONPath=`.status.agency`
// +kubebuilder:printcolumn:name="Level",type=integer,JSONPath=`.status.securityLevel`
// +kubebuilder:printcolumn:name="Exposure",type=string,JSONPath=`.spec.exposure`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Host",type=string,JSONPath=`.spec.hostnames[0]`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label that starts with a letter, at most 63 characters, because the Service has the same name"
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'default'",message="metadata.name must not be default: Kubernetes and the agency's guards use that name; choose another"
type AgencyPortal struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the agency asks for.
	// +required
	Spec AgencyPortalSpec `json:"spec"`
	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={}
	Status AgencyPortalStatus `json:"status,omitempty"`
}

// AgencyPortalList is a list of portals.
//
// +kubebuilder:object:root=true
type AgencyPortalList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AgencyPortal `json:"items"`
}
