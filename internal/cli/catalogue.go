package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view"
)

// printCatalogue writes it for people.
func printCatalogue(w io.Writer, rows []view.CatalogueRow, color bool) error {
	if len(rows) > 0 {
		if err := writeTable(w, view.CatalogueTable(rows), color); err != nil {
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
			rows, err := view.Catalogue(cmd.Context(), reader, agency)
			if err != nil {
				return err
			}
			return writeAs(streams.Out, output, rows, func() error { return printCatalogue(streams.Out, rows, ColorWanted(streams.Out)) })
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
