package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
)

// printViolations writes them for people, one policy after the other.
func printViolations(w io.Writer, violations []view.Violation) {
	portals, policies := map[string]bool{}, map[string]bool{}
	last := ""
	for _, v := range violations {
		if v.Policy != last {
			say(w, "SecurityPolicy %s\n", clipLine(v.Policy, lineWidth-15))
			last = v.Policy
		}
		portals[v.Agency+"/"+v.Portal], policies[v.Policy] = true, true
		printFinding(w, clipLine(string(v.Mode), 8), v.Agency+"/"+v.Portal, v.Control, v.Found, v.Wanted)
	}
	say(w, "%d portals violate %d policies.\n", len(portals), len(policies))
}

func newViolationsCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var policy, agency, output string
	command := &cobra.Command{
		Use:   "violations",
		Short: "Show which portals violate which standard, and by what",
		Long: `Violations lists every control that a portal does not meet, as the operator observed it: with mode Enforce it blocks, with Audit it is
reported, with Held it will block when the authority accepts a standard that is held. It ends with 0 whatever it finds.`,
		Example: "  # who violates a standard\n  kubectl gov violations --policy level-3\n\n  # what one agency has to do\n  kubectl gov violations --agency health",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reader, err := newClient(flags)
			if err != nil {
				return err
			}
			violations, err := view.Violations(cmd.Context(), reader, policy, agency)
			if err != nil {
				return err
			}
			if agency != "" && len(violations) == 0 {
				// Who may not read agencies has an answer about portals all the same.
				if err := reader.Get(cmd.Context(), client.ObjectKey{Name: agency}, &v1alpha1.Agency{}); apierrors.IsNotFound(err) {
					return view.NoAgency(agency)
				}
			}
			if policy != "" && len(violations) == 0 {
				if err := reader.Get(cmd.Context(), client.ObjectKey{Name: policy}, &v1alpha1.SecurityPolicy{}); apierrors.IsNotFound(err) {
					return fmt.Errorf("there is no SecurityPolicy %q: see the names with kubectl get securitypolicies", policy)
				}
			}
			return writeAs(streams.Out, output, violations, func() error {
				printViolations(streams.Out, violations)
				return nil
			})
		},
	}
	command.Flags().StringVar(&policy, "policy", "", "only this SecurityPolicy")
	command.Flags().StringVar(&agency, "agency", "", "only this agency's portals")
	addOutput(command, &output, "text")
	flags.AddFlags(command.Flags())
	_ = command.RegisterFlagCompletionFunc("policy", func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return completePolicies(flags, prefix), cobra.ShellCompDirectiveNoFileComp
	})
	_ = command.RegisterFlagCompletionFunc("agency", func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return completeAgencies(flags, prefix), cobra.ShellCompDirectiveNoFileComp
	})
	return command
}
