package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Decision about a link.
//
// +kubebuilder:validation:Enum=Approve;Reject;Suspend
type Decision string

const (
	// DecisionApprove lets exactly the scope of specHash pass.
	DecisionApprove Decision = "Approve"
	// DecisionReject refuses the scope of specHash.
	DecisionReject Decision = "Reject"
	// DecisionSuspend closes the link whatever its scope, until it is taken back.
	DecisionSuspend Decision = "Suspend"
)

// LinkReference names a DataSharingLink. Both halves are public: the link says
// itself who its provider is, and an approval counts only in that provider's
// namespace or the authority's, and what an earlier authority stopped in its own.
type LinkReference struct {
	// namespace of the link.
	// +required
	Namespace ObjectName `json:"namespace"`
	// name of the link.
	// +required
	Name ObjectName `json:"name"`
}

// DataSharingApprovalSpec is a decision about a link.
//
// +kubebuilder:validation:XValidation:rule="self.decision == 'Approve' || (has(self.reason) && self.reason.size() > 0)",message="reason is required to reject or suspend (Decree 47/2020, article 35)"
// +kubebuilder:validation:XValidation:rule="self.decision == 'Suspend' || has(self.specHash)",message="specHash is required to approve or reject: it says which scope is decided; kubectl gov approve fills it in"
type DataSharingApprovalSpec struct {
	// linkRef names the link.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="linkRef can't be changed; create another approval"
	LinkRef LinkReference `json:"linkRef"`
	// specHash of the scope that is decided, as the link's status shows it.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:XValidation:rule="self.matches('^sha256:[a-f0-9]{64}$')",message="must be the link's status.specHash (sha256: and 64 hex digits)"
	SpecHash string `json:"specHash,omitempty"`
	// decision about the link.
	// +required
	Decision Decision `json:"decision"`
	// reason of the decision, for both sides to read.
	// +optional
	// +kubebuilder:validation:MaxLength=1000
	Reason Text `json:"reason,omitempty"`
	// approver is the user who decides. The API server accepts only the
	// requesting user here.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\pL\pM\pN\pP\pS ]|[\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFFC}\x{16FE4}\x{1D159}\x{E0000}-\x{E0FFF}]|^[ \pM]| $|\pM{5}')`,message="must be visible text in one line without spaces at its ends: remove line breaks, tabs, control, zero-width and direction characters (in YAML write a long text with >-)"
	Approver string `json:"approver"`
}

// DataSharingApprovalStatus is what the operator observed.
type DataSharingApprovalStatus struct {
	StatusBase `json:",inline"`
	// side for which the decision speaks. Authority stays while the decision
	// rejects or suspends, whoever is the authority by now.
	// +optional
	Side LinkSide `json:"side,omitempty"`
}

// DataSharingApproval is a decision of the provider, or of the authority, about
// exactly one scope of a link.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=datasharingapprovals,singular=datasharingapproval,shortName=dsa,categories=govplatform
// +kubebuilder:printcolumn:name="Link-Namespace",type=string,JSONPath=`.spec.linkRef.namespace`
// +kubebuilder:printcolumn:name="Link",type=string,JSONPath=`.spec.linkRef.name`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.spec.decision`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Approver",type=string,JSONPath=`.spec.approver`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type DataSharingApproval struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the decision.
	// +required
	Spec DataSharingApprovalSpec `json:"spec"`
	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={}
	Status DataSharingApprovalStatus `json:"status,omitempty"`
}

// DataSharingApprovalList is a list of approvals.
//
// +kubebuilder:object:root=true
type DataSharingApprovalList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataSharingApproval `json:"items"`
}

// GetStatusBase returns what the status of every kind has.
func (a *DataSharingApproval) GetStatusBase() *StatusBase { return &a.Status.StatusBase }
