//go:build unix && !linux

package provider

import (
	"os/exec"
	"syscall"
)

// attributes: a group of its own, so that all of it can be ended, and so that
// Ctrl-C in the terminal is the host's alone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// await waits until a child is dead.
func await(c *exec.Cmd) { _ = c.Wait() }
