//go:build unix && !linux

package controlplane

import "syscall"

// childAttributes puts a component into a process group of its own, so that an interrupt from the terminal reaches only
// the program that will stop the components in order. Only Linux can also bind a child's life to its parent's.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
