package desired

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// ServiceInput is everything that decides about a data service.
type ServiceInput struct {
	Settings settings.Settings
	Service  *v1alpha1.DataService
	Provider PortalWithAgency
	// DatasetHolder is the older service that owns the dataset, as namespace/name.
	DatasetHolder string
	// Consumers are the portals (namespace/name) with an open link, sorted.
	Consumers []string
}

// ServiceOutput is what is found about a data service. It has no children: it
// is an entry of the catalogue.
type ServiceOutput struct {
	// Dataset is why the service does not own its dataset; nil when it does.
	Dataset *Blocker
	// Published is why the service is not in the catalogue; nil when it is.
	Published *Blocker
	// Identifier of the service; empty while its portal's agency is unknown.
	Identifier string
}

// DataService decides whether a service owns its dataset and is published.
func DataService(in ServiceInput) ServiceOutput {
	var out ServiceOutput
	spec := &in.Service.Spec
	if in.DatasetHolder != "" {
		out.Dataset = &Blocker{Class: Terminal, Reason: v1alpha1.ReasonDatasetTaken,
			Message: fmt.Sprintf("spec.dataset: %q is owned by the older DataService %s, and a dataset has one owner nationwide; link to that service instead, or name another dataset.", spec.Dataset, in.DatasetHolder)}
	}
	p := in.Provider
	switch {
	case p.Agency == nil:
		out.Published = &Blocker{Class: Waiting, Reason: v1alpha1.ReasonAgencyNotFound, Message: fmt.Sprintf("metadata.namespace: %q belongs to no Agency; publish the service from an agency's namespace.", in.Service.Namespace)}
		return out
	case p.Portal == nil:
		out.Published = &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPortalNotFound, Message: fmt.Sprintf("spec.portalRef.name: the namespace has no AgencyPortal %q; create it or correct the name.", spec.PortalRef.Name)}
	case !slices.Contains(Ports(p.Portal), spec.Port):
		out.Published = &Blocker{Class: Terminal, Reason: v1alpha1.ReasonPortMismatch, Message: fmt.Sprintf("spec.port: %d is not the portal's port %s; use the portal's port.", spec.Port, joinPorts(Ports(p.Portal)))}
	case !meta.IsStatusConditionTrue(p.Portal.Status.Conditions, v1alpha1.ConditionReady):
		out.Published = &Blocker{Class: Waiting, Reason: v1alpha1.ReasonPortalNotReady, Message: fmt.Sprintf("spec.portalRef.name: portal %q is not Ready (see its conditions); the service is published when it is.", spec.PortalRef.Name)}
	}
	out.Identifier = strings.Join([]string{in.Settings.IdentifierPrefix, p.Agency.Spec.Code, string(spec.PortalRef.Name), string(spec.ServiceCode)}, "/")
	return out
}
