package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// logTailLines is how many of a component's last log lines an error carries.
const logTailLines = 15

// process is one running component.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	// done is closed when the process has ended; err is set before.
	done chan struct{}
	err  error
}

// spawnRequests hands commands to the thread that starts them; see spawn.
var (
	spawnOnce     sync.Once
	spawnRequests chan spawnRequest
)

type spawnRequest struct {
	cmd    *exec.Cmd
	result chan error
}

// spawn starts cmd on an operating system thread that lives as long as this program. The kernel sends the parent-death
// signal when the thread that forked ends, not when its process ends, and the Go runtime ends threads as it pleases.
func spawn(cmd *exec.Cmd) error {
	spawnOnce.Do(func() {
		spawnRequests = make(chan spawnRequest)
		go func() {
			runtime.LockOSThread()
			for request := range spawnRequests {
				request.result <- request.cmd.Start()
			}
		}()
	})
	request := spawnRequest{cmd: cmd, result: make(chan error)}
	spawnRequests <- request
	return <-request.result
}

// startProcess starts the program with its output appended to <dir>/<name>.log.
func startProcess(dir, name, program string, args ...string) (*process, error) {
	p := &process{name: name, logPath: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()

	p.cmd = exec.Command(program, args...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// Neither the caller's proxy settings nor configuration files in the home directory may reach the components.
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	p.cmd.SysProcAttr = childAttributes()
	if err := spawn(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// exited says whether the process has ended.
func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process at once.
func (p *process) kill() {
	if !p.exited() {
		_ = p.cmd.Process.Kill() // It can fail only when the process has just ended by itself.
		<-p.done
	}
}

// terminate asks the process to end and kills it when the grace period has passed.
func (p *process) terminate(grace time.Duration) {
	if p.exited() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.kill()
	}
}

// failure describes why the process is of no use, with its last log lines.
func (p *process) failure(reason error) error {
	return fmt.Errorf("%s: %w; last lines of %s:\n%s", p.name, reason, filepath.Base(p.logPath), p.logTail(logTailLines))
}

func (p *process) logTail(lines int) string {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(bytes.TrimSpace(content)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// lostPort says whether the process ended because something else took its port first.
func (p *process) lostPort() bool {
	return p.exited() && strings.Contains(p.logTail(logTailLines), "address already in use")
}

var errExited = errors.New("ended unexpectedly")

// waitFor polls ready until it returns nil, and gives up when one of the processes ends or ctx does.
func waitFor(ctx context.Context, processes []*process, ready func(context.Context) error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		for _, p := range processes {
			if p.exited() {
				return p.failure(errors.Join(errExited, p.err))
			}
		}
		select {
		case <-ctx.Done():
			if len(processes) == 0 {
				return errors.Join(ctx.Err(), err)
			}
			return processes[len(processes)-1].failure(errors.Join(ctx.Err(), err))
		case <-ticker.C:
		}
	}
}

const (
	temporaryPrefix = "govplatform-controlplane-"
	lockName        = "lock"
)

// errLocked says that another program runs a control plane in the directory.
var errLocked = errors.New("another control plane runs in this directory")

// lockDirectory takes the directory for this program until the returned file is closed or the program ends.
func lockDirectory(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", dir, errLocked)
	}
	return file, nil
}

// sweepTemporary removes what killed programs could not remove themselves: temporary directories that nobody locks.
func sweepTemporary() {
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), temporaryPrefix+"*", lockName))
	if err != nil {
		return
	}
	for _, path := range locks {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // It belongs to another user, or is being removed.
		}
		// The age keeps clear of a directory whose owner has made the lock file and is about to lock it.
		info, err := file.Stat()
		stale := err == nil && time.Since(info.ModTime()) > time.Minute
		if stale && syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		file.Close()
	}
}

// exists says whether there is a file at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
