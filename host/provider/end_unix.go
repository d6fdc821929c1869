//go:build unix

package provider

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// killGroup kills a process with all that it started and that stayed in its
// group.
func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // gone already: what was wanted
}

// guard is a shell that waits for the end of the host, which closes the pipe
// that it reads, and then ends a provider's group. It is for the children of
// providers, which the kernel does not kill, and for systems whose kernel kills
// nothing.
type guard struct {
	cmd  *exec.Cmd
	pipe *os.File
}

const guarding = `trap "" HUP INT TERM; read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2"`

// startGuard gives nil where there is no shell.
func startGuard(group int, dir string) *guard {
	reads, writes, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer reads.Close() //nolint:errcheck // the guard has it
	g := &guard{pipe: writes, cmd: &exec.Cmd{
		Path: "/bin/sh", Args: []string{"sh", "-c", guarding, "chainrun-guard", strconv.Itoa(group), dir},
		Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", Stdin: reads,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}}
	if err := g.cmd.Start(); err != nil {
		closeAll(writes)
		return nil
	}
	return g
}

// end sends the guard home. It must be called before the group's id is free.
func (g *guard) end() {
	if g == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	closeAll(g.pipe)
}
