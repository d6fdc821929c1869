//go:build unix

package cli

// The command itself, killed from outside and carried on by `chainrun resume`.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// killed is the graph of a run that is killed: it forks, joins, turns, tries again
// and counts in kv.
const killed = `
version = 1
chain = ["split", "join", "loop", "last"]
[state.turns]
initial = 0
reduce = "sum"
[nodes.split]
module = "echo.wasm"
[nodes.broken]
module = "trap.wasm"
[[nodes.broken.retry]]
on = ["trap"]
max_attempts = 2
initial_interval = "1ms"
[nodes.mended]
module = "echo.wasm"
input = "input.code"
[nodes.join]
module = "echo.wasm"
[nodes.loop]
module = "echo.wasm"
foreach = "[1, 2]"
write.turns = "1"
[nodes.last]
module = "add.wasm"
input = "{'key': 'n', 'by': 1}"
[nodes.last.grants.kv]
[[edges]]
from = "split"
to = "broken"
[[edges]]
from = "broken"
to = "mended"
on = "trap"
[[edges]]
from = "mended"
to = "join"
[[edges]]
from = "loop"
to = "loop"
when = "state.turns < 2"
`

// command starts the real main in a process of its own.
func command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Args[0] = "chainrun" // see TestMain
	return c
}

// ended is what --json says of a run.
type ended struct {
	Status, Digest string
	Output         json.RawMessage
	Fuel           uint64
}

// untilEvent runs a command with --events until it has told so many events, and kills
// it then. It gives the run's id, and how many events were told; was is false where the
// command came to its end, because it has fewer or was quicker.
func untilEvent(t *testing.T, n int, args ...string) (run string, events int, was bool, out []byte) {
	t.Helper()
	c := command(t.Context(), t, append(args, "--events", "--json")...)
	var said bytes.Buffer
	c.Stdout = &said
	told, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for lines := bufio.NewScanner(told); lines.Scan(); {
		fmt.Fprintln(&text, lines.Text())
		var e struct{ Type, Run string }
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Type == "" {
			continue
		}
		run = e.Run
		if events++; events == n {
			_ = c.Process.Kill() // it may have come to its end
		}
	}
	err = c.Wait()
	status, ok := c.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signal() == syscall.SIGKILL && n > 0 {
		return run, events, true, nil
	}
	if err != nil {
		t.Errorf("%v: %v\n%s", args, err, text.String())
	}
	return run, events, false, said.Bytes()
}

// A command that is killed as soon as it has told an event, whichever, leaves a run
// that `chainrun resume` brings to the same end, also where that is killed once.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills some dozens of processes")
	}
	dir := t.TempDir()
	t.Setenv("CHAINRUN_CACHE", filepath.Join(dir, "cache"))
	t.Setenv("NO_COLOR", "1")
	graph := filepath.Join(dir, "graph.toml")
	for name, content := range map[string][]byte{
		"graph.toml": []byte(killed), "echo.wasm": moduletest.Echo(), "trap.wasm": moduletest.Trap(), "add.wasm": moduletest.Ask("kv", "add", 3),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var want ended
	begin := []string{graph, "--input", `{"id": 7}`, "--store"}
	_, events, _, out := untilEvent(t, 0, append(begin, filepath.Join(dir, "whole.db"))...)
	if err := json.Unmarshal(out, &want); err != nil || want.Status != "done" || !strings.Contains(string(want.Output), "3") {
		t.Fatalf("%v: %s", err, out)
	}
	var kills atomic.Int64
	points := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for at := range points {
				store := filepath.Join(dir, strconv.Itoa(at)+".db")
				run, _, was, out := untilEvent(t, at, append(begin, store)...)
				for n := 1 + at%5; was && n < 6; n += 3 {
					kills.Add(1)
					_, _, was, out = untilEvent(t, n, "resume", run, "--store", store)
				}
				if was {
					kills.Add(1)
					_, _, _, out = untilEvent(t, 0, "resume", run, "--store", store)
				}
				var got ended
				err := json.Unmarshal(out, &got)
				if err != nil || got.Status != want.Status || got.Digest != want.Digest || got.Fuel != want.Fuel || string(got.Output) != string(want.Output) {
					t.Errorf("killed at event %d: %v: %s", at, err, out)
				}
			}
		})
	}
	for at := 1; at <= events; at++ {
		points <- at
	}
	close(points)
	workers.Wait()
	t.Logf("%d commands were killed, of runs with %d events", kills.Load(), events)
	if kills.Load() == 0 { // a machine may be too busy to kill one in time, but not all of them
		t.Error("no command was killed")
	}
}
