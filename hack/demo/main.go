// Command demo runs the platform on this machine: a real control plane with
// simulated nodes, the operator with its own ServiceAccount, and the national
// sample, applied as GitOps tools would. It shows what comes of it and, unless
// told otherwise, stays up to be tried out. With --node=real it uses the cluster
// that bin/cluster runs around it, where pods really run, the operator's too.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the flags of the demo.
type options struct {
	wait    bool
	node    string
	timeout time.Duration
	// root is the folder of the repository, bin the one with the programs, assets
	// the one with the control plane's, sample the one with the sample.
	root, bin, assets, sample string
	// manager is the program of the operator.
	manager string
}

func main() {
	var o options
	root := repository()
	flag.BoolVar(&o.wait, "wait", true, "stay up until Ctrl-C; false ends after the table, with 0 if all is as expected")
	flag.StringVar(&o.node, "node", "simulated", "simulated or real")
	flag.DurationVar(&o.timeout, "timeout", 3*time.Minute, "how long to wait for the platform to become as expected")
	flag.StringVar(&o.root, "root", root, "folder of the repository, for config/default")
	flag.StringVar(&o.bin, "bin", filepath.Join(root, "bin"), "folder with kubectl-gov")
	flag.StringVar(&o.manager, "manager", filepath.Join(root, "bin", "manager"), "program of the operator")
	flag.StringVar(&o.assets, "assets", cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin", "controlplane")), "folder with the programs of the control plane")
	flag.StringVar(&o.sample, "sample", filepath.Join(root, "config", "samples", "national"), "kustomization with the sample and its expected.yaml, or none for an empty platform")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted && o.wait:
		fmt.Println("Stopped.")
	case err != nil:
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		os.Exit(1)
	}
}

// repository is the folder above bin/, in which this program lies.
func repository() string {
	program, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(filepath.Dir(program))
}

func (o options) validate() error {
	switch o.node {
	case "simulated":
	case "real":
		if os.Getenv("KUBECONFIG") == "" {
			return errors.New("--node=real needs a cluster in $KUBECONFIG: run \"make demo NODE=real\", which starts one")
		}
		return nil
	default:
		return fmt.Errorf("--node=%s is not known: use simulated or real", o.node)
	}
	if _, err := os.Stat(o.manager); err != nil {
		return fmt.Errorf("%s is missing: run \"make build\" first", o.manager)
	}
	return nil
}
