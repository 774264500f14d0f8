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
	"github.com/govplatform/govplatform/internal/names"
)

// Violation is one control that one portal does not meet.
type Violation struct {
	Policy  string              `json:"policy"`
	Agency  string              `json:"agency"`
	Portal  string              `json:"portal"`
	Mode    v1alpha1.PolicyMode `json:"mode"`
	Control string              `json:"control"`
	Found   string              `json:"found"`
	Wanted  string              `json:"wanted"`
}

// Violations reads who violates which standard, as the operator observed it,
// sorted by policy, agency and portal. An empty policy or agency means all.
func Violations(ctx context.Context, reader client.Reader, policy, agency string) ([]Violation, error) {
	var options []client.ListOption
	if agency != "" {
		options = append(options, client.InNamespace(names.Namespace(agency)))
	}
	var portals v1alpha1.AgencyPortalList
	err := reader.List(ctx, &portals, options...)
	switch {
	case apierrors.IsForbidden(err) && agency == "":
		return nil, fmt.Errorf("you may not read the portals of all agencies: name yours with --agency")
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("you may not read the portals of agency %q: ask for membership in its viewerGroups", agency)
	case meta.IsNoMatchError(err):
		return nil, NotInstalled(kinds.AgencyPortal.Plural)
	case err != nil:
		return nil, fmt.Errorf("list portals: %w", err)
	}
	out := []Violation{}
	for i := range portals.Items {
		p := &portals.Items[i]
		for _, f := range p.Status.Findings {
			if policy == "" || f.Policy == policy {
				out = append(out, Violation{Policy: f.Policy, Agency: AgencyOf(p.Namespace), Portal: p.Name, Mode: f.Mode, Control: f.Control, Found: f.Found, Wanted: f.Wanted})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Policy, b.Policy), strings.Compare(a.Agency, b.Agency), strings.Compare(a.Portal, b.Portal), strings.Compare(a.Control, b.Control))
	})
	return out, nil
}
