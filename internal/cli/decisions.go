package cli

import (
	"io"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/internal/view"
)

// printDecisions writes them for people.
func printDecisions(w io.Writer, rows []view.DecisionRow, color bool) error {
	if len(rows) == 0 {
		say(w, "Nobody has decided about it, or the operator has not looked at a decision yet.\n")
		return nil
	}
	err := writeTable(w, view.DecisionTable(rows), color)
	if slices.ContainsFunc(rows, func(r view.DecisionRow) bool { return r.Deleted != "" }) {
		say(w, "note: who deleted a decision is not on the record; the API server's audit log has it\n")
	}
	return err
}

func newDecisionsCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use:   "decisions LINK -n CONSUMER-NAMESPACE",
		Short: "Show who decided what about a data-sharing link, and when",
		Long: `Decisions shows the record of a link, the oldest first. SCOPE is Present for a decision about exactly what the link asks for now, Another for
one about what it asked for before, and Any for a suspension without a scope. The whole hashes are in -o json.`,
		Example: "  kubectl gov decisions residents-for-tax -n agency-finance\n  kubectl gov decisions residents-for-tax -n agency-finance -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := linkKey(flags, args[0])
			if err != nil {
				return err
			}
			reader, err := newClient(flags)
			if err != nil {
				return err
			}
			rows, err := view.Decisions(cmd.Context(), reader, key)
			if err != nil {
				return err
			}
			return writeAs(streams.Out, output, rows, func() error { return printDecisions(streams.Out, rows, ColorWanted(streams.Out)) })
		},
	}
	addOutput(command, &output, "a table")
	flags.AddFlags(command.Flags())
	addLinkCompletion(command, flags)
	return command
}
