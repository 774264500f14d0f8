package kinds

import "github.com/govplatform/govplatform/api/v1alpha1"

// Agency is the row of agencies, on which everything else rests.
var Agency = Descriptor{
	Kind: v1alpha1.KindAgency, Plural: "agencies",
	New: func() Object { return &v1alpha1.Agency{} }, NewList: func() List { return &v1alpha1.AgencyList{} },
	Ready: []string{
		v1alpha1.ConditionParentResolved, v1alpha1.ConditionNamespaceReady, v1alpha1.ConditionNetworkIsolated, v1alpha1.ConditionRightsConfirmed,
	},
	Beside: []string{
		v1alpha1.ConditionZonesDelegated, v1alpha1.ConditionRightsChanged, v1alpha1.ConditionAuthority, v1alpha1.ConditionOffboarding,
	},
	Tells:  []string{v1alpha1.ReasonRightsChanged, "RightsAskedFor"},
	Header: []string{"AGENCY", "CODE", "LEVEL", "PORTALS", "RIGHTS CHANGED (+07:00)", "READY", "REASON", "MESSAGE"},
}

// SecurityPolicy is the row of the authority's standards.
var SecurityPolicy = Descriptor{
	Kind: v1alpha1.KindSecurityPolicy, Plural: "securitypolicies",
	New: func() Object { return &v1alpha1.SecurityPolicy{} }, NewList: func() List { return &v1alpha1.SecurityPolicyList{} },
	Ready:  []string{v1alpha1.ConditionEnforced},
	Beside: []string{v1alpha1.ConditionAgenciesResolved, v1alpha1.ConditionControlsEffective},
	Header: []string{"POLICY", "MODE", "MATCHED", "COMPLIANT", "VIOLATING", "READY", "REASON", "MESSAGE"},
}

// SharedPlatform is the row of the platforms that portals reference.
var SharedPlatform = Descriptor{
	Kind: v1alpha1.KindSharedPlatform, Plural: "sharedplatforms", Short: "platform",
	New: func() Object { return &v1alpha1.SharedPlatform{} }, NewList: func() List { return &v1alpha1.SharedPlatformList{} },
	Ready:  []string{v1alpha1.ConditionUnique, v1alpha1.ConditionAvailable},
	Beside: []string{v1alpha1.ConditionAgenciesResolved},
	Header: []string{"PLATFORM", "TYPE", "OWNER", "CONSUMERS", "READY", "REASON", "MESSAGE"},
}

// AgencyPortal is the row of agencies' portals.
var AgencyPortal = Descriptor{
	Kind: v1alpha1.KindAgencyPortal, Plural: "agencyportals", Namespaced: true, Short: "portal",
	New: func() Object { return &v1alpha1.AgencyPortal{} }, NewList: func() List { return &v1alpha1.AgencyPortalList{} },
	Ready: []string{
		v1alpha1.ConditionPolicyCompliant, v1alpha1.ConditionNetworkIsolated, v1alpha1.ConditionWorkloadAvailable,
		v1alpha1.ConditionObjectsHealthy, v1alpha1.ConditionPlatformsResolved, v1alpha1.ConditionExposed,
	},
	Header: []string{"AGENCY", "PORTAL", "LEVEL", "EXPOSURE", "READY", "REASON", "MESSAGE"},
}

// DataService is the row of what portals offer to others.
var DataService = Descriptor{
	Kind: v1alpha1.KindDataService, Plural: "dataservices", Namespaced: true, Short: "service",
	New: func() Object { return &v1alpha1.DataService{} }, NewList: func() List { return &v1alpha1.DataServiceList{} },
	Ready:  []string{v1alpha1.ConditionDatasetOwned, v1alpha1.ConditionPublished},
	Header: []string{"PROVIDER", "SERVICE", "DATASET", "CLASS", "CONSUMERS", "READY", "REASON", "MESSAGE"},
}

// DataSharingLink is the row of the links between a portal and a service.
var DataSharingLink = Descriptor{
	Kind: v1alpha1.KindDataSharingLink, Plural: "datasharinglinks", Namespaced: true, Short: "link",
	New: func() Object { return &v1alpha1.DataSharingLink{} }, NewList: func() List { return &v1alpha1.DataSharingLinkList{} },
	Ready: []string{
		v1alpha1.ConditionReferencesResolved, v1alpha1.ConditionWithinValidity, v1alpha1.ConditionProviderApproved,
		v1alpha1.ConditionAuthorityApproved, v1alpha1.ConditionPolicyPaired,
	},
	Tells: []string{
		"Requested", "Approved", "Rejected", "Suspended", "Revoked", v1alpha1.ReasonSameApprover, "Opened", "Closed", v1alpha1.ReasonExpired,
	},
	Header: []string{"CONSUMER", "LINK", "PROVIDER", "SERVICE", "PHASE", "VALID UNTIL (+07:00)", "READY", "REASON", "MESSAGE"},
}

// DataSharingApproval is the row of the decisions about links. "kubectl gov
// decisions" shows them with their link.
var DataSharingApproval = Descriptor{
	Kind: v1alpha1.KindDataSharingApproval, Plural: "datasharingapprovals", Namespaced: true, Short: "approval",
	New: func() Object { return &v1alpha1.DataSharingApproval{} }, NewList: func() List { return &v1alpha1.DataSharingApprovalList{} },
	Ready: []string{v1alpha1.ConditionBound},
	Tells: []string{"Approved", "Rejected", "Suspended", "Revoked"},
}
