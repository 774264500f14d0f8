package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/internal/audit"
	"github.com/govplatform/govplatform/internal/view"
)

// PrintAudit writes a report for people.
func PrintAudit(w io.Writer, r audit.Report) {
	for _, d := range r.Differences {
		say(w, "%s: %s\n", d.Kind, d.Message)
	}
	verdict := "The proof holds: what is open is what was approved or declared, nothing more and nothing less."
	if !r.Holds() {
		verdict = fmt.Sprintf("The proof fails: %d differences.", len(r.Differences))
	}
	say(w, "%s\nLooked at %d portals, %d ordered pairs and %d ports that stand for all; %d flows are open as they should be.\n", verdict, r.Portals, r.Pairs, r.Ports, len(r.Open))
}

func newAuditCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var output string
	var at view.Installation
	var verbose bool
	command := &cobra.Command{
		Use:   "audit",
		Short: "Prove that exactly the approved links and declared platforms are open, nothing more and nothing less",
		Long: `Audit reads all portals, links, approvals and network policies, and compares what the policies let pass between every pair of
portals, on every port, and between portals and addresses outside, with what approved, valid links and declared platforms let
pass. It names policies that are not the operator's, pods that no portal made
or that were changed, and whatever could not be read. It ends with 0 when the proof holds, 1 when
it fails, 2 on an error. It writes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "" && output != "json" {
				return exitError{exitFailed, fmt.Sprintf("-o %s is not known: use json, or leave it out", output)}
			}
			reader, err := newClient(flags)
			if err != nil {
				return asFailure(err)
			}
			s, err := liveSettings(cmd.Context(), reader, at, streams.ErrOut)
			if err != nil {
				return asFailure(err)
			}
			report, _, err := view.Audit(cmd.Context(), reader, s, time.Now())
			if err != nil {
				return asFailure(err)
			}
			if output == "json" {
				data, err := json.MarshalIndent(report, "", "  ")
				if err != nil {
					return asFailure(err)
				}
				if err := raw(streams.Out, append(data, '\n')); err != nil {
					return asFailure(err)
				}
			} else {
				if verbose {
					for _, f := range report.Open {
						say(streams.Out, "open: %s → %s %s, because of %s\n", f.From, f.To, f.Port, strings.Join(f.Because, ", "))
					}
				}
				PrintAudit(streams.Out, report)
			}
			if !report.Holds() {
				return exitError{code: exitShut}
			}
			return nil
		},
	}
	command.Flags().StringVarP(&output, "output", "o", "", "json; text without it")
	command.Flags().BoolVarP(&verbose, "verbose", "v", false, "list what is open, and why")
	addInstallation(command, &at)
	flags.AddFlags(command.Flags())
	return command
}
