package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const logTailLines = 15

// process is one running component. It needs no parent-death signal: the namespaces end with the program.
type process struct {
	name    string
	logPath string
	offset  int64 // Where the log of this run begins.
	cmd     *exec.Cmd
	// done is closed when the process has ended; err is set before.
	done chan struct{}
	err  error
}

// startProcess starts the program with its output appended to <dir>/<name>.log.
func startProcess(dir, name, program string, args ...string) (*process, error) {
	p := &process{name: name, logPath: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil {
		p.offset = info.Size()
	}
	p.cmd = exec.Command(program, args...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// Neither proxy settings nor configuration files of the user may reach the components.
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	// An interrupt from the terminal is for the program that stops the components in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) kill() {
	if !p.exited() {
		_ = p.cmd.Process.Kill() // It can fail only when the process has just ended by itself.
		<-p.done
	}
}

// terminate asks the process to end and kills it when the grace period has passed.
func (p *process) terminate(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It has ended when this fails.
	select {
	case <-p.done:
	case <-time.After(grace):
		p.kill()
	}
}

// log returns what this run has logged.
func (p *process) log() []byte {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return []byte(err.Error())
	}
	return content[min(int64(len(content)), p.offset):]
}

func (p *process) logged(text string) bool { return bytes.Contains(p.log(), []byte(text)) }

// failure describes a process that has ended, with its last log lines.
func (p *process) failure() error {
	lines := strings.Split(string(bytes.TrimSpace(p.log())), "\n")
	return fmt.Errorf("%s ended unexpectedly: %w; its last lines:\n%s", p.name, p.err, strings.Join(lines[max(0, len(lines)-logTailLines):], "\n"))
}

// output runs a program to its end and returns an error with what it printed.
func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return out, nil
}
