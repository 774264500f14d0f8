package agency

import (
	"fmt"
	"slices"
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// Delegated tells whether a host name is one of the zones or below one.
func Delegated(host v1alpha1.DNSName, zones []v1alpha1.DNSName) bool {
	return slices.ContainsFunc(zones, func(z v1alpha1.DNSName) bool {
		return host == z || strings.HasSuffix(string(host), "."+string(z))
	})
}

// Zone is a DNS zone and the agency that it is delegated to: of several that
// name the same one, the oldest.
type Zone struct {
	Name   v1alpha1.DNSName
	Agency string
}

// suffixes returns a DNS name and all names above it, the longest first.
func suffixes(host v1alpha1.DNSName) []v1alpha1.DNSName {
	out := []v1alpha1.DNSName{host}
	for rest := string(host); ; {
		_, above, ok := strings.Cut(rest, ".")
		if !ok {
			return out
		}
		out = append(out, v1alpha1.DNSName(above))
		rest = above
	}
}

// zonesFinding is about zones that an older agency has too; nil when there are
// none.
func zonesFinding(in Input) *object.Blocker {
	var taken []string
	for _, z := range in.ZonesTaken {
		taken = append(taken, fmt.Sprintf("%s is delegated to Agency %q, which is older", z.Name, z.Agency))
	}
	if len(taken) == 0 {
		return nil
	}
	slices.Sort(taken)
	return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonZoneTaken,
		Message: fmt.Sprintf("spec.domains: %s; host names in it are not this agency's. Remove it from one of the two.", strings.Join(taken, "; "))}
}

// zonesMessage says whose zones lie above or below the agency's.
func zonesMessage(in Input) string {
	if len(in.ZonesNear) == 0 {
		return "No other agency has a zone above or below the agency's."
	}
	parts := make([]string, len(in.ZonesNear))
	for i, z := range in.ZonesNear {
		parts[i] = fmt.Sprintf("%s of Agency %q", z.Name, z.Agency)
	}
	slices.Sort(parts)
	return "Zones of others overlap with the agency's: " + strings.Join(parts, ", ") + ". A host name belongs to the agency with the most specific zone."
}
