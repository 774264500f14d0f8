package agency

import (
	"context"
	"fmt"
	"slices"
	gostrings "strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
)

// ZoneOf returns the most specific zone that a host name lies in, and the agency
// that it is delegated to; nil when there is none.
func ZoneOf(ctx context.Context, r client.Reader, host v1alpha1.DNSName) (*Zone, error) {
	for _, name := range suffixes(host) {
		first, err := zoneHolder(ctx, r, name)
		if err != nil {
			return nil, err
		}
		if first != nil {
			return &Zone{Name: name, Agency: first.Name}, nil
		}
	}
	return nil, nil
}

// zoneHolder returns the oldest agency that a zone is delegated to; nil for none.
func zoneHolder(ctx context.Context, r client.Reader, zone v1alpha1.DNSName) (*v1alpha1.Agency, error) {
	var list v1alpha1.AgencyList
	if err := r.List(ctx, &list, client.MatchingFields{names.IndexAgencyZone: string(zone)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list agencies with zone %s: %w", zone, err)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	return read.Oldest(&list.Items[0], read.Ptrs(list.Items)), nil
}

// zones reads how the zones of an agency overlap with those of others: which an
// older one has too, and which of others lie above or below.
func zones(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (taken, near []Zone, err error) {
	for _, zone := range a.Spec.Domains {
		for i, name := range suffixes(zone) {
			var list v1alpha1.AgencyList
			if err := r.List(ctx, &list, client.MatchingFields{names.IndexAgencyZone: string(name)}, client.UnsafeDisableDeepCopy); err != nil {
				return nil, nil, fmt.Errorf("list agencies with zone %s: %w", name, err)
			}
			if i == 0 {
				if first := read.Oldest(a, read.Ptrs(list.Items)); first != a {
					taken = append(taken, Zone{Name: name, Agency: first.Name})
				}
			}
			for j := range list.Items {
				if list.Items[j].Name != a.Name {
					near = append(near, Zone{Name: name, Agency: list.Items[j].Name})
				}
			}
		}
		var below v1alpha1.AgencyList
		if err := r.List(ctx, &below, client.MatchingFields{names.IndexAgencyZoneAbove: string(zone)}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, nil, fmt.Errorf("list agencies with zones below %s: %w", zone, err)
		}
		for i := range below.Items {
			for _, z := range below.Items[i].Spec.Domains {
				if below.Items[i].Name != a.Name && gostrings.HasSuffix(string(z), "."+string(zone)) {
					near = append(near, Zone{Name: z, Agency: below.Items[i].Name})
				}
			}
		}
	}
	slices.SortFunc(near, func(x, y Zone) int {
		return gostrings.Compare(string(x.Name)+"/"+x.Agency, string(y.Name)+"/"+y.Agency)
	})
	return taken, slices.Compact(near), nil
}

// RelatedByZone lists the agencies with a zone that is, or lies above or below,
// one of the agency's.
func RelatedByZone(ctx context.Context, r client.Reader, a *v1alpha1.Agency) ([]string, error) {
	taken, near, err := zones(ctx, r, a)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, z := range slices.Concat(taken, near) {
		out = append(out, z.Agency)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
