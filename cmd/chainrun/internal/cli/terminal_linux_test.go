package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal that answers no question must not be asked one: the answer would be
// waited for.
func TestMuteTerminal(t *testing.T) {
	tty, keyboard := openTerminal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, self, "version")
	c.Args[0] = "chainrun" // see TestMain
	c.Env = append(os.Environ(), "TERM=xterm-256color", "CI=")
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // in the foreground, else nobody asks
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	shown := make([]byte, 4096)
	n, err := keyboard.Read(shown)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(shown[:n]); !strings.HasPrefix(text, "chainrun ") {
		t.Errorf("before anything else the terminal was sent %q", text)
	}
}

// openTerminal gives both ends of a pseudo-terminal.
func openTerminal(t *testing.T) (tty, keyboard *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return tty, keyboard
}
