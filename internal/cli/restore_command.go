package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

func newRestoreCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	options := RestoreOptions{Progress: streams.ErrOut, Out: streams.Out}
	words := []string{ConflictStop, ConflictKeep, ConflictOverwrite}
	command := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put what kubectl gov export wrote into a cluster, what closes first and without opening any link",
		Long: `Restore creates what a file of kubectl gov export has and the cluster lacks: settings and standards, agencies with their suspensions, decisions
that close, and only then platforms, portals, services and links. It stops when a step that closes is not complete, and goes on from there
when it is repeated. What the cluster has otherwise stays unless --on-conflict says what to do.

Suspensions and rejections come back as suspensions in your name, with who decided in the annotation ` + backup.AnnotationRestoredFrom + `. Approvals do
not come back: each is bound to the identities of one cluster. The links that wait and the commands that approve them are listed.

It needs break-glass access (the group system:masters), a running operator, and its admission policies.`,
		Example: "  kubectl gov restore platform.yaml --dry-run\n  kubectl gov restore platform.yaml\n  gunzip < platform.yaml.gz | kubectl gov restore -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(words, options.OnConflict) {
				return fmt.Errorf("--on-conflict: %q is none of %v", options.OnConflict, words)
			}
			data, err := readInput(streams, args[0])
			if err != nil {
				return fmt.Errorf("read the export: %w", err)
			}
			export, err := backup.Parse(data)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			config, err := flags.ToRESTConfig()
			if err != nil {
				return err
			}
			// One after the other is fast enough, and kind to the API server.
			config.QPS, config.Burst = 50, 100
			c, err := client.New(config, client.Options{Scheme: view.Scheme()})
			if err != nil {
				return err
			}
			say(streams.ErrOut, "%d objects of cluster %s, exported at %s\n", len(export.Objects), export.Cluster, export.Time)
			return Restore(cmd.Context(), c, export, options)
		},
	}
	command.Flags().BoolVar(&options.DryRun, "dry-run", false, "show what would be done and write nothing")
	command.Flags().StringVar(&options.OnConflict, "on-conflict", ConflictStop, "what to do with an object that the cluster has otherwise: stop, keep or overwrite")
	operatorNamespaceFlag(command, &options.Namespace)
	command.Flags().DurationVar(&options.Wait, "wait", 2*time.Minute, "how long to wait for the operator to make the agencies' namespaces")
	flags.AddFlags(command.Flags())
	return command
}

// readInput reads a file, or standard input for "-".
func readInput(streams genericiooptions.IOStreams, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(streams.In)
	}
	return os.ReadFile(name)
}
