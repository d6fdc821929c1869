package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/chainrun/chainrun/runtime/module/moduletest"
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

// The words of a model are seen on a terminal while it speaks.
func TestWordsOnTerminal(t *testing.T) {
	tty, keyboard := openTerminal(t)
	size := unix.Winsize{Row: 24, Col: 120}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{})
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, `data: {"model":"tiny","choices":[{"index":0,"delta":{"content":"hearken"}}]}`+"\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-heard:
		case <-r.Context().Done():
		}
		fmt.Fprint(w, `data: {"model":"tiny","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
	}))
	defer model.Close()
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"chat.wasm": moduletest.Ask("llm", "chat", 1),
		"chat.toml": []byte("version = 1\nchain = ['a']\n[capabilities.llm]\nbase_url = '" + model.URL + "/v1'\nmodel = 'tiny'\n[nodes.a]\nmodule = 'chat.wasm'\n[nodes.a.grants.llm]\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, self, "chat.toml", "--input", `{"messages":[{"role":"user","content":"Hello?"}]}`)
	c.Args[0], c.Dir = "chainrun", dir
	c.Env = append(os.Environ(), "TERM=xterm-256color", "CI=")
	c.Stderr = tty
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		var shown strings.Builder
		for said := false; ; {
			text := make([]byte, 4096)
			n, err := keyboard.Read(text)
			if err != nil {
				return
			}
			shown.Write(text[:n])
			if !said && strings.Contains(shown.String(), "“hearken”") {
				said = true
				close(heard)
			}
		}
	}()
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	default:
		t.Error("the word was not shown")
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
