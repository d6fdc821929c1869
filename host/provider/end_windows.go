package provider

import (
	"os"
	"os/exec"
	"syscall"
)

// attributes: a group of its own, so that Ctrl-C is the host's alone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// await waits until a child is dead.
func await(c *exec.Cmd) { _ = c.Wait() }

// killGroup kills the process; what it started is left to it.
func killGroup(p *os.Process) { _ = p.Kill() }

// guard is for Unix; here a provider ends with its standard input.
type guard struct{}

func startGuard(int, string) *guard { return nil }
func (*guard) end()                 {}
