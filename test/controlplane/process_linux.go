package controlplane

import "syscall"

// childAttributes puts a component into a process group of its own, so that an interrupt from the terminal reaches only
// the program that will stop the components in order, and has the kernel kill it when that program dies without doing so.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
