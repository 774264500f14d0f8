// Package e2e tries the platform's promises on real packets between pods that really run; see the cluster package for
// the cluster and the connectivity package for the connections.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/test/e2e/cluster"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	// requiredVariable is set by "make e2e". Without it the tests of this package do not run, because they need root and
	// programs that other tests do not.
	requiredVariable = "GOVPLATFORM_E2E"
	// enforcerVariable set to off leaves NetworkPolicies without effect, to show that the tests notice.
	enforcerVariable = "GOVPLATFORM_E2E_ENFORCER"
)

// processors is what the node claims to have, enough for what the national sample requests.
const processors = 32

// sampleFolder is where the national sample is.
const sampleFolder = "config/samples/national"

// portalImages are references of the portals that tests make themselves.
var portalImages = []string{harness.Image, "registry.platform.example.gov.vn/e2e/portal:v1", "registry.platform.example.gov.vn/e2e/portal:v2"}

// shared is the cluster of all tests in this package. Each test has namespaces of its own.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	if os.Getenv(requiredVariable) == "" {
		fmt.Println("e2e: not run: it needs a real node; run \"make e2e\"")
		os.Exit(0)
	}
	root, err := cluster.RepositoryRoot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	references, err := cluster.SampleImages(filepath.Join(root, sampleFolder))
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	// Tests mostly wait, so more of them run at a time than there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	cluster.Main(m, cluster.Environment{DumpDir: filepath.Join(root, "bin", "e2e")}, cluster.Options{
		Images:          []string{"operator", "portal-backend"},
		Tags:            map[string][]string{"portal-backend": append(references, portalImages...)},
		Processors:      processors,
		WithoutEnforcer: os.Getenv(enforcerVariable) == "off",
		Progress: func(step string, elapsed time.Duration) {
			fmt.Printf("cluster: %5.1f s  %s\n", elapsed.Seconds(), step)
		},
	}, func(c *cluster.Cluster) {
		shared = c
		// Streams from pods that end on purpose are no news.
		ctrl.SetLogger(logr.Discard())
		klog.SetLogger(logr.Discard())
		// The platform comes up while the first tests try the network alone.
		go bringUp(root)
	})
}
