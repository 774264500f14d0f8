// Command image writes the images of the project as archives in OCI layout, each with its bill of materials, with
// neither Docker nor a registry: FROM scratch, one static binary, user 65532, for linux/amd64 and linux/arm64.
//
// The same sources, version and Go release give the same archive, byte for byte.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// program is what one image holds.
type program struct {
	// name is the name of the archive and of the binary in it.
	name string
	// binary is the path in the image, without the leading slash.
	binary string
	// dir and pkg say where the package is built from: a folder of the repository that has a go.mod, and a path in it.
	dir, pkg string
	// built is the path of a binary for this machine that another target has made; dir and pkg are empty then.
	built string
	// repository is the name of the image, without its tag.
	repository  string
	description string
	// native is set for images that only the cluster of the tests uses: they need not run elsewhere.
	native bool
}

const registry = "registry.platform.example.gov.vn/"

var programs = []program{
	{name: "operator", binary: "manager", dir: ".", pkg: "./cmd/manager", repository: registry + "govplatform/operator", description: "The govplatform operator"},
	{name: "portal-backend", binary: "portal-backend", dir: ".", pkg: "./cmd/portal-backend", repository: registry + "govplatform/portal-backend", description: "A small portal for samples and tests"},
	{name: "pause", binary: "pause", dir: "hack/image", pkg: "./pause", repository: registry + "test/pause", description: "The first process of a pod", native: true},
	{name: "coredns", binary: "coredns", built: "bin/controlplane/coredns", repository: registry + "test/coredns", description: "The name server of the cluster of the tests", native: true},
}

// platforms are the architectures of the images that are shipped.
var platforms = []string{"amd64", "arm64"}

type options struct {
	root, out, version string
	programs           []program
	// platforms are the architectures to build for; native programs are built for this machine's only.
	platforms []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	var o options
	var only, architectures string
	flags := flag.NewFlagSet("image", flag.ExitOnError)
	flags.StringVar(&o.root, "root", "../..", "root of the repository")
	flags.StringVar(&o.out, "out", "", "folder for the archives (default bin/images in the repository)")
	flags.StringVar(&o.version, "version", "v0.1.0", "tag of the images and version in the programs")
	flags.StringVar(&only, "only", "", "write only these images, with commas between them")
	flags.StringVar(&architectures, "platforms", strings.Join(platforms, ","), "architectures, with commas between them; native for this machine's")
	_ = flags.Parse(args) // ExitOnError.
	o.platforms = strings.Split(strings.ReplaceAll(architectures, "native", runtime.GOARCH), ",")
	for _, p := range o.platforms {
		if !slices.Contains(platforms, p) {
			return fmt.Errorf("-platforms %s: the architectures are %s and native", architectures, strings.Join(platforms, ", "))
		}
	}
	if o.out == "" {
		o.out = filepath.Join(o.root, "bin", "images")
	}
	o.programs = programs
	if only != "" {
		wanted := strings.Split(only, ",")
		o.programs = slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return !slices.Contains(wanted, p.name) })
		if len(o.programs) != len(wanted) {
			return fmt.Errorf("-only %s: the images are operator, portal-backend, pause and coredns", only)
		}
	}
	results, err := build(ctx, o)
	for _, r := range results {
		fmt.Printf("%-15s %4.1f MiB  %s@%s\n", r.name, float64(r.size)/(1<<20), r.reference, r.digest)
	}
	return err
}

// result describes one archive that was written.
type result struct {
	name, path, reference, digest string
	size                          int64
}

// build compiles the programs and writes an archive and a bill of materials for each.
func build(ctx context.Context, o options) ([]result, error) {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp("", "govplatform-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)

	results := make([]result, len(o.programs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range o.programs {
		group.Go(func() error {
			r, err := image(ctx, p, root, work, o)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			results[i] = r
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return results, nil
}

// image compiles one program and writes its archive and bill of materials.
func image(ctx context.Context, p program, root, work string, o options) (result, error) {
	binaries, err := p.compile(ctx, root, work, o)
	if err != nil {
		return result{}, err
	}
	r, err := write(p, binaries, o.out, o.version)
	if err != nil {
		return result{}, err
	}
	return r, writeMaterials(p, binaries, r, strings.TrimSuffix(r.path, ".tar")+".cdx.json", o.version)
}

// compile returns the path of the program for each architecture.
func (p program) compile(ctx context.Context, root, work string, o options) (map[string]string, error) {
	if p.built != "" {
		path := filepath.Join(root, p.built)
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s is missing: run \"make controlplane\" first", p.built)
		}
		return map[string]string{runtime.GOARCH: path}, nil
	}
	architectures := o.platforms
	if p.native {
		architectures = []string{runtime.GOARCH}
	}
	binaries := map[string]string{}
	for _, architecture := range architectures {
		path := filepath.Join(work, p.name+"-"+architecture)
		compiler := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", "-s -w -buildid= -X main.version="+o.version, "-o", path, p.pkg)
		compiler.Dir = filepath.Join(root, p.dir)
		// The environment must not change what is built.
		compiler.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=")
		if out, err := compiler.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build for %s: %w\n%s", architecture, err, out)
		}
		binaries[architecture] = path
	}
	return binaries, nil
}
