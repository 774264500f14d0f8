package portal

import (
	"fmt"
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/object"
)

func exposureBlockers(in Input) []object.Blocker {
	var out []object.Blocker
	for i, h := range in.Portal.Spec.Hostnames {
		if in.Agency != nil && !agency.Delegated(h, in.Agency.Spec.Domains) {
			out = append(out, object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonHostnameNotDelegated,
				Message: fmt.Sprintf("spec.hostnames[%d]: %q is outside the zones delegated to agency %q (%s); use a name inside them or ask the platform team to add the zone to spec.domains.", i, h, in.Agency.Name, joinDomains(in.Agency.Spec.Domains))})
		} else if z := in.HostnameZones[h]; in.Agency != nil && z.Agency != "" && z.Agency != in.Agency.Name {
			out = append(out, object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonHostnameNotDelegated,
				Message: fmt.Sprintf("spec.hostnames[%d]: %q lies in zone %q, which is delegated to agency %q; the most specific zone decides, so use a name outside it.", i, h, z.Name, z.Agency)})
		} else if holder := in.HostnameHolders[h]; holder != "" {
			out = append(out, object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonHostnameTaken,
				Message: fmt.Sprintf("spec.hostnames[%d]: %q is held by the older portal %s; use another name.", i, h, holder)})
		}
	}
	if len(out) == 0 && in.Portal.Spec.Exposure != v1alpha1.ExposureInternal {
		out = append(out, object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonWaitingForRoutes,
			Message: fmt.Sprintf("spec.exposure: %s needs a route and a network that the platform does not offer yet; the portal runs inside the platform only until then.", in.Portal.Spec.Exposure)})
	}
	return out
}

func joinDomains(zones []v1alpha1.DNSName) string {
	if len(zones) == 0 {
		return "none"
	}
	return strings.Join(object.Sorted(zones), ", ")
}
