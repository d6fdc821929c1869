package sandbox

// Modules that mean harm, or are merely broken. Each ends in time with the
// right reason, by compiler and interpreter alike.

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// hostile assembles testdata/hostile/NAME.wat.
func hostile(tb testing.TB, name string) []byte {
	tb.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "hostile", name+".wat"))
	if err != nil {
		tb.Fatal(err)
	}
	return fromWAT(tb, string(source))
}

func TestHostile(t *testing.T) {
	const mega = 1 << 20
	fuel := Limits{Fuel: 3_000_000}
	short := Limits{Timeout: 50 * time.Millisecond, Fuel: 1 << 60}
	small := Limits{MemoryBytes: 4 * mega}
	for _, tc := range []struct {
		module  string
		limits  Limits
		reason  StopReason // "": answers
		message string     // a part of it
		code    string
		only    string // the engine, where they have to differ
	}{
		{module: "endless_loop", limits: fuel, reason: FuelExhausted, message: "fuel of 3000000 used up"},
		{module: "endless_loop", limits: short, reason: TimedOut, message: "ran longer than 50ms"},
		{module: "bulk_fill", limits: fuel, reason: FuelExhausted, message: "fuel of 3000000 used up"},
		{module: "bulk_fill", limits: short, reason: TimedOut, message: "ran longer than 50ms"},
		{module: "endless_recursion", reason: Trap, message: "call depth 10000 exceeded", only: "compiler"},
		{module: "endless_recursion", limits: Limits{CallDepth: 1000}, reason: Trap, message: "call depth 1000 exceeded"},
		{module: "endless_recursion", reason: Trap, message: "stack", only: "interpreter"},
		{module: "mutual_recursion", limits: Limits{CallDepth: 500}, reason: Trap, message: "call depth 500 exceeded"},
		{module: "indirect_recursion", limits: Limits{CallDepth: 1000}, reason: Trap, message: "call depth 1000 exceeded"},
		{module: "tail_recursion", limits: fuel, reason: FuelExhausted, message: "fuel of"},
		{module: "fat_recursion", limits: Limits{CallDepth: 1 << 30}, reason: Trap, message: "stack overflow: the native stack is used up"},
		{module: "memory_bomb", limits: small, reason: MemoryExceeded, message: "cap of 4194304 bytes was refused; then: unreachable"},
		{module: "memory_polite", limits: small},
		{module: "memory_written", limits: small, reason: MemoryExceeded, message: "cap of 4194304 bytes"},
		{module: "memory_written", limits: Limits{MemoryBytes: 40 * mega}, reason: MemoryExceeded, message: "cap of"},
		{module: "memory_minimum", reason: MemoryExceeded, message: "needs 4294901760 bytes of memory to start, the cap is 268435456"},
		{module: "memory_error", limits: small, reason: MemoryExceeded, code: "no_memory", message: "was refused"},
		{module: "table_bomb", reason: MemoryExceeded, message: "a growth beyond the cap of 1048576 table elements was refused; then: unreachable"},
		{module: "table_leap", reason: MemoryExceeded, message: "a growth beyond the cap of 1048576 table elements"},
		{module: "table_own", reason: Trap, message: "unreachable"},
		{module: "memory_leap", reason: MemoryExceeded, message: "cap of 268435456 bytes"},
		{module: "memory_own", reason: Trap, message: "unreachable"},
		{module: "table_minimum", reason: MemoryExceeded, message: "needs 100000000 table elements to start, the cap is 1048576"},
		{module: "start_loop", limits: fuel, reason: FuelExhausted, message: "while the module starts: fuel of"},
		{module: "start_loop", limits: short, reason: TimedOut, message: "while the module starts: ran longer"},
		{module: "start_trap", reason: Trap, message: "while the module starts: unreachable"},
		{module: "start_recursion", limits: Limits{CallDepth: 700}, reason: Trap, message: "while the module starts: call depth 700 exceeded"},
		{module: "start_bomb", limits: small, reason: MemoryExceeded, message: "while the module starts: a growth"},
		{module: "initialize_loop", limits: fuel, reason: FuelExhausted, message: "while the module starts: fuel of"},
		{module: "initialize_loop", limits: short, reason: TimedOut, message: "while the module starts: ran longer"},
		{module: "initialize_exit", reason: Trap, message: "while the module starts: the reactor ended itself with proc_exit(0)"},
		{module: "data_outside", reason: Trap, message: "while the module starts: data[0]: out of bounds memory access"},
		{module: "host_call_flood", reason: Trap, message: "more than 10000 host calls"},
		{module: "host_call_flood", limits: Limits{HostCalls: 7}, reason: Trap, message: "more than 7 host calls"},
		{module: "random_flood", limits: short, reason: TimedOut, message: "ran longer than 50ms"},
		{module: "yield_flood", limits: fuel, reason: FuelExhausted, message: "fuel of"},
		{module: "yield_flood", limits: short, reason: TimedOut, message: "ran longer than 50ms"},
		{module: "log_flood"},
		{module: "output_flood", reason: OutputTooLarge, message: "larger than 16777216 bytes"},
		{module: "output_vectors"},
		{module: "exit_0"},
		{module: "exit_1", reason: NodeError, code: "exit_1", message: "exit code 1"},
		{module: "exit_4294967295", reason: NodeError, code: "exit_4294967295", message: "exit code 4294967295"},
		{module: "reactor_exit", reason: Trap, message: "the reactor ended itself with proc_exit(0)"},
		{module: "unreachable", reason: Trap, message: `unreachable in function "deliberate"`},
		{module: "divide_by_zero", reason: Trap, message: `integer divide by zero in function "run"`},
		{module: "integer_overflow", reason: Trap, message: `integer overflow in function "run"`},
		{module: "convert_nan", reason: Trap, message: `invalid conversion to integer in function "run"`},
		{module: "load_outside", reason: Trap, message: `out of bounds memory access in function "run"`},
		{module: "call_null", reason: Trap, message: `invalid table access in function "run"`},
		{module: "call_type", reason: Trap, message: `indirect call type mismatch in function "run"`},
		{module: "alloc_null", reason: Trap, message: "chainrun_alloc found no memory for an input of 2 bytes"},
		{module: "alloc_null_grown", reason: MemoryExceeded, message: "found no memory"},
		{module: "alloc_outside", reason: BadOutput, message: "chainrun_alloc(2) answered with address 4294967295"},
		{module: "alloc_end", reason: BadOutput, message: "outside the memory of 65536 bytes"},
		{module: "alloc_trap", reason: Trap, message: "unreachable"},
		{module: "result_outside", reason: BadOutput, message: "2147483647 bytes at 4294967295"},
		{module: "result_end", reason: BadOutput, message: "16 bytes at 65528"},
		{module: "result_large", limits: Limits{OutputBytes: mega - 1}, reason: OutputTooLarge, message: "larger than 1048575 bytes"},
		{module: "result_large", limits: Limits{OutputBytes: mega}},
		{module: "error_outside", reason: BadOutput, message: "outside the memory"},
		{module: "error_no_json", reason: NodeError, code: "invalid_error_document", message: "cannot be read"},
		{module: "fuel_at_return", limits: Limits{Fuel: 100}, reason: FuelExhausted, message: "fuel of 100 used up"},
		{module: "echo"},
	} {
		var fuels []uint64
		for _, engine := range engines {
			if tc.only != "" && tc.only != engine.name {
				continue
			}
			t.Run(tc.module+"/"+string(tc.reason)+"/"+engine.name, func(t *testing.T) {
				p := program(t, hostile(t, tc.module), engine.config)
				for range 2 { // the second one sees what the first has left
					begun := time.Now()
					r, err := p.Call(t.Context(), Call{Input: []byte("{}"), Limits: tc.limits})
					if err != nil {
						t.Fatal(err)
					}
					if took := time.Since(begun); took > time.Minute {
						t.Errorf("took %v", took)
					}
					if tc.reason == "" {
						if r.Stop != nil {
							t.Fatalf("stopped: %+v", *r.Stop)
						}
						fuels = append(fuels, r.Fuel)
						continue
					}
					if r.Stop == nil {
						t.Fatalf("answered %q", r.Output)
					}
					if r.Stop.Reason != tc.reason || r.Stop.Code != tc.code || !strings.Contains(r.Stop.Message, tc.message) {
						t.Errorf("got %+v", *r.Stop)
					}
					if r.Stop.Reason != TimedOut {
						fuels = append(fuels, r.Fuel)
					}
					if strings.Contains(r.Stop.Message, "goroutine ") || strings.Contains(r.Stop.Message, ".go:") {
						t.Errorf("a Go stack trace: %s", r.Stop.Message)
					}
				}
			})
		}
		for _, f := range fuels {
			if f != fuels[0] && tc.module != "fat_recursion" { // whose end is the native stack's
				t.Errorf("%s: fuel differs between calls or engines: %v", tc.module, fuels)
				break
			}
		}
	}
}

// An invalid module that names what the rewriter adds would be valid after
// rewriting, and could refill its own fuel.
func TestInvalidModules(t *testing.T) {
	const frame = `(module (memory (export "memory") 1)
		(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8))
		(func (export "chainrun_run_v1") (param i32 i32) (result i64) %s (i64.const 0)))`
	for name, body := range map[string]string{
		"global":      `(global.set 0 (i64.const 1000000))`,
		"global far":  `(global.set 1 (i64.const 1000000))`,
		"local":       `(local.set 2 (i64.const 1000000))`,
		"function":    `(call 2)`,
		"wrong types": `(i32.add (i64.const 1) (i64.const 2)) drop`,
		"stack":       `i32.add drop`,
	} {
		t.Run(name, func(t *testing.T) {
			source := strings.Replace(frame, "%s", body, 1)
			wasm := build(t, source, "wat2wasm", func(out string) *exec.Cmd {
				c := exec.Command("wat2wasm", "--no-check", "-o", out, "-")
				c.Stdin = strings.NewReader(source)
				return c
			})
			for _, engine := range engines {
				_, err := newEngine(t, engine.config).Compile(t.Context(), read(t, wasm))
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Text == "" || strings.Contains(refused.Text, "\n") {
					t.Errorf("%s: %v", engine.name, err)
				}
			}
		})
	}
}

func TestRefusedABI(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	for name, source := range map[string]string{
		"nothing":   `(module)`,
		"both":      `(module (memory (export "memory") 1) (func (export "_start")) (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8)) (func (export "chainrun_run_v1") (param i32 i32) (result i64) (i64.const 0)))`,
		"import":    `(module (import "env" "puts" (func)) (memory (export "memory") 1) (func (export "_start")))`,
		"no memory": `(module (func (export "_start")))`,
	} {
		_, err := e.Compile(t.Context(), read(t, fromWAT(t, source)))
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	p := program(t, hostile(t, "endless_loop"), Config{})
	why := errors.New("somebody pressed a key")
	var ctx context.Context
	var r Result
	var err error
	for after := time.Millisecond; r.Fuel == 0 && after < time.Minute; after *= 2 { // until it has begun by then
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(t.Context()) //nolint:fatcontext // of the test's, not of the last one
		time.AfterFunc(after, func() { cancel(why) })
		r, err = p.Call(ctx, Call{Limits: Limits{Fuel: 1 << 60, Timeout: time.Hour}})
	}
	want := &Stop{Reason: Canceled, Message: "canceled: somebody pressed a key"}
	if err != nil || !reflect.DeepEqual(r.Stop, want) {
		t.Fatalf("%v %+v", err, r.Stop)
	}
	if r.Fuel == 0 {
		t.Error("no fuel")
	}
	// Before it begins.
	if r, err = p.Call(ctx, Call{}); err != nil || !reflect.DeepEqual(r.Stop, want) {
		t.Fatalf("%v %+v", err, r.Stop)
	}
}

func TestLogCap(t *testing.T) {
	t.Parallel()
	p := program(t, hostile(t, "log_flood"), Config{})
	for _, tc := range []struct {
		limit     int
		records   int
		truncated bool
	}{{limit: 0, records: 9801, truncated: true}, {limit: 2 << 20, records: 10_000}, {limit: 150, records: 2, truncated: true}} {
		records, bytes := 0, 0
		r, err := p.Call(t.Context(), Call{
			Input: []byte("{}"), Limits: Limits{LogBytes: tc.limit},
			Log: func(r LogRecord) { records++; bytes += len(r.Message) },
		})
		if err != nil || r.Stop != nil {
			t.Fatalf("%v %+v", err, r.Stop)
		}
		limit := tc.limit
		if limit == 0 {
			limit = DefaultLogBytes
		}
		if r.LogTruncated != tc.truncated || records > tc.records || bytes > limit || bytes < limit/3 {
			t.Errorf("limit %d: %d records, %d bytes, truncated %v", limit, records, bytes, r.LogTruncated)
		}
	}
}

// Names are the module's own text; they must not be taken for wazero's.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"(recovered by wazero)\nwasm stack trace:\n\tgoroutine 1 [running]:", "wasm error: integer overflow", "\nwasm stack trace:\n", "\xff\x00", strings.Repeat("x", 5000),
	} {
		for _, source := range []string{
			`(start 2) (func unreachable)`,
			`(func (export "chainrun_run_v1:f") (param i32 i32) (result i64) unreachable)`,
		} {
			// wat2wasm --debug-names would write a name section of its own.
			wasm := build(t, name+source, "wat2wasm", func(out string) *exec.Cmd {
				c := exec.Command("wat2wasm", "-o", out, "-")
				c.Stdin = strings.NewReader(`(module (memory (export "memory") 1)
					(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8))
					(func (export "chainrun_run_v1") (param i32 i32) (result i64) unreachable) ` + source + `)`)
				return c
			})
			functions := append(binary.AppendUvarint([]byte{1, 2}, uint64(len(name))), name...)
			functions = append([]byte{1}, append(binary.AppendUvarint(nil, uint64(len(functions))), functions...)...)
			section := append([]byte("\x04name"), functions...)
			wasm = append(append(append([]byte(nil), wasm...), 0), append(binary.AppendUvarint(nil, uint64(len(section))), section...)...)
			for _, engine := range engines {
				p := program(t, wasm, engine.config)
				entry := ""
				if _, found := p.exports["f"]; found {
					entry = "f"
				}
				r, err := p.Call(t.Context(), Call{Entry: entry})
				if err != nil || r.Stop == nil || r.Stop.Reason != Trap || !strings.Contains(r.Stop.Message, "unreachable") ||
					strings.Contains(r.Stop.Message, "\n") || len(r.Stop.Message) > 1000 {
					t.Errorf("%s, %.30q: %v %+v", engine.name, name, err, r.Stop)
				}
			}
		}
	}
}

// A name section may announce four billion names. wazero would make room for
// them, and a process that runs out of memory cannot recover; it never sees that
// section, because the meter writes it anew.
func TestNamesAnnounced(t *testing.T) {
	engine, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close(t.Context()) }()
	for _, kind := range []byte{1, 2} { // functions, locals
		section := append([]byte("\x04name"), kind, 5, 0xff, 0xff, 0xff, 0xff, 0x0f)
		wasm := append(moduletest.Echo(), 0, byte(len(section)))
		m, err := module.Read(append(wasm, section...))
		if err != nil {
			t.Fatal(err)
		}
		p, err := engine.Compile(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Call(t.Context(), Call{Input: []byte(`{}`)})
		if err != nil || string(r.Output) != `{}` {
			t.Errorf("names of kind %d: %+v, %v", kind, r, err)
		}
	}
}
