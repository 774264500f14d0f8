package portal

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// AgencyFacts are all that portals read of their agency, but for the figure of its quota,
// which concerns only those that IndexPortalWaits has. Two versions of an agency with
// the same facts are the same to a portal: what else changes in one reaches none of them.
// A test decides about portals with every field of the spec changed.
type AgencyFacts struct {
	UID       types.UID
	Deleting  bool
	Offboards bool
	Suspended bool
	// ForeignPolicies is true while the agency's namespace is opened by somebody else.
	ForeignPolicies bool
	// Domains are its zones, by which its portals' host names are within them or not.
	Domains string
	// Beyond is the figure of its quota while it has more portals than that, and -1
	// otherwise: then those that run look whether they are beyond it.
	Beyond int
}

// FactsOfAgency returns what portals read of an agency.
func FactsOfAgency(a *v1alpha1.Agency) AgencyFacts {
	beyond := -1
	if mayBeBeyond(a) {
		beyond = agency.PortalQuota(a)
	}
	return AgencyFacts{
		UID: a.UID, Deleting: a.DeletionTimestamp != nil, Offboards: agency.Offboards(a), Suspended: a.Spec.Suspended,
		ForeignPolicies: meta.IsStatusConditionFalse(a.Status.Conditions, v1alpha1.ConditionNetworkIsolated),
		Domains:         joinDomains(a.Spec.Domains), Beyond: beyond,
	}
}

// CarrierFacts are all that the ends of flows and the users of a platform read of the agency
// of another end, or of the one that carries the platform.
type CarrierFacts struct {
	UID       types.UID
	Offboards bool
	Suspended bool
}

// FactsOfCarrier returns what others read of an agency whose portal they reach.
func FactsOfCarrier(a *v1alpha1.Agency) CarrierFacts {
	return CarrierFacts{UID: a.UID, Offboards: agency.Offboards(a), Suspended: a.Spec.Suspended}
}

// GuardFacts are all that portals read of their namespace and of its default deny.
type GuardFacts struct {
	UID      types.UID
	Deleting bool
	// Owner and Marked say whose the object is, Agency for whom a namespace was made.
	Owner  names.Owner
	Marked bool
	Agency string
	// DeniesAll is true of a default deny that denies everything.
	DeniesAll bool
}

// FactsOfGuard returns what portals read of a guard of their agency.
func FactsOfGuard(o object.Object) GuardFacts {
	f := GuardFacts{UID: o.GetUID(), Deleting: o.GetDeletionTimestamp() != nil, Agency: o.GetLabels()[names.LabelAgency]}
	f.Owner, f.Marked = names.MarkedOwner(o)
	if p, ok := o.(*networkingv1.NetworkPolicy); ok {
		f.DeniesAll = deniesAll(p)
	}
	return f
}

// Guards reports whether portals read an object as a guard of their agency.
func Guards(o metav1.Object) bool {
	switch o.(type) {
	case *corev1.Namespace:
		return true
	case *networkingv1.NetworkPolicy:
		return o.GetName() == agency.DefaultDeny
	}
	return false
}
