package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/internal/view/backup"
)

// writeFile replaces a file as a whole, readable by its owner alone.
func writeFile(name string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	err = errors.Join(raw(temporary, data), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}

func newExportCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var file string
	var options backup.Options
	command := &cobra.Command{
		Use:   "export",
		Short: "Write all objects of the platform, with the decisions in their status, to one file",
		Long: `Export reads every agency, portal, service, link, decision, standard and platform, the settings, and which namespace is whose, and writes
them as one YAML document in a fixed order, with the cluster's UID, the time and a digest. It fails if there is anything that you may not read,
or if it finds no settings.

The file has no Secrets and no workloads: back those up besides, as docs/lifecycle.md says. It names officers and what people wrote, so keep it
where only those may read it, and write it, who may restore. kubectl gov restore puts it back.`,
		Example: "  kubectl gov export -f platform.yaml\n  kubectl gov export | gzip > platform.yaml.gz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reader, err := newClient(flags)
			if err != nil {
				return err
			}
			e, err := backup.Read(cmd.Context(), reader, options, time.Now())
			if err != nil {
				return err
			}
			data, err := e.Marshal()
			if err != nil {
				return err
			}
			if file == "" {
				err = raw(streams.Out, data)
			} else {
				err = writeFile(file, data)
			}
			if err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
			say(streams.ErrOut, "exported %d objects and %d namespaces of cluster %s\n", len(e.Objects), len(e.Namespaces), e.Cluster)
			return nil
		},
	}
	command.Flags().StringVarP(&file, "filename", "f", "", "file to write; standard output without it")
	operatorNamespaceFlag(command, &options.Namespace)
	command.Flags().BoolVar(&options.WithoutSettings, "without-settings", false, "go on where the cluster has no settings")
	flags.AddFlags(command.Flags())
	return command
}
