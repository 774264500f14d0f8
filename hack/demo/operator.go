package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// logLines is how many of the operator's last log lines an error shows.
const logLines = 25

// stopGrace is how long the operator may take to stop.
const stopGrace = 5 * time.Second

// operator is the running manager.
type operator struct {
	cmd    *exec.Cmd
	log    string
	probes string
	done   chan struct{}
	err    error
}

// startOperator runs the manager with the kubeconfig of its ServiceAccount. It
// gets nothing of this program's environment that could give it other rights.
func startOperator(program, dir, kubeconfig, config string) (*operator, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	o := &operator{log: filepath.Join(dir, "manager.log"), probes: fmt.Sprintf("127.0.0.1:%d", port), done: make(chan struct{})}
	log, err := os.OpenFile(o.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()

	o.cmd = exec.Command(program, "--config="+config, "--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address="+o.probes)
	o.cmd.Dir = dir
	o.cmd.Stdout, o.cmd.Stderr = log, log
	o.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "KUBECONFIG=" + kubeconfig, "POD_NAMESPACE=" + operatorNamespace}
	o.cmd.SysProcAttr = childAttributes()
	started := make(chan error)
	go func() {
		// The kernel ties the child's life to the thread that started it, so
		// that thread stays here until the child has ended.
		runtime.LockOSThread()
		err := o.cmd.Start()
		started <- err
		if err == nil {
			o.err = o.cmd.Wait()
			close(o.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the operator: %w", err)
	}
	return o, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// waitReady returns when the operator says that it is ready.
func (o *operator) waitReady(ctx context.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if o.ready(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the operator did not become ready: %w", context.Cause(ctx))
		case <-o.done:
			return o.ended()
		case <-ticker.C:
		}
	}
}

func (o *operator) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.probes+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// exited is closed when the operator has ended by itself. It stays open for an
// operator that runs as pods.
func (o *operator) exited() <-chan struct{} {
	if o == nil {
		return nil
	}
	return o.done
}

func (o *operator) ended() error {
	if o.err == nil {
		return errors.New("the operator ended by itself")
	}
	return fmt.Errorf("the operator ended by itself: %w", o.err)
}

// stop ends the operator, by force when it does not end in time.
func (o *operator) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-o.done:
	case <-time.After(stopGrace):
		_ = o.cmd.Process.Kill()
		<-o.done
	}
}

// lastLines returns the end of the operator's log.
func (o *operator) lastLines() string {
	data, err := os.ReadFile(o.log)
	if err != nil || len(data) == 0 {
		return "  (the log is empty)"
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	lines = lines[max(0, len(lines)-logLines):]
	return "  " + strings.Join(lines, "\n  ")
}
