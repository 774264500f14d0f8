package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/govplatform/govplatform/internal/view"
)

// errRefused ends the command with 1 after the reasons were printed.
var errRefused = errors.New("refused: change what is named above, then render again")

func newRenderCommand(streams genericiooptions.IOStreams) *cobra.Command {
	var paths []string
	var output, settingsFile string
	command := &cobra.Command{
		Use:   "render -f FILE...",
		Short: "Show what local YAML would become, offline",
		Long: `Render shows the objects that the operator would make of local agencies, portals, policies, platforms and links, with the operator's own code and
without a cluster. Everything that the API server or the operator would refuse is said on standard error, and ends the command with 1.`,
		Example: `  # a folder, as it lies in Git
  kubectl gov render -f config/samples/national

  # one portal against the authority's standards
  kubectl gov render -f portal.yaml -f standards/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			printer, err := printerFor(output)
			if err != nil {
				return err
			}
			config, err := view.ReadSettings("--settings", settingsFile)
			if err != nil {
				return err
			}
			r, err := view.Render(cmd.Context(), streams.In, view.RenderInput{Paths: paths, Settings: config})
			if err != nil {
				return err
			}
			return writeRendering(streams, r, printer, output == "json")
		},
	}
	command.Flags().StringSliceVarP(&paths, "filename", "f", nil, "file, folder with everything in it, or - for standard input; may be repeated")
	command.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json")
	command.Flags().StringVar(&settingsFile, "settings", "", "the operator's settings; the shipped ones without it")
	_ = command.MarkFlagRequired("filename")
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"yaml", "json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = command.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = command.MarkFlagFilename("settings", "yaml", "yml")
	return command
}

func printerFor(output string) (printers.ResourcePrinter, error) {
	switch output {
	case "yaml":
		return &printers.YAMLPrinter{}, nil
	case "json":
		return &printers.JSONPrinter{}, nil
	}
	return nil, fmt.Errorf("-o %s is not known: use yaml or json", output)
}

func writeRendering(streams genericiooptions.IOStreams, r view.Rendering, printer printers.ResourcePrinter, list bool) error {
	for _, n := range r.Notes {
		say(streams.ErrOut, "note: %s\n", n)
	}
	for _, refusal := range r.Refusals {
		say(streams.ErrOut, "refused: %s\n", refusal)
	}
	if err := printObjects(streams.Out, r.Objects, printer, list); err != nil {
		return err
	}
	if len(r.Refusals) > 0 {
		return errRefused
	}
	return nil
}

// printObjects writes YAML as a stream and JSON as one list, the forms that kubectl reads.
func printObjects(w io.Writer, objects []*unstructured.Unstructured, printer printers.ResourcePrinter, list bool) error {
	if !list {
		for _, o := range objects {
			if err := printer.PrintObj(o, w); err != nil {
				return err
			}
		}
		return nil
	}
	all := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, o := range objects {
		all.Items = append(all.Items, *o)
	}
	return printer.PrintObj(all, w)
}
