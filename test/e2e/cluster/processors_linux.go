package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// pretendProcessors makes kubelet count n processors, by showing these namespaces a machine whose memory has many zones
// with the same processors in each: kubelet adds the zones up, and tells the kernel only of processors that exist.
func pretendProcessors(n int) error {
	const system = "/sys/devices/system"
	existing, err := filepath.Glob(filepath.Join(system, "cpu", "cpu[0-9]*"))
	if err != nil {
		return err
	}
	if len(existing) == 0 {
		return fmt.Errorf("there are none in %s", system)
	}
	zones := filepath.Join(system, "node")
	if err := syscall.Mount("processors", zones, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", zones, err)
	}
	for i := range n {
		processor := existing[i%len(existing)]
		topology := filepath.Join(zones, fmt.Sprintf("node%d", i/len(existing)), filepath.Base(processor), "topology")
		if err := os.MkdirAll(topology, 0o755); err != nil {
			return err
		}
		for _, file := range []string{"core_id", "physical_package_id"} {
			content, err := os.ReadFile(filepath.Join(processor, "topology", file))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(topology, file), content, 0o444); err != nil {
				return err
			}
		}
	}
	return nil
}
