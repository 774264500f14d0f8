package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
)

// Exit codes of reach and audit beside 0.
const (
	exitShut   = 1
	exitFailed = 2
)

func newReachCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var paths []string
	var output string
	var at view.Installation
	var port int32
	var matrix, assume bool
	command := &cobra.Command{
		Use:   "reach PORTAL-A PORTAL-B",
		Short: "Say whether one portal reaches another, and which policy or missing approval decides",
		Long: `Reach says whether portal A may open a connection to portal B, from the network policies of the cluster or, with -f, from what
local YAML would become. Portals are named as agency/portal. It ends with 0 when it is open, 1 when it is shut, 2 on an error.
Where A reaches B over a sharing platform only, the answer begins with "Not directly", and it ends with 1.`,
		Example: `  kubectl gov reach finance/tax-filing public-security/population-db
  kubectl gov reach finance/tax-filing mic/ndxp --port 8443

  # every agency against every other
  kubectl gov reach --matrix

  # before anything is applied
  kubectl gov reach -f config/samples/national --assume-approved --matrix`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case matrix && len(args) != 0:
				return exitError{exitFailed, "--matrix takes no portals: it shows all"}
			case !matrix && len(args) != 2:
				return exitError{exitFailed, "name two portals, such as finance/tax-filing public-security/population-db, or use --matrix"}
			case output != "" && output != "json":
				return exitError{exitFailed, fmt.Sprintf("-o %s is not known: use json, or leave it out", output)}
			case port < 0 || port > 65535:
				return exitError{exitFailed, "--port must be 1 to 65535"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			c, err := loadCountry(cmd.Context(), streams, flags, paths, at, assume, now)
			if err != nil {
				return asFailure(err)
			}
			if matrix {
				if err := c.NeedsAll("the matrix"); err != nil {
					return asFailure(err)
				}
				return asFailure(printResult(streams, output, c.Matrix()))
			}
			namespace, err := namespaceOf(flags, false)
			if err != nil && len(paths) == 0 {
				return asFailure(err)
			}
			answer, err := c.Ask(cmd.Context(), namespace, args[0], args[1], port, now)
			if err != nil {
				return asFailure(err)
			}
			if err := printResult(streams, output, answer); err != nil {
				return asFailure(err)
			}
			if !answer.Open {
				return exitError{code: exitShut}
			}
			return nil
		},
	}
	command.Flags().Int32Var(&port, "port", 0, "the TCP port; that of the second portal without it")
	command.Flags().BoolVar(&matrix, "matrix", false, "show which agency reaches which")
	command.Flags().StringSliceVarP(&paths, "filename", "f", nil, "answer offline, from these files, folders, or - for standard input")
	command.Flags().BoolVar(&assume, "assume-approved", false, "with -f: take every link as approved by all sides")
	command.Flags().StringVarP(&output, "output", "o", "", "json; text without it")
	addInstallation(command, &at)
	command.Flags().Lookup("settings").Usage = "the operator's settings; those of the cluster, or with -f the shipped ones, without it"
	flags.AddFlags(command.Flags())
	return command
}

// asFailure gives an error without a code of its own that of a failure.
func asFailure(err error) error {
	if err == nil {
		return nil
	}
	if ExitCode(err) != 1 {
		return err
	}
	return exitError{exitFailed, err.Error()}
}

func printResult(streams genericiooptions.IOStreams, output string, result any) error {
	if output == "json" {
		data, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return err
		}
		return raw(streams.Out, append(data, '\n'))
	}
	switch r := result.(type) {
	case view.AgencyMatrix:
		return PrintMatrix(streams.Out, r, ColorWanted(streams.Out))
	case view.ReachAnswer:
		printAnswer(streams.Out, r)
	}
	return nil
}

func loadCountry(ctx context.Context, streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags, paths []string, at view.Installation, assume bool, now time.Time) (*view.State, error) {
	if len(paths) > 0 {
		s, err := view.ReadSettings("--settings", at.Settings)
		if err != nil {
			return nil, err
		}
		return offlineCountry(ctx, streams, paths, s, assume, now)
	}
	if assume {
		return nil, exitError{exitFailed, "--assume-approved is for files (-f): the cluster's approvals are what they are"}
	}
	reader, err := newClient(flags)
	if err != nil {
		return nil, err
	}
	s, err := liveSettings(ctx, reader, at, streams.ErrOut)
	if err != nil {
		return nil, err
	}
	return view.ReadState(ctx, reader, s)
}

// offlineCountry is what the operator would make of local files, with a pod for
// every Deployment.
func offlineCountry(ctx context.Context, streams genericiooptions.IOStreams, paths []string, s settings.Settings, assume bool, now time.Time) (*view.State, error) {
	r, c, err := view.RenderState(ctx, streams.In, view.RenderInput{Paths: paths, Settings: s, AssumeApproved: assume, Now: now})
	if err != nil {
		return nil, err
	}
	for _, refusal := range r.Refusals {
		say(streams.ErrOut, "refused: %s\n", refusal)
	}
	if c == nil {
		return nil, errRefused
	}
	return c, nil
}
