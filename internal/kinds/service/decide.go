package service

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// Input is everything that decides about a data service.
type Input struct {
	Settings settings.Settings
	// Now is the time at which the service is looked at.
	Now      time.Time
	Service  *v1alpha1.DataService
	Provider portalkind.End
	// DatasetHolder is the service that owns the dataset, as namespace/name; empty
	// when it is this one or none.
	DatasetHolder string
	// HolderSettled is true when nobody gets the dataset back from that service.
	HolderSettled bool
	// AssignedTo is the agency to which the authority assigned the dataset; empty
	// for none. DisputedBy are policies that assign it to different ones.
	AssignedTo string
	DisputedBy []string
	// OpenPlatform is the shared platform that the portal is, if others reach it
	// without a link.
	OpenPlatform string
	// Consumers are the portals (namespace/name) with an open link, and Links all
	// links (namespace/name) that ask for the service, both sorted.
	Consumers, Links []string
}

// Output is what is found about a data service. It has no children: it
// is an entry of the catalogue.
type Output struct {
	// Dataset is why the service does not own its dataset; nil when it does.
	Dataset *object.Blocker
	// Published is why the service is not in the catalogue; nil when it is.
	Published *object.Blocker
	// Identifier of the service; empty while its portal's agency is unknown.
	Identifier string
}

// Decide decides whether a service owns its dataset and is published.
func Decide(in Input) Output {
	var out Output
	spec := &in.Service.Spec
	out.Dataset = datasetBlocker(in)
	p := in.Provider
	switch {
	case p.Agency == nil:
		out.Published = &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonAgencyNotFound, Message: fmt.Sprintf("metadata.namespace: %q belongs to no Agency; publish the service from an agency's namespace.", in.Service.Namespace)}
		return out
	case p.Portal == nil:
		out.Published = &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPortalNotFound, Message: fmt.Sprintf("spec.portalRef.name: the namespace has no AgencyPortal %q; create it or correct the name.", spec.PortalRef.Name)}
	case in.OpenPlatform != "":
		out.Published = PlatformPortalBlocker("spec.portalRef.name", string(spec.PortalRef.Name), in.OpenPlatform)
	case !slices.Contains(flow.Ports(p.Portal), spec.Port):
		out.Published = &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonPortMismatch, Message: fmt.Sprintf("spec.port: %d is not the portal's port %s; use the portal's port.", spec.Port, flow.JoinPorts(flow.Ports(p.Portal)))}
	case !meta.IsStatusConditionTrue(p.Portal.Status.Conditions, v1alpha1.ConditionReady):
		out.Published = &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPortalNotReady, Message: fmt.Sprintf("spec.portalRef.name: portal %q is not Ready (see its conditions); the service is published when it is.", spec.PortalRef.Name)}
	}
	out.Identifier = strings.Join([]string{in.Settings.IdentifierPrefix, p.Agency.Spec.Code, string(spec.PortalRef.Name), string(spec.ServiceCode)}, "/")
	return out
}

// ValidClaim reports whether a service's claim on its dataset counts: its portal
// lives and complies, and its agency neither is suspended nor goes.
func ValidClaim(svc *v1alpha1.DataService, p portalkind.End) bool {
	// A claim opens nothing: a link holds its ends against the standards itself.
	return svc.DeletionTimestamp == nil && portalkind.EndBlocker("", "", p, portalkind.Standards{}, "") == nil
}

// inAgency reports whether a service is in an agency's namespace, which shows also
// where the agency can't be read.
func inAgency(svc *v1alpha1.DataService, agency string) bool {
	name, ok := names.AgencyOf(svc.Namespace)
	return ok && name == agency
}

// heldClaim returns what a service holds of the dataset that it names; nil when
// it has never owned it.
func heldClaim(svc *v1alpha1.DataService) *v1alpha1.DatasetClaim {
	if c := svc.Status.Claim; c != nil && c.Dataset == svc.Spec.Dataset {
		return c
	}
	return nil
}

// settledOwner reports whether a service has owned the dataset that it names without a
// break for so long that nobody who owned it before gets it back: links rest on it by
// now, and whoever was suspended may come back after years. The condition alone does not
// tell: it stays true for a service that names another dataset.
func settledOwner(svc *v1alpha1.DataService, s settings.Settings, now time.Time) bool {
	c, claim := meta.FindStatusCondition(svc.Status.Conditions, v1alpha1.ConditionDatasetOwned), heldClaim(svc)
	return claim != nil && c != nil && c.Status == metav1.ConditionTrue &&
		!now.Before(c.LastTransitionTime.Add(s.Settled())) && !now.Before(claim.HeldSince.Add(s.Settled()))
}

func datasetBlocker(in Input) *object.Blocker {
	dataset := in.Service.Spec.Dataset
	switch {
	case len(in.DisputedBy) > 0:
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDatasetDisputed,
			Message: fmt.Sprintf("spec.dataset: %q is assigned to different agencies by the SecurityPolicies %s (dataSharing.datasetOwners), so nobody owns it; the authority must correct one of them.", dataset, strings.Join(in.DisputedBy, ", "))}
	case in.AssignedTo != "" && !inAgency(in.Service, in.AssignedTo):
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDatasetAssigned,
			Message: fmt.Sprintf("spec.dataset: the authority assigned %q to agency %q; name another dataset, or ask the authority.", dataset, in.AssignedTo)}
	case in.DatasetHolder != "":
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDatasetTaken,
			Message: fmt.Sprintf("spec.dataset: %q is owned by DataService %s, and a dataset has one owner nationwide; link to that service instead, or name another dataset.", dataset, in.DatasetHolder)}
	case !ValidClaim(in.Service, in.Provider):
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonClaimNotValid,
			Message: fmt.Sprintf("spec.dataset: a claim on %q counts from a portal that exists and meets its policies, of an agency that is not suspended; the service owns the dataset when portal %q is so.", dataset, in.Service.Spec.PortalRef.Name)}
	}
	return nil
}

// PlatformPortalBlocker keeps a portal from sharing data by consent and being
// open to others without it.
func PlatformPortalBlocker(field, portal, platform string) *object.Blocker {
	return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonPortalIsPlatform,
		Message: fmt.Sprintf("%s: portal %q is the SharedPlatform %q, which other agencies reach without any approval; provide the data from another portal, or have the platform's spec.agencies name its own agency only.", field, portal, platform)}
}
