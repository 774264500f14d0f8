package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// outsideIP is the address of a machine outside the cluster, to which the node has a route.
const outsideIP = "203.0.113.1"

var outsideOnce sync.Once

// startOutside makes a machine outside the cluster, which answers HTTP on two ports: a network namespace behind a pair of
// links. Without something that answers, a connection that stays closed would prove nothing.
func startOutside(t *testing.T) {
	t.Helper()
	var err error
	outsideOnce.Do(func() {
		for _, args := range [][]string{
			{"netns", "add", "outside"},
			{"link", "add", "outside0", "type", "veth", "peer", "name", "outside1", "netns", "outside"},
			{"address", "add", "203.0.113.254/24", "dev", "outside0"},
			{"link", "set", "outside0", "up"},
			{"-n", "outside", "address", "add", outsideIP + "/24", "dev", "outside1"},
			{"-n", "outside", "link", "set", "outside1", "up"},
			{"-n", "outside", "route", "add", "default", "via", "203.0.113.254"},
		} {
			if out, runErr := exec.Command("ip", args...).CombinedOutput(); runErr != nil {
				err = fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), runErr, out)
				return
			}
		}
		for _, port := range []string{"443", "9999"} {
			var listener net.Listener
			if err = inNetwork("/run/netns/outside", func() (err error) {
				listener, err = net.Listen("tcp4", net.JoinHostPort(outsideIP, port))
				return err
			}); err != nil {
				return
			}
			go answer(listener)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// answer serves until the program ends.
func answer(listener net.Listener) {
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "reached") })}
	_ = server.Serve(listener) // It never ends by itself.
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
