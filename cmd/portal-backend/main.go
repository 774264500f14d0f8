// Command portal-backend is a small portal: an HTTP server that says which agency and portal it is. The samples and the
// tests run it where an agency would run its own program.
//
// The same program tries connections and looks up names, because its image holds nothing else and tests must see the
// network as a pod sees it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: portal-backend [COMMAND]

  serve                            answer HTTP on $PORT (the default)
  connect HOST:PORT...             exit 0 when all are open, 1 otherwise (--timeout 2s, --tcp)
  connect-loop HOST:PORT...        try again and again, one JSON line per attempt (--interval 50ms, --timeout 500ms, --for 0s, --tcp,
                                   --keep=HOST:PORT: one connection, and a request on it per attempt)
  lookup NAME                      exit 0 when the name has an address (--timeout 2s)
`

// errNegative is the answer no: closed, or no such name. It has been printed already.
var errNegative = errors.New("negative")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	switch {
	case errors.Is(err, errNegative):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "portal-backend:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	command := "serve"
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "serve":
		return serve(ctx, getenv, out)
	case "connect":
		return connect(ctx, args, out)
	case "connect-loop":
		return connectLoop(ctx, args, out)
	case "lookup":
		return lookup(ctx, args, out)
	default:
		return fmt.Errorf("unknown command %q\n%s", command, usage)
	}
}

// parse reads flags before, between and after the arguments, and returns the arguments.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", flags.Name(), err, usage)
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
}
