//go:build unix && !linux

package main

import "syscall"

// childAttributes puts the operator into a process group of its own, so that
// Ctrl-C reaches only the demo.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
