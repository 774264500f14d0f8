package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// platformGroup is the group of which every object is dumped.
const platformGroup = "platform.gov.vn"

// dumpTimeout is short, because what failed may be the API server.
const dumpTimeout = 30 * time.Second

// Main runs the tests of a package beside a cluster and exits. It is called by TestMain, and use is told the cluster
// before the tests run. When a test fails, logs, events and objects are kept below the environment's DumpDir.
func Main(tests interface{ Run() int }, e Environment, o Options, use func(*Cluster)) {
	e.EndWithParent = true
	Enter(e)
	os.Exit(runTests(tests, e, o, use))
}

func runTests(tests interface{ Run() int }, e Environment, o Options, use func(*Cluster)) int {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c, err := Start(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.Stop()
	use(c)
	code := tests.Run()
	if exited := c.exited(); exited != nil {
		fmt.Fprintln(os.Stderr, exited)
		code = max(code, 1)
	}
	if code != 0 && e.DumpDir != "" {
		if err := c.Dump(context.Background(), e.DumpDir); err != nil {
			fmt.Fprintln(os.Stderr, "cluster: dump:", err)
		}
	}
	return code
}

// dumpFolder is where a cluster with its data in a folder is dumped: a folder of its own, since another failure may have
// left its files there.
func dumpFolder(dumpDir, data string) string { return filepath.Join(dumpDir, filepath.Base(data)) }

// Dump writes what explains a failure into a new folder in dir: the objects of the platform and what it makes, events, and
// how the node filters packets. The logs of components and pods come too. It writes what it can and returns what it could
// not.
func (c *Cluster) Dump(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, dumpTimeout)
	defer cancel()
	dir = dumpFolder(dir, c.dir)
	errs := []error{c.dumpObjects(ctx, filepath.Join(dir, "objects")), c.dumpEvents(ctx, filepath.Join(dir, "events.txt"))}
	node := filepath.Join(dir, "node")
	if err := os.MkdirAll(node, 0o755); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for file, command := range map[string][]string{
		"iptables.txt":   {"iptables-save", "-c"},
		"nftables.txt":   {"nft", "list", "ruleset"},
		"addresses.txt":  {"ip", "address"},
		"routes.txt":     {"ip", "route"},
		"containers.txt": {"ctr", "--address", containerSocket, "--namespace", "k8s.io", "containers", "list"},
		"images.txt":     {"ctr", "--address", containerSocket, "--namespace", "k8s.io", "images", "list"},
	} {
		out, err := output(ctx, command[0], command[1:]...)
		errs = append(errs, err, os.WriteFile(filepath.Join(node, file), out, 0o644))
	}
	return errors.Join(append(errs, copyLogs(c.dir, dir))...)
}

func (c *Cluster) dumpObjects(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	resources := []schema.GroupVersionResource{
		{Version: "v1", Resource: "namespaces"},
		{Version: "v1", Resource: "nodes"},
		{Version: "v1", Resource: "pods"},
		{Version: "v1", Resource: "services"},
		{Group: "apps", Version: "v1", Resource: "deployments"},
		{Group: "apps", Version: "v1", Resource: "replicasets"},
		{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
		{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
		{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	}
	served, err := discovery.NewDiscoveryClientForConfigOrDie(c.AdminConfig()).ServerPreferredResources()
	if err != nil && len(served) == 0 {
		return fmt.Errorf("find the platform's resources: %w", err)
	}
	for _, list := range served {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil || version.Group != platformGroup {
			continue
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") {
				resources = append(resources, version.WithResource(resource.Name))
			}
		}
	}
	client, err := dynamic.NewForConfig(c.AdminConfig())
	if err != nil {
		return err
	}
	var errs []error
	for _, resource := range resources {
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			errs = append(errs, fmt.Errorf("list %s: %w", resource.Resource, err))
			continue
		}
		var out strings.Builder
		for i := range list.Items {
			list.Items[i].SetManagedFields(nil)
			content, err := yaml.Marshal(list.Items[i].Object)
			errs = append(errs, err)
			out.WriteString("---\n")
			out.Write(content)
		}
		errs = append(errs, os.WriteFile(filepath.Join(dir, resource.Resource+".yaml"), []byte(out.String()), 0o644))
	}
	return errors.Join(errs...)
}

// dumpEvents writes the events in the order in which they happened, one on a line.
func (c *Cluster) dumpEvents(ctx context.Context, path string) error {
	events, err := c.client.CoreV1().Events(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list events: %w", err)
	}
	moment := func(e corev1.Event) time.Time {
		if !e.LastTimestamp.IsZero() {
			return e.LastTimestamp.Time
		}
		return e.EventTime.Time
	}
	slices.SortStableFunc(events.Items, func(a, b corev1.Event) int { return moment(a).Compare(moment(b)) })
	var out strings.Builder
	for _, e := range events.Items {
		fmt.Fprintf(&out, "%s %-7s %s %s/%s: %s: %s\n", moment(e).UTC().Format(time.RFC3339), e.Type, e.InvolvedObject.Kind,
			e.InvolvedObject.Namespace, e.InvolvedObject.Name, e.Reason, strings.TrimSpace(e.Message))
	}
	return os.WriteFile(path, []byte(out.String()), 0o644)
}

// copyLogs copies the logs of components and pods. It is also called after everything has ended, for a program that
// could not dump anything itself.
func copyLogs(from, to string) error {
	var errs []error
	for _, pattern := range []string{"*.log", "controlplane/*.log", "pods/*/*/*.log"} {
		paths, err := filepath.Glob(filepath.Join(from, pattern))
		errs = append(errs, err)
		for _, path := range paths {
			relative, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			target := filepath.Join(to, "logs", strings.TrimPrefix(relative, "controlplane"+string(filepath.Separator)))
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue // The pod has just gone.
			}
			errs = append(errs, err, os.WriteFile(target, content, 0o644))
		}
	}
	return errors.Join(errs...)
}
