package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// CatalogueRow is a published service and the agency that provides it: what
// spec.provider and spec.operations of a link name.
type CatalogueRow struct {
	Agency                  string `json:"agency"`
	v1alpha1.CatalogueEntry `json:",inline"`
}

// Catalogue reads the published services of all agencies, or of one, sorted by
// dataset.
func Catalogue(ctx context.Context, reader client.Reader, agency string) ([]CatalogueRow, error) {
	var agencies v1alpha1.AgencyList
	err := reader.List(ctx, &agencies)
	switch {
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("you may not read agencies, which have the catalogue: %s", readHelps[v1alpha1.KindAgency].forbidden)
	case meta.IsNoMatchError(err):
		return nil, NotInstalled(kinds.Agency.Plural)
	case err != nil:
		return nil, fmt.Errorf("list agencies: %w", err)
	}
	out := []CatalogueRow{}
	found := agency == ""
	for i := range agencies.Items {
		a := &agencies.Items[i]
		if agency != "" && a.Name != agency {
			continue
		}
		found = true
		for _, e := range a.Status.Catalogue {
			out = append(out, CatalogueRow{Agency: a.Name, CatalogueEntry: e})
		}
	}
	if !found {
		return nil, NoAgency(agency)
	}
	slices.SortFunc(out, func(a, b CatalogueRow) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), strings.Compare(a.Agency, b.Agency), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}
