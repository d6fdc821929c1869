package sandbox

// What a module says of itself, and what it must not do while it does.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

// describing is a reactor whose description runs body, which leaves an i64.
func describing(tb testing.TB, body string) *Program {
	tb.Helper()
	return program(tb, fromWAT(tb, `(module
  (import "chainrun_v1" "call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i64)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (global $seen (mut i32) (i32.const 0))
  (data (i32.const 0) "{\"name\":\"x\"}")
  (data (i32.const 16) "{\"code\":\"no_types\",\"message\":\"nothing to say\"}")
  (data (i32.const 100) "kv" "get" "node" "config" "log" "{\"level\":\"info\",\"message\":\"m\"}")
  (func $packed (param $at i32) (param $size i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $size))))
  (func $recurse (call $recurse) (call $recurse))
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "chainrun_run_v1") (param i32 i32) (result i64)
    (i32.store8 (i32.const 9) (i32.const 0x79)) ;; would be "y"
    (call $packed (i32.const 0) (i32.const 12)))
  (func (export "chainrun_describe_v1") (result i64) `+body+`))`), Config{})
}

func TestDescribe(t *testing.T) {
	answer := `(call $packed (i32.const 0) (i32.const 12))`
	for name, c := range map[string]struct {
		body   string
		limits Limits
		want   string
		stop   StopReason
		says   string
	}{
		"a manifest":           {body: answer, want: `{"name":"x"}`},
		"nothing":              {body: `(i64.const 0)`, want: ``},
		"an error document":    {body: `(i64.or (call $packed (i32.const 16) (i32.const 45)) (i64.const 0x80000000))`, stop: NodeError, says: "nothing to say"},
		"outside its memory":   {body: `(call $packed (i32.const 131072) (i32.const 1))`, stop: BadOutput, says: "chainrun_describe_v1"},
		"more than is read":    {body: `(drop (memory.grow (i32.const 30))) (call $packed (i32.const 0) (i32.const 1048577))`, stop: OutputTooLarge, says: "1048576"},
		"more than is asked":   {body: answer, limits: Limits{OutputBytes: 11}, stop: OutputTooLarge, says: "11"},
		"a trap":               {body: `(unreachable)`, stop: Trap},
		"an exit":              {body: `(call $exit (i32.const 0)) ` + answer, stop: Trap, says: "proc_exit"},
		"an endless loop":      {body: `(loop $l (br $l)) (i64.const 0)`, limits: Limits{Fuel: 1_000_000}, stop: FuelExhausted},
		"an endless recursion": {body: `(call $recurse) (i64.const 0)`, stop: Trap, says: "call depth"},
		"memory without end":   {body: `(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable))) (i64.const 0)`, limits: Limits{MemoryBytes: 1 << 20}, stop: MemoryExceeded},
		"it cannot even start": {body: answer, limits: Limits{MemoryBytes: 1 << 16}, stop: MemoryExceeded},
		"the fuel runs out":    {body: answer, limits: Limits{Fuel: 3}, stop: FuelExhausted},
		"capabilities are denied": {body: `
			(if (i64.ne (i64.shr_u (call $call (i32.const 100) (i32.const 2) (i32.const 102) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i64.const 32)) (i64.const 1)) (then (unreachable)))
			` + answer, want: `{"name":"x"}`},
		"there is no config, and a log that nobody reads": {body: `
			(if (i64.ne (call $call (i32.const 105) (i32.const 4) (i32.const 109) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i64.const 0)) (then (unreachable)))
			(if (i64.ne (call $call (i32.const 105) (i32.const 4) (i32.const 115) (i32.const 3) (i32.const 118) (i32.const 30) (i32.const 0) (i32.const 0)) (i64.const 0)) (then (unreachable)))
			` + answer, want: `{"name":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			p := describing(t, c.body)
			for range 2 {
				got, stop, err := p.Describe(t.Context(), c.limits)
				switch {
				case err != nil:
					t.Fatal(err)
				case c.stop == "" && (stop != nil || string(got) != c.want):
					t.Fatalf("got %q, %+v", got, stop)
				case c.stop != "" && (stop == nil || stop.Reason != c.stop || !strings.Contains(stop.Message, c.says) || got != nil):
					t.Fatalf("got %q, %+v, want %s: %s", got, stop, c.stop, c.says)
				}
			}
		})
	}
}

// What a description sees does not depend on what ran before it, nor on the
// machine; and no attempt sees what it left.
func TestDescribeStartsFresh(t *testing.T) {
	p := describing(t, `
		(drop (call $random (i32.const 2000) (i32.const 8)))
		(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 2008)))
		(global.set $seen (i32.add (global.get $seen) (i32.const 1)))
		(i32.store (i32.const 2016) (global.get $seen))
		(i32.store8 (i32.const 2020) (i32.load8_u (i32.const 9)))
		(i32.store8 (i32.const 8) (i32.const 0x7a))
		(call $packed (i32.const 2000) (i32.const 21))`)
	first, stop, err := p.Describe(t.Context(), Limits{})
	if err != nil || stop != nil || first[16] != 1 || first[20] != 'x' {
		t.Fatalf("%q, %+v, %v", first, stop, err)
	}
	for range 3 {
		r, err := p.Call(t.Context(), Call{Input: []byte(`{}`), Seed: [32]byte{9}})
		if err != nil || r.Stop != nil || string(r.Output) != `{"name":"y"}` {
			t.Fatalf("the attempt: %q, %+v, %v", r.Output, r.Stop, err)
		}
		again, stop, err := p.Describe(t.Context(), Limits{})
		if err != nil || stop != nil || string(again) != string(first) {
			t.Fatalf("%q, then %q, %+v, %v", first, again, stop, err)
		}
	}
}

func TestDescribeIsNotThere(t *testing.T) {
	for name, wat := range map[string]string{
		"a reactor without it": `(module (memory (export "memory") 1)
			(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8))
			(func (export "chainrun_run_v1") (param i32 i32) (result i64) (i64.const 0)))`,
		"a command": fmt.Sprintf(`(module (memory (export "memory") 1)
			(func (export "_start")) (func (export %q) (result i64) (i64.const 0)))`, module.ExportDescribe),
	} {
		if got, stop, err := program(t, fromWAT(t, wat), Config{}).Describe(t.Context(), Limits{}); !errors.Is(err, ErrNoDescribe) {
			t.Errorf("%s: %q, %+v, %v", name, got, stop, err)
		}
	}
	p := describing(t, `(i64.const 0)`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, stop, err := p.Describe(ctx, Limits{}); err != nil || stop == nil || stop.Reason != Canceled {
		t.Errorf("canceled: %q, %+v, %v", got, stop, err)
	}
}
