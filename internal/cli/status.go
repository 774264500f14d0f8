package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view"
)

func newStatusCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var all bool
	var output string
	var at view.Installation
	command := &cobra.Command{
		Use:   "status [PORTAL...]",
		Short: "Show agencies, portals, platforms, services and links, and the first reason why one is not ready",
		Example: `  # everything in the country
  kubectl gov status -A

  # one agency
  kubectl gov status -n agency-finance

  # one portal, for a script
  kubectl gov status -n agency-finance tax-filing -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			reader, err := newClient(flags)
			if err != nil {
				return err
			}
			namespace, err := namespaceOf(flags, all)
			if err != nil {
				return err
			}
			summary, err := view.ReadSummary(cmd.Context(), reader, namespace)
			if err != nil {
				return err
			}
			if err := summary.Found(namespace); err != nil {
				return err
			}
			if err := summary.KeepPortals(args); err != nil {
				return err
			}
			summary.LookAtOperator(cmd.Context(), reader, at, namespace, time.Now())
			return writeSummary(streams, summary, output)
		},
	}
	command.Flags().BoolVarP(&all, "all-namespaces", "A", false, "show every agency")
	operatorNamespaceFlag(command, &at.Namespace)
	addOutput(command, &output, "a table")
	flags.AddFlags(command.Flags())
	addStatusCompletion(command, flags)
	return command
}

// namespaceOf returns the namespace to show; empty means all. Outside an
// agency's namespace, such as in "default", there is nothing to show, so that
// means all as well unless the user named it.
func namespaceOf(flags *genericclioptions.ConfigFlags, all bool) (string, error) {
	if all {
		return "", nil
	}
	namespace, explicit, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", err
	}
	if _, ok := names.AgencyOf(namespace); !ok && !explicit {
		return "", nil
	}
	return namespace, nil
}

func writeSummary(streams genericiooptions.IOStreams, s view.Summary, output string) error {
	switch output {
	case "":
		for _, kind := range s.NotReadable {
			say(streams.ErrOut, "note: you may not read %s here, so they are left out\n", kind)
		}
		if s.OperatorIdle != "" {
			say(streams.ErrOut, "WARNING: %s\n", s.OperatorIdle)
		}
		if s.SettingsHeld != "" {
			say(streams.ErrOut, "WARNING: %s\n", s.SettingsHeld)
		}
		return PrintSummary(streams.Out, s, ColorWanted(streams.Out))
	case "json":
		data, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return err
		}
		return raw(streams.Out, append(data, '\n'))
	case "yaml":
		data, err := yaml.Marshal(s)
		if err != nil {
			return err
		}
		return raw(streams.Out, data)
	}
	return fmt.Errorf("-o %s is not known: use json or yaml, or leave it out for a table", output)
}

// PrintSummary writes the summary for people.
func PrintSummary(w io.Writer, s view.Summary, color bool) error {
	for _, t := range s.Tables() {
		if len(t.Rows) == 0 {
			continue
		}
		if err := writeTable(w, t, color); err != nil {
			return err
		}
		say(w, "\n")
	}
	readyAgencies, readyPortals, openLinks := 0, 0, 0
	for _, a := range s.Agencies {
		readyAgencies += one(a.Ready)
	}
	for _, p := range s.Portals {
		readyPortals += one(p.Ready)
	}
	for _, l := range s.Links {
		openLinks += one(l.Ready)
	}
	open := ""
	if len(s.Links) > 0 {
		open = fmt.Sprintf(" %d of %d links are open.", openLinks, len(s.Links))
	}
	say(w, "%d of %d agencies and %d of %d portals are ready.%s\n", readyAgencies, len(s.Agencies), readyPortals, len(s.Portals), open)
	return nil
}

// one is 1 for what is ready.
func one(r view.Ready) int {
	if r.Status == metav1.ConditionTrue {
		return 1
	}
	return 0
}
