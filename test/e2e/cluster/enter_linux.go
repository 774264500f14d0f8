package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	stageVariable = "GOVPLATFORM_CLUSTER_STAGE"

	// The stages in which a program that calls Enter runs. Without one, it is outside.
	stageInit    = "init"    // Process 1 of the namespaces.
	stageInside  = "inside"  // The program proper.
	stageSweeper = "sweeper" // Waits outside until everything has ended, and removes the rest.

	directoryPrefix = "govplatform-cluster-"
	lockName        = "lock"
	controlGroups   = "/sys/fs/cgroup"
	// sweepPatience is how long killed processes may take to leave their control groups.
	sweepPatience = 20 * time.Second
)

// Enter makes the program run inside namespaces of its own. The first call, outside, starts the program again inside,
// waits for it and exits with its code; inside, Enter returns. It exits with an explanation when this machine lacks
// something that a cluster needs.
//
// The program runs in three processes. Outside waits; a child of it is process 1 of the namespaces, and the kernel kills
// it when outside dies, and with it every other process in there; its child is the program proper. A fourth, the
// sweeper, removes control groups and files after all of them have ended, even when they were killed.
func Enter(e Environment) {
	var err error
	switch os.Getenv(stageVariable) {
	case stageInside:
		// Whatever the program starts shall not think that it is inside by its own doing.
		os.Unsetenv(stageVariable)
		return
	case stageInit:
		err = runInit()
	case stageSweeper:
		err = sweep(os.Getenv(directoryVariable), syscall.LOCK_EX)
	default:
		err = runOutside(e)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode())
	case errors.As(err, &exit):
		// As shells do it.
		os.Exit(128 + int(exit.Sys().(syscall.WaitStatus).Signal()))
	}
	fmt.Fprintln(os.Stderr, "cluster:", err)
	os.Exit(1)
}

// runOutside starts the program inside and waits for it.
func runOutside(e Environment) error {
	if err := requirements(); err != nil {
		return err
	}
	// The kernel sends the parent-death signal when the thread that forked ends.
	runtime.LockOSThread()
	sweepAbandoned()
	dir, err := os.MkdirTemp("", directoryPrefix)
	if err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}

	sweeper := again(stageSweeper, dir)
	// It must outlive an interrupt from the terminal.
	sweeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := sweeper.Start(); err != nil {
		return err
	}
	inside := again(stageInit, dir)
	inside.Stdin, inside.Stdout, inside.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The lock is held until the last of the two processes that share it has ended.
	inside.ExtraFiles = []*os.File{lock}
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	err = inside.Start()
	if err == nil {
		ended := make(chan struct{})
		go forward(signals, inside.Process)
		if e.EndWithParent {
			go endWithParent(inside.Process, ended)
		}
		err = inside.Wait()
		close(ended)
	}
	if err != nil && e.DumpDir != "" {
		folder := dumpFolder(e.DumpDir, dir)
		if copyErr := copyLogs(dir, folder); copyErr != nil {
			fmt.Fprintln(os.Stderr, "cluster: keep the logs:", copyErr)
		} else {
			fmt.Fprintln(os.Stderr, "cluster: what explains the failure is in", folder)
		}
	}
	if closeErr := lock.Close(); closeErr != nil {
		return errors.Join(err, closeErr)
	}
	if sweepErr := sweeper.Wait(); err == nil && sweepErr != nil {
		return fmt.Errorf("something is left over in %s or in the control group %s: %w", dir, filepath.Base(dir), sweepErr)
	}
	return err
}

// again returns a command that runs this program in a stage.
func again(stage, dir string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), stageVariable+"="+stage, directoryVariable+"="+dir)
	return cmd
}

// forward passes signals on. An interrupt from the terminal has reached the whole group of processes already, and a
// second one often means "now, without cleaning up".
func forward(signals <-chan os.Signal, process *os.Process) {
	for s := range signals {
		if s != syscall.SIGINT || !inForeground() {
			_ = process.Signal(s) // It has ended when this fails.
		}
	}
}

// inForeground says whether this group of processes gets the signals of a terminal.
func inForeground() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer terminal.Close()
	var group int32
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, terminal.Fd(), syscall.TIOCGPGRP, uintptr(unsafe.Pointer(&group)))
	return errno == 0 && int(group) == syscall.Getpgrp()
}

// endWithParent kills the process when the parent of this program has gone: go test that is killed leaves its tests
// running otherwise.
func endWithParent(process *os.Process, ended <-chan struct{}) {
	parent := os.Getppid()
	for {
		select {
		case <-ended:
			return
		case <-time.After(500 * time.Millisecond):
		}
		if os.Getppid() != parent {
			_ = process.Kill() // It has ended when this fails.
			return
		}
	}
}

// runInit is process 1: it prepares the namespaces, starts the program, and reaps orphans until the program ends.
func runInit() error {
	const lock = 3 // The first of ExtraFiles.
	syscall.CloseOnExec(lock)
	dir := os.Getenv(directoryVariable)
	if err := prepareNamespaces(dir); err != nil {
		return fmt.Errorf("prepare namespaces: %w", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	program := again(stageInside, dir)
	program.Stdin, program.Stdout, program.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := program.Start(); err != nil {
		return err
	}
	go forward(signals, program.Process)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the program: %w", err)
		case pid == program.Process.Pid && status.Signaled():
			os.Exit(128 + int(status.Signal()))
		case pid == program.Process.Pid && status.Exited():
			os.Exit(status.ExitStatus())
		}
	}
}

// prepareNamespaces mounts what belongs to these namespaces and gives the node its addresses and control groups.
func prepareNamespaces(dir string) error {
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		// Nothing that is mounted here may show outside; among the processes here, kubelet wants mounts to be shared.
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"", "/", "", syscall.MS_REC | syscall.MS_SHARED},
		{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		// The network namespaces of pods and the state of runc go with their mount.
		{"run", "/run", "tmpfs", 0},
	} {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for _, path := range []string{"/run/netns", "/run/lock"} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	}
	if err := prepareStorage(filepath.Join(dir, containerdRoot)); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		// The address of the node sits on one end of a pair, because not every kernel has dummy links.
		{"link", "add", "node0", "type", "veth", "peer", "name", "node0p"},
		{"address", "add", NodeIP + "/32", "dev", "node0"},
		{"link", "set", "node0p", "up"},
		{"link", "set", "node0", "up"},
		{"route", "add", "default", "dev", "node0"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return err
	}
	return createControlGroups(filepath.Base(dir))
}

// prepareStorage makes the folder for images. The layers of containers are overlays, which cannot lie on an overlay, as
// they would where this machine is itself a container.
func prepareStorage(path string) error {
	const overlay = 0x794c7630
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	var info syscall.Statfs_t
	if err := syscall.Statfs(path, &info); err != nil {
		return err
	}
	if info.Type != overlay {
		return nil
	}
	return syscall.Mount("containerd", path, "tmpfs", 0, "")
}

// createControlGroups makes the control group under which kubelet puts all pods, so that they do not mix with anything
// else on this machine and can be removed afterwards.
func createControlGroups(name string) error {
	if unified() {
		// Pods get only what is delegated to the groups above them.
		path := filepath.Join(controlGroups, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		available, err := os.ReadFile(filepath.Join(controlGroups, "cgroup.controllers"))
		if err != nil {
			return err
		}
		for _, parent := range []string{controlGroups, path} {
			for controller := range strings.FieldsSeq(string(available)) {
				if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, controller := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd"} {
		path := filepath.Join(controlGroups, controller)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(path, name), 0o755); err != nil {
			return err
		}
	}
	// A new group may use no processor at all until it is told which.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		content, err := os.ReadFile(filepath.Join(controlGroups, "cpuset", file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(controlGroups, "cpuset", name, file), content, 0); err != nil {
			return err
		}
	}
	return nil
}

// unified says whether the machine has control groups of version 2 only.
func unified() bool {
	_, err := os.Stat(filepath.Join(controlGroups, "cgroup.controllers"))
	return err == nil
}

// sweepAbandoned removes what runs left over whose sweeper was killed too.
func sweepAbandoned() {
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), directoryPrefix+"*", lockName))
	if err != nil {
		return
	}
	for _, path := range locks {
		// The age keeps clear of a run that has made its lock and is about to take it.
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > time.Minute {
			_ = sweep(filepath.Dir(path), syscall.LOCK_EX|syscall.LOCK_NB) // It is in use when this fails.
		}
	}
}

// sweep takes the lock of the directory and removes the control groups and the files of a run.
func sweep(dir string, how int) error {
	lock, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		if err := syscall.Flock(int(lock.Fd()), how); err == nil {
			break
		} else if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
	// The files go last: while they are there, a later run can finish what this one could not.
	for deadline := time.Now().Add(sweepPatience); ; time.Sleep(100 * time.Millisecond) {
		err := removeControlGroups(filepath.Base(dir))
		if err == nil {
			err = os.RemoveAll(dir)
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// removeControlGroups removes the control group of a run with all groups below it, under every controller.
func removeControlGroups(name string) error {
	roots := []string{filepath.Join(controlGroups, name)}
	mounted, err := filepath.Glob(filepath.Join(controlGroups, "*", name))
	if err != nil {
		return err
	}
	var errs []error
	for _, root := range append(roots, mounted...) {
		var groups []string
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			return err
		})
		errs = append(errs, err)
		// The deepest come last. The files in a group are not real and go with it.
		for i := len(groups) - 1; i >= 0; i-- {
			if err := syscall.Rmdir(groups[i]); err != nil && !errors.Is(err, syscall.ENOENT) {
				errs = append(errs, fmt.Errorf("remove control group %s: %w", groups[i], err))
			}
		}
	}
	return errors.Join(errs...)
}

// requirements returns an error of one line that says what this machine lacks and how to get it.
func requirements() error {
	if os.Geteuid() != 0 {
		return errors.New("a real node needs root, for namespaces, mounts and containers: run the same command with sudo -E")
	}
	var missing, packages []string
	for _, needed := range []struct{ file, debian string }{
		{"containerd", "containerd"},
		{"ctr", "containerd"},
		{"containerd-shim-runc-v2", "containerd"},
		{"runc", "runc"},
		{filepath.Join(pluginDir, "ptp"), "containernetworking-plugins"},
		{filepath.Join(pluginDir, "host-local"), "containernetworking-plugins"},
		{"iptables", "iptables"},
		{"nft", "nftables"},
		{"ip", "iproute2"},
	} {
		if _, err := exec.LookPath(needed.file); err == nil {
			continue
		}
		missing = append(missing, filepath.Base(needed.file))
		if len(packages) == 0 || packages[len(packages)-1] != needed.debian {
			packages = append(packages, needed.debian)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("a real node needs %s: run \"apt-get install -y %s\"", strings.Join(missing, ", "), strings.Join(packages, " "))
	}
	if err := syscall.Access(controlGroups, 2); err != nil {
		return fmt.Errorf("a real node needs control groups that it may write (%s: %w): run it on the machine itself or in a privileged container", controlGroups, err)
	}
	return nil
}
