package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
)

// operatorNamespaceFlag adds the flag that names the operator's namespace.
func operatorNamespaceFlag(command *cobra.Command, namespace *string) {
	command.Flags().StringVar(namespace, "operator-namespace", view.OperatorNamespace, "namespace of the operator")
}

// addInstallation adds the flags that say where the settings are found.
func addInstallation(command *cobra.Command, i *view.Installation) {
	operatorNamespaceFlag(command, &i.Namespace)
	command.Flags().StringVar(&i.Settings, "settings", "", "the operator's settings; those of the cluster without it")
}

// liveSettings are the settings that hold, as far as the user may read them. Where
// others stand in for them, that is said.
func liveSettings(ctx context.Context, reader client.Reader, at view.Installation, warn io.Writer) (settings.Settings, error) {
	s, warning, err := view.CurrentSettings(ctx, reader, at)
	if warning != "" {
		say(warn, "WARNING: %s\n", warning)
	}
	return s, err
}
