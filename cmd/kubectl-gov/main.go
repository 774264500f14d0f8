// Command kubectl-gov is the plugin "kubectl gov".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/internal/cli"
)

// version of this build, set by the linker.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	command := cli.NewCommand(streams)
	command.Version = version
	if err := command.ExecuteContext(ctx); err != nil {
		cli.PrintError(os.Stderr, err)
		stop()
		os.Exit(cli.ExitCode(err)) //nolint:gocritic // stop has run.
	}
}
