package main

import "syscall"

// childAttributes puts the operator into a process group of its own, so that
// Ctrl-C reaches only the demo, and has the kernel kill it when the demo dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
