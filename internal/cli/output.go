package cli

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// addOutput adds the flag that asks for json or yaml, in place of what people get.
func addOutput(command *cobra.Command, output *string, people string) {
	command.Flags().StringVarP(output, "output", "o", "", "json or yaml; "+people+" without it")
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
}

// writeAs writes a value as json or yaml, or calls the printer for people.
func writeAs(w io.Writer, output string, value any, people func() error) error {
	switch output {
	case "":
		return people()
	case "json":
		data, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return err
		}
		return raw(w, append(data, '\n'))
	case "yaml":
		data, err := yaml.Marshal(value)
		if err != nil {
			return err
		}
		return raw(w, data)
	}
	return errors.New("-o " + output + " is not known: use json or yaml, or leave it out")
}
