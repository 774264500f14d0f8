package v1alpha1

// Condition types. Ready is the summary of every kind; Reconciling and Stalled
// follow kstatus and are present only while they are true.
const (
	// ConditionReady is true when everything that the spec asks for is observed.
	ConditionReady = "Ready"
	// ConditionReconciling is present while the operator waits or works.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present when only a change of the spec can help.
	ConditionStalled = "Stalled"

	// ConditionNamespaceReady is true when an agency's namespace and its guards exist.
	ConditionNamespaceReady = "NamespaceReady"
	// ConditionParentResolved is true when the parent agency exists and holds the code that the child claims.
	ConditionParentResolved = "ParentResolved"

	// ConditionZonesDelegated is true unless an older agency has one of the agency's zones too.
	// Its message names the zones of others above and below. Ready does not rest on it.
	ConditionZonesDelegated = "ZonesDelegated"
	// ConditionRightsChanged is true from the first time that who has rights in an
	// agency's namespace changes. Its time is that of the last change, which its
	// message names. Ready does not rest on it.
	ConditionRightsChanged = "RightsChanged"
	// ConditionAuthority is true for the agency of the coordinating authority, and for
	// one that was it while what it stopped as that stands; absent for all others.
	ConditionAuthority = "Authority"
	// ConditionRightsConfirmed is true while no right that an agency's spec asks for
	// waits for a second person.
	ConditionRightsConfirmed = "RightsConfirmed"
	// ConditionOffboarding is present while an agency is really being removed; one
	// whose deletion is refused does not have it.
	ConditionOffboarding = "Offboarding"

	// ConditionEnforced is true when a policy's controls are in force, false in Audit
	// mode and where none of them has an effect.
	ConditionEnforced = "Enforced"
	// ConditionControlsEffective is true when every control of a policy has an effect.
	// Ready does not rest on it: a standard may say more than this version can hold.
	ConditionControlsEffective = "ControlsEffective"
	// ConditionAgenciesResolved is true when every agency that a policy or a shared
	// platform names exists. Ready does not rest on it: both come before agencies.
	ConditionAgenciesResolved = "AgenciesResolved"

	// ConditionPolicyCompliant is true when a portal meets every enforced policy that selects it.
	ConditionPolicyCompliant = "PolicyCompliant"
	// ConditionNetworkIsolated is true when the portal's network policies exist, and
	// no network policy of somebody else opens its agency's namespace.
	ConditionNetworkIsolated = "NetworkIsolated"
	// ConditionWorkloadAvailable is true when the portal's pods serve.
	ConditionWorkloadAvailable = "WorkloadAvailable"
	// ConditionExposed is true when the portal is reachable as its exposure asks.
	ConditionExposed = "Exposed"
	// ConditionObjectsHealthy is true while the objects that scale and protect the
	// portal's pods report no failure that lasts.
	ConditionObjectsHealthy = "ObjectsHealthy"
	// ConditionPlatformsResolved is true when every platform that the portal
	// references or must reference is available to it.
	ConditionPlatformsResolved = "PlatformsResolved"

	// ConditionPublished is true while a service's portal is Ready.
	ConditionPublished = "Published"
	// ConditionDatasetOwned is true for the one service that owns its dataset.
	ConditionDatasetOwned = "DatasetOwned"

	// ConditionAvailable is true while the platform's endpoint is there. Ready does not
	// wait for it: platforms come before the agencies that provide them.
	ConditionAvailable = "Available"
	// ConditionUnique is true unless an older platform has the same capability and scope.
	ConditionUnique = "Unique"

	// ConditionReferencesResolved is true when both ends of a link exist and may share.
	ConditionReferencesResolved = "ReferencesResolved"
	// ConditionProviderApproved is true while the provider approves exactly this scope.
	ConditionProviderApproved = "ProviderApproved"
	// ConditionAuthorityApproved is true while the authority approves this scope, or need not.
	ConditionAuthorityApproved = "AuthorityApproved"
	// ConditionWithinValidity is true until the link expires.
	ConditionWithinValidity = "WithinValidity"
	// ConditionPolicyPaired is true while the link's network policies exist on both sides.
	ConditionPolicyPaired = "PolicyPaired"

	// ConditionBound is true when an approval is for the link's present scope.
	ConditionBound = "Bound"
)

// Reasons that several kinds use.
const (
	// ReasonReady: everything is observed as asked.
	ReasonReady = "Ready"
	// ReasonProgressing: objects are written, their effect isn't observed yet.
	ReasonProgressing = "Progressing"
	// ReasonConflict: an object that isn't ours has the name that we need.
	ReasonConflict = "Conflict"
	// ReasonApplyFailed: the API server refused a write; the message has its reason.
	ReasonApplyFailed = "ApplyFailed"
	// ReasonLookupFailed: something that the decision needs could not be read.
	ReasonLookupFailed = "LookupFailed"
	// ReasonSuspended: the agency is suspended.
	ReasonSuspended = "Suspended"
	// ReasonDeleting: the object is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonPending: an earlier step has not finished, so this one is not known.
	ReasonPending = "Pending"
)

// Reasons of Agency.
const (
	// ReasonNamespaceReady: namespace, bindings, quota, limits and default deny exist.
	ReasonNamespaceReady = "NamespaceReady"
	// ReasonParentNotFound: the parent agency doesn't exist (yet).
	ReasonParentNotFound = "ParentNotFound"
	// ReasonParentCodeMismatch: the parent's code is not the prefix of this agency's code.
	ReasonParentCodeMismatch = "ParentCodeMismatch"
	// ReasonTopLevel: the agency has no parent.
	ReasonTopLevel = "TopLevel"
	// ReasonParentResolved: the parent exists and its code is the prefix.
	ReasonParentResolved = "ParentResolved"
	// ReasonCodeTaken: an older agency already holds the code.
	ReasonCodeTaken = "CodeTaken"
	// ReasonZonesDelegated: every zone is the agency's alone.
	ReasonZonesDelegated = "ZonesDelegated"
	// ReasonZoneTaken: an older agency has the same zone.
	ReasonZoneTaken = "ZoneTaken"
	// ReasonRightsChanged: somebody got or lost rights in the agency's namespace.
	ReasonRightsChanged = "RightsChanged"
	// ReasonRightsUnchanged: nobody got or lost rights since the operator recorded them.
	ReasonRightsUnchanged = "RightsUnchanged"
	// ReasonNoPersonalData: the agency holds no personal data, so nothing that its spec asks for waits.
	ReasonNoPersonalData = "NoPersonalData"
	// ReasonNothingWaits: the agency holds personal data, and nothing that its spec asks for waits.
	ReasonNothingWaits = "NothingWaits"
	// ReasonOperatorsAccount: accounts of the operator's own namespace are named and get no rights.
	ReasonOperatorsAccount = "OperatorsAccount"
	// ReasonCoordinatingAuthority: the operator's settings name the agency as the coordinating authority.
	ReasonCoordinatingAuthority = "CoordinatingAuthority"
	// ReasonEarlierAuthority: the agency was the coordinating authority, and what it stopped as that stands.
	ReasonEarlierAuthority = "EarlierAuthority"
	// ReasonConfirmationMissing: rights wait for a second person's confirmation.
	ReasonConfirmationMissing = "ConfirmationMissing"
	// ReasonConfirmationStale: rights wait, and what was confirmed is another change.
	ReasonConfirmationStale = "ConfirmationStale"
	// ReasonDeletionRefused: the agency is being deleted, and its deletionPolicy does not permit that.
	ReasonDeletionRefused = "DeletionRefused"
	// ReasonContentUnknown: what the agency has could not be listed, so nothing of it is removed.
	ReasonContentUnknown = "ContentUnknown"
	// ReasonNamespaceTerminating: somebody deleted the namespace; it is made anew when it is gone.
	ReasonNamespaceTerminating = "NamespaceTerminating"
	// ReasonNamespaceOrphaned: the namespace is that of an earlier Agency of the same name.
	ReasonNamespaceOrphaned = "NamespaceOrphaned"
	// ReasonOffboarding: the agency is being removed, workloads first.
	ReasonOffboarding = "Offboarding"
	// ReasonForeignPolicies: network policies that the operator did not write open the namespace.
	ReasonForeignPolicies = "ForeignPolicies"
	// ReasonForeignWorkloads: deletion waits for pods that the operator did not create.
	ReasonForeignWorkloads = "ForeignWorkloads"
)

// Reasons of SecurityPolicy.
const (
	// ReasonEnforcing: violations block.
	ReasonEnforcing = "Enforcing"
	// ReasonAuditing: violations are reported and do not block.
	ReasonAuditing = "Auditing"
	// ReasonControlsEffective: every control of the spec has an effect.
	ReasonControlsEffective = "ControlsEffective"
	// ReasonNoEffect: a control of the spec is stored and has no effect yet; of Ready and Enforced, all of them.
	ReasonNoEffect = "NoEffect"
	// ReasonImpactHeld: the newest spec would stop more that runs than its author accepts; the former one stays in force.
	ReasonImpactHeld = "ImpactHeld"
	// ReasonAgenciesResolved: every agency that the spec names exists.
	ReasonAgenciesResolved = "AgenciesResolved"
)

// Reasons of AgencyPortal.
const (
	// ReasonCompliant: every enforced policy is met.
	ReasonCompliant = "Compliant"
	// ReasonCompliantWithAudit: enforced policies are met, an audited one is not.
	ReasonCompliantWithAudit = "AuditFindings"
	// ReasonHeldStandard: every policy in force is met; a newest spec that is held would stop the portal.
	ReasonHeldStandard = "HeldStandard"
	// ReasonViolation: an enforced policy is violated and nothing runs.
	ReasonViolation = "PolicyViolation"
	// ReasonKeptLastCompliant: the spec violates a policy; the last compliant spec stays in force.
	ReasonKeptLastCompliant = "KeptLastCompliant"
	// ReasonAgencyNotFound: an agency that is named, or that a namespace belongs to, does not exist (yet).
	ReasonAgencyNotFound = "AgencyNotFound"
	// ReasonAgencyNotReady: the agency's namespace is not guarded yet.
	ReasonAgencyNotReady = "AgencyNotReady"
	// ReasonHostnameNotDelegated: a host name is outside the agency's zones.
	ReasonHostnameNotDelegated = "HostnameNotDelegated"
	// ReasonHostnameTaken: an older portal already has the host name.
	ReasonHostnameTaken = "HostnameTaken"
	// ReasonDuplicateOneStop: the agency already has a one-stop system.
	ReasonDuplicateOneStop = "DuplicateOneStop"
	// ReasonPortalQuota: the agency has as many portals as it may have.
	ReasonPortalQuota = "PortalQuotaExceeded"
	// ReasonBeyondPortalQuota: the portal runs, and is beyond the number of portals
	// that its agency may have since that was lowered.
	ReasonBeyondPortalQuota = "BeyondPortalQuota"
	// ReasonIsolated: deny-all and the base rules exist, or nothing but the operator's policies opens a namespace.
	ReasonIsolated = "Isolated"
	// ReasonWorkloadBlocked: nothing runs, because another condition forbids it.
	ReasonWorkloadBlocked = "WorkloadBlocked"
	// ReasonAvailable: enough pods are available.
	ReasonAvailable = "Available"
	// ReasonUnavailable: fewer pods are available than needed.
	ReasonUnavailable = "Unavailable"
	// ReasonQuotaExceeded: pods can't be made, because the agency's quota is used up.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonForeignPods: pods that the portal's Deployment did not make carry its label.
	ReasonForeignPods = "ForeignPods"
	// ReasonHealthy: neither autoscaler nor disruption budget reports a lasting failure.
	ReasonHealthy = "Healthy"
	// ReasonAutoscalerInactive: the autoscaler says that it can't scale.
	ReasonAutoscalerInactive = "AutoscalerInactive"
	// ReasonBudgetInactive: the disruption budget is not computed.
	ReasonBudgetInactive = "DisruptionBudgetInactive"
	// ReasonInternalOnly: the portal asks for no exposure beyond the platform.
	ReasonInternalOnly = "InternalOnly"
	// ReasonWaitingForRoutes: the platform can't publish this exposure yet.
	ReasonWaitingForRoutes = "WaitingForRoutes"
)

// Reasons of SharedPlatform and of references to platforms.
const (
	// ReasonPlatformNotFound: the platform does not exist (yet).
	ReasonPlatformNotFound = "PlatformNotFound"
	// ReasonCatalogued: the platform is in the catalogue, and what it needs to be used may come later.
	ReasonCatalogued = "Catalogued"
	// ReasonPlatformUnavailable: the platform's endpoint is not there.
	ReasonPlatformUnavailable = "PlatformUnavailable"
	// ReasonOwnerConsentMissing: the portal's agency has not agreed to be the platform.
	ReasonOwnerConsentMissing = "OwnerConsentMissing"
	// ReasonOutsideNetworks: an address of the platform is none of the declared networks.
	ReasonOutsideNetworks = "OutsideNetworks"
	// ReasonPlatformNotAllowed: the platform is not for this agency.
	ReasonPlatformNotAllowed = "PlatformNotAllowed"
	// ReasonPlatformRequired: the portal must reference a platform that it does not.
	ReasonPlatformRequired = "PlatformRequired"
	// ReasonPlatformsResolved: every referenced platform is available.
	ReasonPlatformsResolved = "PlatformsResolved"
	// ReasonDuplicateOf: an older platform has the same capability and scope.
	ReasonDuplicateOf = "DuplicateOf"
	// ReasonUnique: no other platform has the same capability and scope.
	ReasonUnique = "Unique"
)

// Reasons of DataService.
const (
	// ReasonPortalNotFound: the portal does not exist in the namespace.
	ReasonPortalNotFound = "PortalNotFound"
	// ReasonPortalNotReady: the portal is not Ready.
	ReasonPortalNotReady = "PortalNotReady"
	// ReasonPortMismatch: the service's port is not the portal's.
	ReasonPortMismatch = "PortMismatch"
	// ReasonPublished: the service is in the catalogue.
	ReasonPublished = "Published"
	// ReasonPortalIsPlatform: the portal is a platform that others reach without a link.
	ReasonPortalIsPlatform = "PortalIsPlatform"
	// ReasonClaimNotValid: a claim on a dataset needs a living, compliant portal.
	ReasonClaimNotValid = "ClaimNotValid"
	// ReasonDatasetAssigned: the authority assigned the dataset to another agency.
	ReasonDatasetAssigned = "DatasetAssigned"
	// ReasonDatasetDisputed: two policies assign the dataset to different agencies.
	ReasonDatasetDisputed = "DatasetDisputed"
	// ReasonDatasetTaken: an older service owns the dataset.
	ReasonDatasetTaken = "DatasetTaken"
	// ReasonDatasetOwned: the service owns the dataset.
	ReasonDatasetOwned = "DatasetOwned"
)

// Reasons of DataSharingLink and DataSharingApproval.
const (
	// ReasonConsumerNotFound: the consumer's portal or agency is missing.
	ReasonConsumerNotFound = "ConsumerNotFound"
	// ReasonServiceNotFound: the provider's agency, service or portal is missing.
	ReasonServiceNotFound = "ServiceNotFound"
	// ReasonOperationNotFound: the service has no such operation.
	ReasonOperationNotFound = "OperationNotFound"
	// ReasonEndReplaced: another program is being rolled out at an end of a link.
	ReasonEndReplaced = "EndReplaced"
	// ReasonEndNotCompliant: the portal of one end does not meet its policies.
	ReasonEndNotCompliant = "EndNotCompliant"
	// ReasonStateSecret: a state secret is never linked.
	ReasonStateSecret = "StateSecret"
	// ReasonLegalBasisMissing: personal data needs a legal basis.
	ReasonLegalBasisMissing = "LegalBasisMissing"
	// ReasonDirectNotAllowed: no policy allows the direct route.
	ReasonDirectNotAllowed = "DirectNotAllowed"
	// ReasonRouteNotAvailable: no sharing platform is available.
	ReasonRouteNotAvailable = "RouteNotAvailable"
	// ReasonResolved: both ends exist and may share.
	ReasonResolved = "Resolved"
	// ReasonApproved: the present scope is approved.
	ReasonApproved = "Approved"
	// ReasonApprovalMissing: nobody has decided about the present scope.
	ReasonApprovalMissing = "ApprovalMissing"
	// ReasonApprovalStale: an approval exists, for another scope.
	ReasonApprovalStale = "ApprovalStale"
	// ReasonRequesterMissing: personal data needs to know who asks.
	ReasonRequesterMissing = "RequesterMissing"
	// ReasonSameApprover: one person decided for more than one side.
	ReasonSameApprover = "SameApprover"
	// ReasonRejected: the scope was rejected.
	ReasonRejected = "Rejected"
	// ReasonUnreadable: the operator cannot decode the object. What it opened is
	// closed, and what rests on it is held.
	ReasonUnreadable = "Unreadable"
	// ReasonLinkSuspended: the link is suspended.
	ReasonLinkSuspended = "LinkSuspended"
	// ReasonNotRequired: the authority's approval is not required.
	ReasonNotRequired = "NotRequired"
	// ReasonValid: the link is inside its term.
	ReasonValid = "Valid"
	// ReasonExpired: the link's term is over.
	ReasonExpired = "Expired"
	// ReasonValidityTooLong: the term is longer than policy allows.
	ReasonValidityTooLong = "ValidityTooLong"
	// ReasonPaired: both halves of the policy pair exist.
	ReasonPaired = "Paired"
	// ReasonRecording: who approved a link, or has rights in a new agency, is being
	// recorded; then it opens, or its namespace is made.
	ReasonRecording = "Recording"
	// ReasonWithdrawn: no policy of the link exists.
	ReasonWithdrawn = "Withdrawn"
	// ReasonLinkNotFound: the link does not exist.
	ReasonLinkNotFound = "LinkNotFound"
	// ReasonNotEntitled: the approval is in a namespace that decides nothing about the link.
	ReasonNotEntitled = "NotEntitled"
	// ReasonBound: the approval is for the link's present scope.
	ReasonBound = "Bound"
)
