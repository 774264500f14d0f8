package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// outsideIP is the address of a machine outside the cluster, to which the node has a route.
const outsideIP = "203.0.113.1"

// makeOutside makes a machine outside the cluster: a network namespace behind a pair of links.
var makeOutside = sync.OnceValue(func() error {
	for _, args := range [][]string{
		{"netns", "add", "outside"},
		{"link", "add", "outside0", "type", "veth", "peer", "name", "outside1", "netns", "outside"},
		{"address", "add", "203.0.113.254/24", "dev", "outside0"},
		{"link", "set", "outside0", "up"},
		{"-n", "outside", "address", "add", outsideIP + "/24", "dev", "outside1"},
		{"-n", "outside", "link", "set", "outside1", "up"},
		{"-n", "outside", "route", "add", "default", "via", "203.0.113.254"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	for _, port := range []string{"443", "9999"} {
		var listener net.Listener
		if err := inNetwork("/run/netns/outside", func() (err error) {
			listener, err = net.Listen("tcp4", net.JoinHostPort(outsideIP, port))
			return err
		}); err != nil {
			return err
		}
		go answer(listener)
	}
	return nil
})

// startOutside makes a machine outside the cluster that answers HTTP on two ports. Without something that answers, a
// connection that stays closed would prove nothing.
func startOutside(t *testing.T) {
	t.Helper()
	if err := makeOutside(); err != nil {
		t.Fatal(err)
	}
}

// inNetwork runs a function in the network namespace of a file. Sockets that it makes stay there.
func inNetwork(path string, do func() error) error {
	done := make(chan error)
	go func() {
		// The thread is not given back: it ends with the goroutine, and nobody else runs in the other namespace.
		runtime.LockOSThread()
		done <- func() error {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter the network of %s: %w", path, err)
			}
			return do()
		}()
	}()
	return <-done
}

// processOf returns the process of a program in a pod.
func processOf(pod *corev1.Pod, program string) (int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		groups, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(groups), string(pod.UID)) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || !strings.HasPrefix(string(line), program+"\x00") {
			continue
		}
		var pid int
		_, err = fmt.Sscanf(path, "/proc/%d/cgroup", &pid)
		return pid, err
	}
	return 0, fmt.Errorf("pod %s/%s runs no %s", pod.Namespace, pod.Name, program)
}
