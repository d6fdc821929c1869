package provider

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/chainrun/chainrun/host/capability"
)

// gone waits for the end of a process that may be anybody's child.
func gone(t *testing.T, what string, handle int) {
	t.Helper()
	var n int
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) { // a signal of the Go runtime's own
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, 120_000)
	}
	if err != nil || n == 0 {
		t.Errorf("%s goes on: %v", what, err)
	}
}

// handle gives a handle of a process that stays its own when the id is used anew.
func handle(t *testing.T, pid string) int {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(n, 0)
	if err != nil {
		t.Fatalf("process %d: %v", n, err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// guardOf finds the guard of a provider.
func guardOf(t *testing.T, pid string) string {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		line, _ := os.ReadFile("/proc/" + p.Name() + "/cmdline")
		if strings.Contains(string(line), "chainrun-guard\x00"+pid+"\x00") {
			return p.Name()
		}
	}
	t.Fatalf("process %s has no guard", pid)
	return ""
}

func TestCloseLeavesNothing(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`)
	pid := answered(t, c, "pid")
	own, child, guard := handle(t, pid), handle(t, answered(t, c, "spawn")), handle(t, guardOf(t, pid))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, "the provider", own)
	gone(t, "its child", child)
	gone(t, "its guard", guard)
}

// The guard does it alone, where no kernel helps.
func TestGuard(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	sleep := exec.CommandContext(t.Context(), "sh", "-c", "sleep 600 & echo $!; wait")
	sleep.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := sleep.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	own, child := handle(t, strconv.Itoa(sleep.Process.Pid)), handle(t, lines.Text())
	g := startGuard(sleep.Process.Pid, dir)
	closeAll(g.pipe) // the host has ended
	gone(t, "the process", own)
	gone(t, "its child", child)
	_ = g.cmd.Wait()
	_ = sleep.Wait()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func init() {
	freeze = func() { _ = unix.Kill(os.Getpid(), unix.SIGSTOP) }
}

func TestKilledHost(t *testing.T) {
	for _, kind := range []string{"idle", "frozen"} {
		t.Run(kind, func(t *testing.T) {
			host := exec.CommandContext(t.Context(), self(t, "good").Path, "host", kind)
			out, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			next := func() string {
				if !lines.Scan() {
					t.Fatal("the host ended")
				}
				return lines.Text()
			}
			pid := next()
			own, child, dir, guard := handle(t, pid), handle(t, next()), next(), handle(t, guardOf(t, pid))
			if kind == "frozen" {
				for deadline := time.Now().Add(time.Minute); ; {
					stat, _ := os.ReadFile("/proc/" + pid + "/stat")
					if strings.Contains(string(stat), ") T ") {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("it does not freeze: %s", stat)
					}
				}
			}
			if err := host.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = host.Wait()
			gone(t, "the provider", own)
			gone(t, "its child", child)
			gone(t, "its guard", guard)
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("its folder is still there: %v", err)
			}
		})
	}
}

// A provider that answers nothing any more is killed and started anew.
func TestFrozen(t *testing.T) {
	p := started(t, Options{})
	p.bounds.ping = 200 * time.Millisecond
	c := configure(t, p, `{"provider":"good"}`)
	own := handle(t, answered(t, c, "pid"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // it must have heard of the call before
	defer cancel()
	_, err := ask(ctx, c, "freeze", "")
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "provider_timeout" {
		t.Errorf("got %v", err)
	}
	gone(t, "the frozen process", own)
	for deadline := time.Now().Add(time.Minute); ; {
		_, err := ask(t.Context(), c, "echo", "")
		if err == nil {
			break
		}
		e, ok := errors.AsType[*capability.Error](err)
		if !ok || !strings.Contains(e.Message, "health check") || time.Now().After(deadline) {
			t.Fatalf("got %v", err)
		}
	}
}

// A process that is killed from outside.
func TestKilledProvider(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`)
	q, running := begun("block")
	go func() {
		<-running
		_ = unix.Kill(c.(*configured).slot.current.pid(), unix.SIGKILL)
	}()
	_, err := c.Call(t.Context(), q)
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "provider_crashed" || !strings.Contains(e.Message, "signal: killed") {
		t.Errorf("got %v", err)
	}
}
