//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// Ctrl-C stops the run where it is, cleanly, with exit code 130: within one slice
// of fuel, although the node would spin for ever.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CHAINRUN_CACHE", "off")
	t.Setenv("CHAINRUN_STORE", filepath.Join(dir, "store.sqlite"))
	for name, text := range map[string][]byte{
		"graph.toml": []byte("version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'spin.wasm'\nfuel = 1_000_000_000_000_000\ntimeout = '1h'\n"),
		"spin.wasm":  moduletest.Spin(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- Main(Streams{In: strings.NewReader(""), Out: &out, Err: w}, "",
			[]string{filepath.Join(dir, "graph.toml"), "--events", "--json"})
		_ = w.Close()
	}()
	var said []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), `"attempt_started"`) {
			if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := <-code; got != exitInterrupted {
		t.Errorf("exit code %d, want %d", got, exitInterrupted)
	}
	if last := strings.Join(said[len(said)-2:], "\n"); !strings.Contains(last, "interrupted") || !strings.Contains(last, "chainrun resume ") {
		t.Errorf("the last lines are %q", last)
	}
	if !strings.Contains(out.String(), `"status": "interrupted"`) {
		t.Errorf("--json says %s", out.String())
	}
}

// A bug in chainrun gives an exit code and no Go stack trace.
func TestInternalError(t *testing.T) {
	var errs bytes.Buffer
	got := Main(Streams{In: strings.NewReader(""), Out: panics{}, Err: &errs}, "", []string{"version"})
	if got != exitInternal || strings.Contains(errs.String(), "goroutine") || !strings.Contains(errs.String(), "internal error: full") {
		t.Errorf("exit code %d, %q", got, errs.String())
	}
}

// A result that could not be written is no success.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here:", err)
	}
	defer full.Close()
	var errs bytes.Buffer
	got := Main(Streams{In: strings.NewReader(""), Out: full, Err: &errs}, "", []string{"version"})
	if got != exitInternal || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("exit code %d, %q", got, errs.String())
	}
}

type panics struct{}

func (panics) Write([]byte) (int, error) { panic(fmt.Errorf("full")) }
