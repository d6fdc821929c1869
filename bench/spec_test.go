// Our fuel against Wasmtime's on the modules of the official spec tests: small
// functions, but between them every operator and every shape of control flow.
package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

type specCommand struct {
	Type     string `json:"type"`
	Line     int    `json:"line"`
	Filename string `json:"filename"`
	Action   struct {
		Type   string      `json:"type"`
		Field  string      `json:"field"`
		Module string      `json:"module"`
		Args   []specValue `json:"args"`
	} `json:"action"`
	Expected []specValue `json:"expected"`
}

type specValue struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// leastSpecCalls is how many calls must have been compared, so that the test
// cannot pass by comparing nothing.
const leastSpecCalls = 20_000

// TestFuelIsWasmtimesOnSpecTests leaves out what Wasmtime's Go package cannot
// pass (v128, references), modules with imports and what depends on them, and
// calls that trap.
func TestFuelIsWasmtimesOnSpecTests(t *testing.T) {
	if wasmtimeMissing != "" {
		t.Skip(wasmtimeMissing)
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("asking go for wazero's folder: %v", err)
	}
	scripts, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest/v2/testdata/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	wasmtime := newWasmtimeLane(true)
	ours := newWazeroLane(wazero.NewRuntimeConfigCompiler(), throughMeter)
	defer func() { _, _ = ours.close(t.Context()), wasmtime.close(t.Context()) }()
	calls := 0
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			calls += compareScript(t, path, ours, wasmtime)
		})
	}
	t.Logf("%d calls compared", calls)
	if calls < leastSpecCalls {
		t.Errorf("only %d calls compared, want %d", calls, leastSpecCalls)
	}
}

func compareScript(t *testing.T, path string, ours, wasmtime lane) (calls int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var script struct{ Commands []specCommand }
	if err := json.Unmarshal(raw, &script); err != nil {
		t.Fatal(err)
	}
	var a, b instance
	closeBoth := func() {
		for _, in := range []instance{a, b} {
			if in != nil {
				_ = in.close(t.Context())
			}
		}
		a, b = nil, nil
	}
	defer closeBoth()
	for _, c := range script.Commands {
		if c.Type == "module" {
			closeBoth()
			wasm, err := os.ReadFile(filepath.Join(filepath.Dir(path), c.Filename))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = wasmtime.open(t.Context(), wasm); err != nil {
				b = nil // imports, or no more allowed there
				continue
			}
			if a, err = ours.open(t.Context(), wasm); err != nil {
				t.Errorf("%s: %v", c.Filename, err)
				a = nil
			}
			continue
		}
		args, ok := numbers(c.Action.Args)
		if _, numeric := numbers(c.Expected); a == nil || b == nil || c.Type != "assert_return" || c.Action.Type != "invoke" || c.Action.Module != "" || !ok || !numeric {
			continue
		}
		_, want, err := b.call(t.Context(), c.Action.Field, args...)
		if err != nil {
			continue // it needs what a module that was left out does to it
		}
		_, got, err := a.call(t.Context(), c.Action.Field, args...)
		if err != nil {
			t.Errorf("line %d: %v", c.Line, err)
			continue
		}
		calls++
		if got != want {
			t.Errorf("line %d: %s: fuel %d, under Wasmtime %d", c.Line, c.Action.Field, got, want)
		}
	}
	return calls
}

// numbers gives the bits of values, if all are i32, i64, f32 or f64. NaN
// patterns (only in expectations) count as 0.
func numbers(values []specValue) ([]uint64, bool) {
	words := []uint64{}
	for _, v := range values {
		if !slices.Contains([]string{"i32", "i64", "f32", "f64"}, v.Type) {
			return nil, false
		}
		var text string
		if json.Unmarshal(v.Value, &text) != nil {
			return nil, false
		}
		n, _ := strconv.ParseUint(text, 10, 64)
		words = append(words, n)
	}
	return words, true
}
