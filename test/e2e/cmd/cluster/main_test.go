package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program builds this command, or skips the test where a real node is not asked for.
func program(t *testing.T) string {
	t.Helper()
	if os.Getenv("GOVPLATFORM_E2E") == "" {
		t.Skip("it needs a real node; run \"make e2e\"")
	}
	path := filepath.Join(t.TempDir(), "cluster")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// TestNothingIsLeftAfterKill kills the command beside a running cluster, as the kernel or an impatient user would.
func TestNothingIsLeftAfterKill(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(program(t), "--quiet", "sh", "-c", `dirname "$KUBECONFIG"; sleep 1000`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // The test has done it unless it failed before.
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the cluster did not start: %v: %s", err, complaints.String())
	}
	dir := strings.TrimSpace(line)
	if groups := controlGroups(t, dir); len(groups) == 0 {
		t.Error("the cluster has no control groups: this test would not notice when they are left over")
	}
	if len(processes(t, dir)) == 0 {
		t.Error("the cluster has no processes: this test would not notice when they are left over")
	}
	for _, address := range []string{"127.0.0.1:6443", "127.0.0.1:10250", "127.0.0.1:10249"} {
		if connection, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			connection.Close()
			t.Errorf("%s is open on the host", address)
		}
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	for deadline := killed.Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err := os.Stat(dir)
		groups, left := controlGroups(t, dir), processes(t, dir)
		if errors.Is(err, os.ErrNotExist) && len(groups) == 0 && len(left) == 0 {
			t.Logf("everything was gone after %d ms", time.Since(killed).Milliseconds())
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left over after 30 s: %s: %v, control groups %v, processes %v", dir, err, groups, left)
		}
	}
}

// TestFailureIsKept runs a command that fails, and expects its exit code and what explains the failure.
func TestFailureIsKept(t *testing.T) {
	t.Parallel()
	dump := t.TempDir()
	out, err := exec.Command(program(t), "--dump", dump, "sh", "-c", "kubectl get nodes --output=name && exit 7").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("error: %v, want exit code 7:\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("node/node1")) {
		t.Errorf("kubectl does not show the node:\n%s", out)
	}
	for _, name := range []string{"objects/pods.yaml", "events.txt", "logs/kubelet.log", "logs/kube-apiserver.log", "node/iptables.txt", "logs/pods/kube-system_coredns-*/coredns/0.log"} {
		if paths, err := filepath.Glob(filepath.Join(dump, "*", name)); err != nil || len(paths) == 0 {
			t.Errorf("the dump lacks %s", name)
		}
	}
}

func controlGroups(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		paths, err := filepath.Glob(pattern + filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, paths...)
	}
	return all
}

// processes returns the command lines of what was started with the folder of the cluster as its home.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range environments {
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(dir)) {
			line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			if err == nil {
				found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
			}
		}
	}
	return found
}
