//go:build !linux

package cluster

import (
	"fmt"
	"os"
)

// Enter ends the program: only Linux runs containers.
func Enter(Environment) {
	fmt.Fprintln(os.Stderr, "cluster: a real node needs Linux; the simulated nodes of test/controlplane run anywhere")
	os.Exit(1)
}
