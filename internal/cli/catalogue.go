package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
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
		return nil, errNotInstalled(kinds.Agency.Plural)
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
		return nil, errNoAgency(agency)
	}
	slices.SortFunc(out, func(a, b CatalogueRow) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), strings.Compare(a.Agency, b.Agency), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// PrintCatalogue writes it for people.
func PrintCatalogue(w io.Writer, rows []CatalogueRow, color bool) error {
	t := table{header: []string{"DATASET", "CLASS", "AGENCY", "SERVICE", "MODE", "IDENTIFIER", "OPERATIONS"}}
	for _, r := range rows {
		t.add(text(string(r.Dataset)), text(string(r.Classification)), text(r.Agency), text(string(r.Name)), text(string(r.ShareMode)),
			text(r.Identifier), text(strings.Join(r.Operations, ",")))
	}
	if len(rows) > 0 {
		if err := t.write(w, color); err != nil {
			return err
		}
	}
	say(w, "%d services are in the catalogue. Restricted ones are not: their agency tells those who shall use them.\n", len(rows))
	return nil
}

func newCatalogueCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use:   "catalogue [AGENCY]",
		Short: "Show which data services agencies publish",
		Long: `Catalogue lists the published data services with visibility Catalogue, by dataset, with what a DataSharingLink needs to name: agency,
service and operations. It reads agencies and nothing else.`,
		Example: "  # whom to ask for a dataset\n  kubectl gov catalogue\n\n  # what one agency provides\n  kubectl gov catalogue public-security",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			reader, err := newClient(flags)
			if err != nil {
				return err
			}
			agency := ""
			if len(args) > 0 {
				agency = args[0]
			}
			rows, err := Catalogue(cmd.Context(), reader, agency)
			if err != nil {
				return err
			}
			return writeAs(streams.Out, output, rows, func() error { return PrintCatalogue(streams.Out, rows, ColorWanted(streams.Out)) })
		},
	}
	addOutput(command, &output, "a table")
	flags.AddFlags(command.Flags())
	command.ValidArgsFunction = func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return completeAgencies(flags, prefix), cobra.ShellCompDirectiveNoFileComp
	}
	return command
}

// completeAgencies returns the names of agencies that begin like the prefix.
func completeAgencies(flags *genericclioptions.ConfigFlags, prefix string) []string {
	var out []string
	for _, ns := range completeNamespaces(flags, names.Namespace(prefix)) {
		out = append(out, strings.TrimPrefix(ns, names.Namespace("")))
	}
	return out
}

// errNoAgency says that an agency that was named does not exist.
func errNoAgency(name string) error {
	return fmt.Errorf("there is no agency %q: see the names with kubectl get agencies", name)
}
