package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Restart sets a portal's spec.restart to the time, so that its pods are
// replaced one after the other, and returns what it set.
func Restart(ctx context.Context, c client.Client, portal client.ObjectKey, now time.Time) (string, error) {
	word := now.UTC().Format(time.RFC3339)
	p := &v1alpha1.AgencyPortal{}
	p.Namespace, p.Name = portal.Namespace, portal.Name
	patch := client.RawPatch("application/merge-patch+json", []byte(fmt.Sprintf(`{"spec":{"restart":%q}}`, word)))
	err := c.Patch(ctx, p, patch, client.FieldOwner("kubectl-gov"))
	switch {
	case apierrors.IsNotFound(err):
		return "", fmt.Errorf("there is no AgencyPortal %s: name the agency's namespace with -n agency-<name>", portal)
	case apierrors.IsForbidden(err):
		return "", fmt.Errorf("you may not change AgencyPortal %s: membership in the agency's adminGroups gives the right", portal)
	case err != nil:
		return "", fmt.Errorf("change AgencyPortal %s: %w", portal, err)
	}
	return word, nil
}

func newRestartCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	command := &cobra.Command{
		Use:   "restart PORTAL -n AGENCY-NAMESPACE",
		Short: "Replace the pods of a portal one after the other, for example after a Secret was rotated",
		Long: `Restart sets spec.restart of a portal to the present time. The operator writes it into the pods' template, so that Kubernetes replaces
the pods one after the other. Where Git is the source of portals, change spec.restart there instead.`,
		Example: "  kubectl gov restart tax-filing -n agency-finance",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := linkKey(flags, args[0])
			if err != nil {
				return err
			}
			c, err := newClient(flags)
			if err != nil {
				return err
			}
			word, err := Restart(cmd.Context(), c, key, time.Now())
			if err != nil {
				return err
			}
			say(streams.Out, "AgencyPortal %s: spec.restart is %s; its pods are replaced one after the other (kubectl gov status -n %s %s)\n", key, word, key.Namespace, key.Name)
			return nil
		},
	}
	flags.AddFlags(command.Flags())
	return command
}
