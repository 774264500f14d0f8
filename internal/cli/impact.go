package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
)

// printImpact writes an impact for people.
func printImpact(w io.Writer, i view.StandardImpact, b settings.ImpactBound) {
	if i.Portals+i.Links == 0 {
		say(w, "SecurityPolicy %s stops nothing of the %d that run.\n", i.Policy, i.Running)
		return
	}
	say(w, "SecurityPolicy %s stops %d portals and %d links of the %d that run:\n", i.Policy, i.Portals, i.Links, i.Running)
	printStops(w, i.Stops)
	if !i.Held {
		say(w, "It takes effect at once.\n")
		return
	}
	say(w, "It is held (bound: %d, or %d %% from two on), until these comply or you set\n", b.Portals, b.Percent)
	say(w, "  acceptedImpact: {portals: %d, links: %d}\n", i.Portals, i.Links)
	if len(i.Shares) > 0 {
		say(w, "%s\n", clipLine("It shares the bound with "+strings.Join(i.Shares, ", "), lineWidth))
	}
}

func printStops(w io.Writer, stops []securitypolicy.Stop) {
	for _, s := range stops {
		kind := map[string]string{v1alpha1.KindAgencyPortal: "portal", v1alpha1.KindDataSharingLink: "link"}[s.Kind]
		printFinding(w, kind, s.Agency+"/"+s.Name, s.Control, s.Found, s.Wanted)
	}
}

// loadPolicies reads the SecurityPolicies of files, and says what is left out.
func loadPolicies(ctx context.Context, in io.Reader, paths []string, notes io.Writer) ([]v1alpha1.SecurityPolicy, error) {
	policies, skipped, err := view.ReadPolicies(ctx, in, paths)
	for _, s := range skipped {
		say(notes, "note: %s\n", s)
	}
	return policies, err
}

func newImpactCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var files []string
	var output, newSettings string
	var at view.Installation
	command := &cobra.Command{
		Use:   "impact -f POLICY.yaml",
		Short: "Show what a standard, or new settings, would stop that runs, before they are applied",
		Long: `Impact takes SecurityPolicies from files, applies them to nothing, and shows which running portals and open links of the cluster
would stop, with the control, the value found and the value wanted. It uses the operator's own code. What several policies stop
counts against one bound, with what waits in the cluster and what took effect there lately. With --new-settings it takes a file with the
operator's settings instead, and shows which portals and links these would touch when the operator starts with them. It ends with 0 when nothing would
stop, 1 when something would, 2 on an error. It writes nothing.`,
		Example: "  kubectl gov impact -f level-3.yaml\n\n  # what other settings of the operator would touch\n  kubectl gov impact --new-settings config.yaml\n\n  # how many, for a script\n  kubectl gov impact -f level-3.yaml -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if newSettings != "" {
				return settingsImpact(cmd.Context(), streams, flags, settingsChange{files: files, former: at, newer: newSettings, output: output})
			}
			if len(files) == 0 {
				return exitError{exitFailed, "-f is required: name a file with the policy that you want to apply"}
			}
			policies, err := loadPolicies(cmd.Context(), streams.In, files, streams.ErrOut)
			if err != nil {
				return asFailure(err)
			}
			reader, err := newClient(flags)
			if err != nil {
				return asFailure(err)
			}
			s, err := liveSettings(cmd.Context(), reader, at, streams.ErrOut)
			if err != nil {
				return asFailure(err)
			}
			impacts, err := view.Impact(cmd.Context(), reader, s, time.Now(), policies)
			if err != nil {
				return asFailure(err)
			}
			if err := writeAs(streams.Out, output, impacts, func() error {
				for _, i := range impacts {
					printImpact(streams.Out, i, s.Bound())
				}
				return nil
			}); err != nil {
				return asFailure(err)
			}
			for _, i := range impacts {
				if i.Portals+i.Links > 0 {
					return exitError{code: exitShut}
				}
			}
			return nil
		},
	}
	command.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, folder or - with the policies")
	addOutput(command, &output, "text")
	addInstallation(command, &at)
	command.Flags().StringVar(&newSettings, "new-settings", "", "file with settings that the operator would start with")
	flags.AddFlags(command.Flags())
	return command
}
