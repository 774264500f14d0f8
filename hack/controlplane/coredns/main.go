// Command coredns is CoreDNS with only the plugins that a cluster DNS needs, which spares the cloud provider clients of
// the full build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache" // Each plugin registers itself when it is imported.
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
)

func init() {
	// The order of this list is the order of the plugins in the chain.
	dnsserver.Directives = []string{"health", "ready", "errors", "kubernetes", "hosts", "loadbalance", "cache"}
}

func main() {
	coremain.Run()
}
