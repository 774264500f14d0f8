// Command cluster runs another command beside a fresh cluster of one real node, and takes everything away afterwards.
// The command finds the cluster through KUBECONFIG, and kubectl through PATH.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/govplatform/govplatform/test/e2e/cluster"
)

func main() {
	var environment cluster.Environment
	var options cluster.Options
	var quiet, memory bool
	var samples string
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: cluster [flags] COMMAND [ARGUMENTS]")
		flag.PrintDefaults()
	}
	flag.StringVar(&options.AssetsDir, "assets", "", "folder that \"make controlplane\" fills (default $KUBEBUILDER_ASSETS or bin/controlplane)")
	flag.StringVar(&options.ImagesDir, "images", "", "folder that \"make image\" fills (default images beside the assets)")
	flag.Func("image", "load this image too: a name in the folder, or an archive in OCI layout (repeatable)", func(name string) error {
		options.Images = append(options.Images, name)
		return nil
	})
	flag.StringVar(&samples, "samples", "", "run portal-backend as every image that the portals in this folder name")
	flag.StringVar(&environment.DumpDir, "dump", "", "keep logs, events and objects in a new folder in this one when the command fails")
	flag.BoolVar(&options.WithoutEnforcer, "without-enforcer", false, "leave NetworkPolicies without effect")
	flag.IntVar(&options.Processors, "processors", 0, "processors that the node claims to have (default those of the machine)")
	flag.BoolVar(&quiet, "quiet", false, "do not print the steps of the start")
	flag.BoolVar(&memory, "memory", false, "print how much memory everything takes after the command")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if samples != "" {
		const backend = "portal-backend"
		references, err := cluster.SampleImages(samples)
		if err != nil {
			fmt.Fprintln(os.Stderr, "cluster:", err)
			os.Exit(1)
		}
		options.Tags = map[string][]string{backend: references}
		if !slices.Contains(options.Images, backend) {
			options.Images = append(options.Images, backend)
		}
	}
	if !quiet {
		options.Progress = func(step string, elapsed time.Duration) {
			fmt.Fprintf(os.Stderr, "cluster: %5.1f s  %s\n", elapsed.Seconds(), step)
		}
	}

	cluster.Enter(environment)
	code, err := run(environment, options, memory, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
	}
	os.Exit(code)
}

// run starts the cluster and the command, and returns the exit code of the command.
func run(e cluster.Environment, o cluster.Options, memory bool, args []string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	starting, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	c, err := cluster.Start(starting, o)
	if err != nil {
		return 1, err
	}
	defer c.Stop()
	os.Setenv("KUBECONFIG", c.Kubeconfig())
	os.Setenv("PATH", c.Assets()+string(os.PathListSeparator)+os.Getenv("PATH"))

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// An interrupt reaches the command from the terminal or through Cancel; it may then take its time to end.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	err = cmd.Run()
	if memory {
		printMemory(c.Memory())
	}
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if e.DumpDir != "" {
		if dumpErr := c.Dump(context.Background(), e.DumpDir); dumpErr != nil {
			fmt.Fprintln(os.Stderr, "cluster: dump:", dumpErr)
		}
	}
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 1, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
}

func printMemory(used map[string]int) {
	names := make([]string, 0, len(used))
	total := 0
	for name, size := range used {
		names = append(names, name)
		total += size
	}
	sort.Strings(names)
	slices.SortStableFunc(names, func(a, b string) int { return used[b] - used[a] })
	for _, name := range names {
		fmt.Fprintf(os.Stderr, "cluster: %5d MiB  %s\n", used[name], name)
	}
	fmt.Fprintf(os.Stderr, "cluster: %5d MiB  in all\n", total)
}
