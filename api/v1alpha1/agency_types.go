package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AdminLevel is the level of government that an agency belongs to.
//
// +kubebuilder:validation:Enum=Central;Province;District;Commune
type AdminLevel string

// DeletionPolicy says whether an agency may be deleted, and with what in it.
//
// +kubebuilder:validation:Enum=Refuse;DeleteEmpty;DeletePortals
type DeletionPolicy string

const (
	// DeletionRefuse never lets an agency go that has a namespace: the operator
	// can't see the Secrets in it.
	DeletionRefuse DeletionPolicy = "Refuse"
	// DeletionDeleteEmpty lets an agency go that has no portals, data services,
	// links, decisions and child agencies.
	DeletionDeleteEmpty DeletionPolicy = "DeleteEmpty"
	// DeletionDeletePortals deletes the portals first, then the namespace.
	DeletionDeletePortals DeletionPolicy = "DeletePortals"
)

// ParentReference names the agency one level up.
type ParentReference struct {
	// name of the parent Agency.
	// +required
	Name AgencyName `json:"name"`
	// code of the parent, if stated: the API server then checks at once that it
	// is the prefix of this agency's code. The operator always checks it
	// against the parent itself.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Y][0-9]{2}([.][0-9A-Z]+)*$')",message="parentRef.code must be the parent's code: a letter A-Y and two digits, with child groups after dots (G12, G12.18)"
	Code string `json:"code,omitempty"`
}

// ServiceAccountReference names a service account by which a program acts.
type ServiceAccountReference struct {
	// namespace of the service account: no agency's, since what runs there has no
	// identity that anybody may use, and none of Kubernetes' own.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && !self.startsWith('agency-') && !self.startsWith('kube-')",message="must be a namespace that belongs to no agency and not to Kubernetes, e.g. delivery-finance; the agency's delivery runs outside the namespace that it writes to"
	Namespace string `json:"namespace"`
	// name of the service account.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be the name of a ServiceAccount: lower-case letters, digits and dashes, in parts joined by single dots"
	Name string `json:"name"`
}

// AccountableOfficer is the head who answers for the agency's systems.
type AccountableOfficer struct {
	// title of the office, e.g. "Bộ trưởng".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	Title Text `json:"title"`
	// email under which the office is reached.
	// +required
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+$')",message="email must be an address such as accountable@mof.example.gov.vn"
	Email string `json:"email"`
}

// AgencyQuota bounds what one agency can use. Every field has a default that is
// written into the object, so that the figure in force can be read there.
type AgencyQuota struct {
	// cpu is the sum of the cores that the agency's pods request.
	// +optional
	// +kubebuilder:default="32"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) > 0 : string(self).matches('^([1-9][0-9]{0,18}([.][0-9]{1,6})?|0[.][0-9]{0,3}[1-9][0-9]{0,3})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$')",message="must be an amount above 0 without exponent, e.g. 32"
	CPU *resource.Quantity `json:"cpu,omitempty"`
	// memory is the sum of the bytes that the agency's pods request.
	// +optional
	// +kubebuilder:default="64Gi"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) > 0 : string(self).matches('^([1-9][0-9]{0,18}([.][0-9]{1,6})?|0[.][0-9]{0,3}[1-9][0-9]{0,3})(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$')",message="must be an amount above 0 without exponent, e.g. 64Gi"
	Memory *resource.Quantity `json:"memory,omitempty"`
	// pods is the number of pods.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Pods *int32 `json:"pods,omitempty"`
	// portals is the number of AgencyPortals.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Portals *int32 `json:"portals,omitempty"`
	// dataServices is the number of DataServices.
	// +optional
	// +kubebuilder:default=50
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	DataServices *int32 `json:"dataServices,omitempty"`
	// links is the number of DataSharingLinks that the agency asks for.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Links *int32 `json:"links,omitempty"`
	// approvals is the number of DataSharingApprovals, rejections and
	// suspensions included. They close links, so a number below 50 that an earlier
	// version stored counts as 50, and the agency of the coordinating authority is
	// not bounded.
	// +optional
	// +kubebuilder:default=500
	// +kubebuilder:validation:Minimum=50
	// +kubebuilder:validation:Maximum=5000
	Approvals *int32 `json:"approvals,omitempty"`
	// secrets is the number of Secrets.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Secrets *int32 `json:"secrets,omitempty"`
	// configMaps is the number of ConfigMaps; one of them is Kubernetes' own.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	ConfigMaps *int32 `json:"configMaps,omitempty"`
}

// AgencySpec says who an agency is and what it may use.
//
// +kubebuilder:validation:XValidation:rule="!self.code.matches('^[A-Z][0-9]{2}([.]|$)') || has(self.parentRef) == self.code.contains('.')",fieldPath=".parentRef",message="parentRef and code must fit: a code with a dot (G09.20) is a child's and needs parentRef; a code without a dot has no parent"
// +kubebuilder:validation:XValidation:rule="!has(self.parentRef) || !has(self.parentRef.code) || self.code.startsWith(self.parentRef.code + '.')",message="code must start with parentRef.code and a dot, because the parent's code is the prefix of the child's (G09 -> G09.20)"
// +kubebuilder:validation:XValidation:rule="!(self.adminLevel in ['District', 'Commune']) || has(self.parentRef)",message="adminLevel District and Commune need parentRef: they join through their province"
type AgencySpec struct {
	// code is the agency's identifier under Decision 20/2020: groups joined by
	// dots, level 1 first (G12, G12.18), or Z and two digits followed by up to
	// 32 characters for other bodies. It never changes.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:XValidation:rule="self.matches('^([A-Y][0-9]{2}([.][0-9A-Z]+)*|Z(0[1-9]|[1-9][0-9])[0-9A-Z]{0,32})$')",message="code must be a letter A-Y and two digits, with child groups of digits and capitals after dots (G12, G12.18), or Z01-Z99 followed by up to 32 digits and capitals"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="code can't be changed: identifiers and approvals rest on it; create a new Agency instead"
	Code string `json:"code"`
	// legacyCode is the code under the older scheme, e.g. 000.00.00.G12.
	// +optional
	// +kubebuilder:validation:MaxLength=13
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{3}[.][0-9]{2}[.][0-9]{2}[.][A-Z][0-9]{2}$')",message="legacyCode must be three digits, two, two, and a letter with two digits, joined by dots, e.g. 000.00.18.G12"
	LegacyCode string `json:"legacyCode,omitempty"`
	// displayName is the agency's name for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	DisplayName Text `json:"displayName"`
	// adminLevel is the level of government.
	// +required
	AdminLevel AdminLevel `json:"adminLevel"`
	// parentRef names the agency one level up, for codes with a dot.
	// +optional
	ParentRef *ParentReference `json:"parentRef,omitempty"`
	// accountableOfficer answers for the agency's systems.
	// +required
	AccountableOfficer AccountableOfficer `json:"accountableOfficer"`
	// adminGroups may write portals and links in the agency's namespace.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	AdminGroups []GroupName `json:"adminGroups,omitempty"`
	// adminServiceAccounts may write like adminGroups: the agency's own delivery,
	// for example a GitOps tool that acts for this agency alone.
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	AdminServiceAccounts []ServiceAccountReference `json:"adminServiceAccounts,omitempty"`
	// viewerGroups may read the agency's namespace.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	ViewerGroups []GroupName `json:"viewerGroups,omitempty"`
	// domains are the DNS zones delegated to the agency; host names of its
	// portals must lie inside them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Domains []DNSName `json:"domains,omitempty"`
	// quota bounds what the agency can use.
	// +optional
	// +kubebuilder:default={}
	Quota AgencyQuota `json:"quota,omitempty"`
	// suspended stops the agency's workloads and closes its traffic. Nothing is
	// lost: setting it to false brings everything back.
	// +optional
	Suspended bool `json:"suspended,omitempty"`
	// deletionPolicy says whether this agency may be deleted. It must permit that
	// before the deletion, which the API server refuses otherwise: Refuse never
	// permits it once there is a namespace; DeleteEmpty permits it without
	// portals, data services, links, decisions and child agencies;
	// DeletePortals without child agencies, and then removes the portals, waits
	// for their pods and removes the namespace last. Whatever else is in the
	// namespace goes with it, its Secrets too.
	// +optional
	// +kubebuilder:default=Refuse
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// adoptNamespace is the UID of the namespace agency-<name> that an earlier
	// Agency of this name left behind, if this one shall take it over with all
	// that is in it. A namespace of another UID, or one that the operator did not
	// make for an Agency of this name, is left alone.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')",message="adoptNamespace must be the UID of the namespace: kubectl get namespace agency-<name> -o jsonpath={.metadata.uid}"
	AdoptNamespace string `json:"adoptNamespace,omitempty"`
	// rightsChange says who asks for the rights that the spec gives, and who
	// confirms them. An agency with personal data needs both, two different users,
	// before adminGroups, adminServiceAccounts or viewerGroups give anybody rights
	// that they do not have yet. What takes rights away waits for nobody.
	// +optional
	RightsChange *RightsChange `json:"rightsChange,omitempty"`
}

// RightsChange is who answers for what a spec adds to the rights in an agency's
// namespace. The API server accepts only the requesting user for each name.
//
// +kubebuilder:validation:XValidation:rule="has(self.confirmedBy) == has(self.confirmedHash)",message="confirmedBy and confirmedHash belong together: a confirmation names who confirms and the hash of what is confirmed (status.pendingRights.hash); leave both to kubectl gov confirm-rights"
type RightsChange struct {
	// requestedBy is the user who asks: whoever writes the change.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\pL\pM\pN\pP\pS ]|[\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFFC}\x{16FE4}\x{1D159}\x{E0000}-\x{E0FFF}]|^[ \pM]| $|\pM{5}')`,message="must be visible text in one line without spaces at its ends: remove line breaks, tabs, control, zero-width and direction characters (in YAML write a long text with >-)"
	RequestedBy string `json:"requestedBy,omitempty"`
	// confirmedBy is the person who looked at the change and wants it too. A
	// program asks, and never confirms.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="confirmedBy must be a person: a service account asks for rights and never confirms them; let a second person run kubectl gov confirm-rights"
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\pL\pM\pN\pP\pS ]|[\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFFC}\x{16FE4}\x{1D159}\x{E0000}-\x{E0FFF}]|^[ \pM]| $|\pM{5}')`,message="must be visible text in one line without spaces at its ends: remove line breaks, tabs, control, zero-width and direction characters (in YAML write a long text with >-)"
	ConfirmedBy string `json:"confirmedBy,omitempty"`
	// confirmedHash is the hash of exactly what is confirmed, from
	// status.pendingRights.hash.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:XValidation:rule="self.matches('^sha256:[0-9a-f]{64}$')",message="confirmedHash must be sha256: and 64 hexadecimal digits, the hash of status.pendingRights; leave it to kubectl gov confirm-rights"
	ConfirmedHash string `json:"confirmedHash,omitempty"`
}

// AgencyContents counts what the agency has, and what deletionPolicy DeleteEmpty
// waits for.
type AgencyContents struct {
	// portals is the number of portals in the namespace.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Portals int32 `json:"portals"`
	// dataServices is the number of data services in the namespace.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	DataServices int32 `json:"dataServices"`
	// links is the number of links in the namespace.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Links int32 `json:"links"`
	// approvals is the number of decisions about links in the namespace.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Approvals int32 `json:"approvals"`
	// children is the number of agencies that name this one as their parent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1073741824
	Children int32 `json:"children"`
}

// AdoptedNamespace records that an agency took over a namespace.
//
// +kubebuilder:validation:XValidation:rule="self.at > timestamp('2000-01-01T00:00:00Z') && self.at < timestamp('2200-01-01T00:00:00Z')",message="at must be a time of RFC 3339 in the years 2000 to 2199"
type AdoptedNamespace struct {
	// uid of the namespace.
	// +required
	// +kubebuilder:validation:MaxLength=63
	UID string `json:"uid"`
	// previousOwner is the UID of the Agency that the namespace was made for.
	// +required
	// +kubebuilder:validation:MaxLength=63
	PreviousOwner string `json:"previousOwner"`
	// at is when that happened.
	// +required
	At metav1.Time `json:"at"`
}

// AgencyRights are who has rights in an agency's namespace.
type AgencyRights struct {
	// adminGroups write there.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	AdminGroups []GroupName `json:"adminGroups,omitempty"`
	// adminServiceAccounts write there.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	AdminServiceAccounts []ServiceAccountReference `json:"adminServiceAccounts,omitempty"`
	// viewerGroups read there.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	ViewerGroups []GroupName `json:"viewerGroups,omitempty"`
}

// GrantedRights are the rights in force, as the operator gave them.
//
// +kubebuilder:validation:XValidation:rule="self.since > timestamp('2000-01-01T00:00:00Z') && self.since < timestamp('2200-01-01T00:00:00Z')",message="since must be a time of RFC 3339 in the years 2000 to 2199"
type GrantedRights struct {
	AgencyRights `json:",inline"`
	// since is when they changed last.
	// +required
	Since metav1.Time `json:"since"`
}

// PendingRights are rights that the spec asks for and nobody has yet, because a
// second person must confirm them. What is confirmed is this, the agency's UID
// and status.rights, so a confirmation is for one change of what was in force.
type PendingRights struct {
	// agencyGeneration is the generation of the Agency at which the operator first
	// saw that this is asked for: the same change asked for again has another one.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000000
	AgencyGeneration int64 `json:"agencyGeneration"`
	// requestedBy is the user who asks.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RequestedBy string `json:"requestedBy,omitempty"`
	// added are the rights that wait. What the spec takes away is taken already.
	// +required
	Added AgencyRights `json:"added"`
	// hash to confirm.
	// +required
	// +kubebuilder:validation:MaxLength=71
	Hash string `json:"hash"`
}

// AgencyStatus is what the operator observed.
type AgencyStatus struct {
	StatusBase `json:",inline"`
	// namespace is where the agency's portals live.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace      string `json:"namespace,omitempty"`
	AgencyContents `json:",inline"`
	// adopted is present when the agency took over the namespace of an earlier
	// Agency of its name.
	// +optional
	Adopted *AdoptedNamespace `json:"adopted,omitempty"`
	// rights are who has rights in the namespace, and since when. The condition
	// RightsChanged names what changed then.
	// +optional
	Rights *GrantedRights `json:"rights,omitempty"`
	// pendingRights are rights that wait for a confirmation.
	// +optional
	PendingRights *PendingRights `json:"pendingRights,omitempty"`
	// catalogue has the agency's published data services whose visibility is
	// Catalogue, by name; the first 100 of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Catalogue []CatalogueEntry `json:"catalogue,omitempty"`
}

// Agency is one body of government on the platform. The operator gives it a
// namespace with its guards: pod-security labels, role bindings, quota, limits
// and a network policy that denies everything.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=agencies,singular=agency,shortName=agy,categories=govplatform
// +kubebuilder:printcolumn:name="Code",type=string,JSONPath=`.spec.code`
// +kubebuilder:printcolumn:name="Level",type=string,JSONPath=`.spec.adminLevel`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Portals",type=integer,JSONPath=`.status.portals`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspended`,priority=1
// +kubebuilder:printcolumn:name="Namespace",type=string,JSONPath=`.status.namespace`,priority=1
// +kubebuilder:printcolumn:name="Rights-Since",type=string,JSONPath=`.status.rights.since`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 56 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 56 characters, because the namespace is named agency-<name>"
type Agency struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says who the agency is and what it may use.
	// +required
	Spec AgencySpec `json:"spec"`
	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={}
	Status AgencyStatus `json:"status,omitempty"`
}

// AgencyList is a list of agencies.
//
// +kubebuilder:object:root=true
type AgencyList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Agency `json:"items"`
}
