package cli

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
)

// NewCommand returns the root of the plugin. kubectl runs it as "kubectl gov".
func NewCommand(streams genericiooptions.IOStreams) *cobra.Command {
	flags := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{
		Use:   "kubectl-gov",
		Short: "Look at agencies, portals, data links and standards of the government platform, and decide about links and rights",
		Long: `kubectl gov shows what the platform's operator reports and what local YAML would become.

Shell completion:
  source <(kubectl-gov completion bash)          # for kubectl-gov
  install -m 755 docs/kubectl_complete-gov "$HOME/.local/bin/"   # for kubectl gov`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl gov"},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.AddCommand(newStatusCommand(streams, flags), newRenderCommand(streams), newReachCommand(streams, flags), newAuditCommand(streams, flags),
		newRestartCommand(streams, flags), newConfirmRightsCommand(streams, flags))
	root.AddCommand(newImpactCommand(streams, flags), newViolationsCommand(streams, flags), newCatalogueCommand(streams, flags))
	root.AddCommand(newExportCommand(streams, flags), newRestoreCommand(streams, flags), newUninstallCommand(streams, flags))
	for _, d := range []v1alpha1.Decision{v1alpha1.DecisionApprove, v1alpha1.DecisionReject, v1alpha1.DecisionSuspend} {
		root.AddCommand(newDecideCommand(streams, flags, d))
	}
	root.AddCommand(newDecisionsCommand(streams, flags))
	return root
}

// newClient returns a client for the cluster that the flags name.
func newClient(flags *genericclioptions.ConfigFlags) (client.Client, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: view.Scheme()})
}
