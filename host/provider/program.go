package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// program is a process as go-plugin's client wants to see it (runner.Runner):
// this package's own, because theirs inherits standard input, dies neither with
// its host nor with its children, and is started from a file that may have
// changed.
type program struct {
	output    *output
	file      *file
	options   Program
	handshake []string // go-plugin's variables
	dir       string   // go-plugin's folder, for the socket
	hello     *hello
	drained   chan struct{} // closed when it is gone and its output was read

	cmd                   *exec.Cmd
	stdin, stdout, stderr *os.File // the host's ends
	guard                 *guard
	exited                chan struct{} // closed when it is gone

	mu      sync.Mutex
	begun   time.Time
	err     error  // why it was not started
	running bool   // there is a process of this id
	over    bool   // it is not to be started any more
	status  string // how it ended
	verdict string // why it was killed
}

func newProgram(o *output) *program {
	return &program{output: o, hello: &hello{}, drained: make(chan struct{}), exited: make(chan struct{})}
}

// Start implements runner.Runner.
func (p *program) Start(context.Context) error {
	started := make(chan error, 1)
	go func() {
		// The kernel kills the process when the thread that started it ends: so
		// that thread does nothing else, until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.begin()
		started <- err
		if err == nil {
			p.await()
		}
	}()
	return <-started
}

func (p *program) begin() (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return errClosed
	}
	p.begun = time.Now()
	defer func() { p.err = err }()

	var files [3]*os.File // the process's ends
	if files[0], p.stdin, err = os.Pipe(); err == nil {
		if p.stdout, files[1], err = os.Pipe(); err == nil {
			p.stderr, files[2], err = os.Pipe()
		}
	}
	defer func() {
		closeAll(files[:]...)
		if err != nil {
			closeAll(p.stdin, p.stdout, p.stderr)
			_ = os.RemoveAll(p.dir)
		}
	}()
	if err != nil {
		return err
	}
	p.cmd = &exec.Cmd{
		Path: p.file.path, Args: append([]string{p.options.Path}, p.options.Args...),
		Env: append(environment(p.options.Env), p.handshake...), Dir: p.options.Dir,
		Stdin: files[0], Stdout: files[1], Stderr: files[2],
		SysProcAttr: attributes(),
	}
	if p.cmd.Dir == "" {
		p.cmd.Dir = filepath.Join(p.dir, "work")
		if err = os.Mkdir(p.cmd.Dir, 0o700); err != nil {
			return err
		}
	}
	if err = p.cmd.Start(); err != nil {
		return err
	}
	p.running = true
	p.guard = startGuard(p.cmd.Process.Pid, p.dir)
	return nil
}

// await stays with the process until it is gone, with all that it started.
func (p *program) await() {
	await(p.cmd) // from here it is dead, but on Linux its id is not free yet
	p.mu.Lock()
	killGroup(p.cmd.Process)
	p.running, p.over = false, true
	p.mu.Unlock()
	p.guard.end()
	_ = p.cmd.Wait() // how it ended is in its state
	p.mu.Lock()
	p.status = p.cmd.ProcessState.String()
	p.mu.Unlock()
	// What has left the group may hold the streams open. Nobody reads it.
	later := time.Now().Add(time.Second)
	_ = p.stdout.SetReadDeadline(later)
	_ = p.stderr.SetReadDeadline(later)
	close(p.exited)
}

// Wait implements runner.Runner. go-plugin calls it once, when it has read all.
func (p *program) Wait(context.Context) error {
	<-p.exited
	closeAll(p.stdin, p.stdout, p.stderr)
	_ = os.RemoveAll(p.dir)
	p.file.remove()
	close(p.drained)
	return nil
}

// Kill implements runner.Runner.
func (p *program) Kill(context.Context) error {
	p.kill("")
	return nil
}

// kill ends the process and all that it started, at once; or sees to it that it
// is not started. The verdict is for the text of errors.
func (p *program) kill(verdict string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if !p.running {
		return
	}
	if p.verdict == "" {
		p.verdict = verdict
	}
	killGroup(p.cmd.Process)
}

// bye tells the process that nobody needs it any more.
func (p *program) bye() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.running {
		_ = p.stdin.Close()
	}
}

// close waits until a process that was begun is gone.
func (p *program) close() {
	p.mu.Lock()
	begun := p.cmd != nil && p.err == nil
	p.mu.Unlock()
	if begun {
		<-p.drained
	}
}

// wait waits until the process is gone, but no longer than a while.
func (p *program) wait(while time.Duration) {
	t := time.NewTimer(while)
	defer t.Stop()
	select {
	case <-p.drained:
	case <-t.C:
	}
}

func (p *program) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// failed is why it was not started.
func (p *program) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// timedOut reports whether it took as long as this without ending by itself.
func (p *program) timedOut(start time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.begun) >= start
}

// death says how it ended.
func (p *program) death() string {
	p.wait(time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.verdict != "":
		return "killed, because " + p.verdict
	case p.status == "":
		return "it goes on"
	default:
		return "it ended with " + p.status
	}
}

// Stdout implements runner.Runner.
func (p *program) Stdout() io.ReadCloser { return teed{p.stdout, p.hello} }

// Stderr implements runner.Runner.
func (p *program) Stderr() io.ReadCloser { return p.stderr }

// Name implements runner.Runner.
func (p *program) Name() string { return p.options.Path }

// ID implements runner.Runner.
func (p *program) ID() string { return strconv.Itoa(p.pid()) }

// Diagnose implements runner.Runner.
func (p *program) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner. It is asked before the connection: a
// provider is on this machine, and proves that it is the one which was started.
func (p *program) PluginToHost(network, address string) (string, string, error) {
	if parts := strings.Split(p.hello.text(), "|"); len(parts) < 6 || len(parts[5]) < 50 { // less is none to go-plugin
		return "", "", errors.New("it gave no certificate in its handshake")
	}
	if network == "tcp" {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return "", "", fmt.Errorf("it listens at %q, which is not a loopback address", address)
		}
	} else if network != "unix" {
		return "", "", fmt.Errorf("it listens on %q, not on unix or tcp", network)
	}
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (*program) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// hello keeps the first line of a stream.
type hello struct {
	mu   sync.Mutex
	seen []byte
}

const helloBytes = 8 << 10

type teed struct {
	*os.File
	hello *hello
}

func (t teed) Read(b []byte) (int, error) {
	n, err := t.File.Read(b)
	t.hello.mu.Lock()
	if room := helloBytes - len(t.hello.seen); room > 0 {
		t.hello.seen = append(t.hello.seen, b[:min(n, room)]...)
	}
	t.hello.mu.Unlock()
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}

// line is the first line, and whether anything came at all.
func (h *hello) line() (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, _, _ := bytes.Cut(h.seen, []byte{'\n'})
	return string(bytes.TrimSpace(first)), len(h.seen) > 0
}

func (h *hello) text() string {
	s, _ := h.line()
	return s
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
