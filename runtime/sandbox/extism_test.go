package sandbox

// Extism plug-ins written here: what is promised to each, and hostile ones.

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// kernelImports declares all of Extism's functions that the plug-ins here use.
const kernelImports = `
	(import "extism:host/env" "input_length" (func $input_length (result i64)))
	(import "extism:host/env" "input_offset" (func $input_offset (result i64)))
	(import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
	(import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
	(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
	(import "extism:host/env" "free" (func $free (param i64)))
	(import "extism:host/env" "length" (func $length (param i64) (result i64)))
	(import "extism:host/env" "length_unsafe" (func $length_unsafe (param i64) (result i64)))
	(import "extism:host/env" "load_u8" (func $load_u8 (param i64) (result i32)))
	(import "extism:host/env" "load_u64" (func $load_u64 (param i64) (result i64)))
	(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
	(import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
	(import "extism:host/env" "input_set" (func $input_set (param i64 i64)))
	(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
	(import "extism:host/env" "error_set" (func $error_set (param i64)))
	(import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
	(import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
	(import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
	(import "extism:host/env" "http_request" (func $http_request (param i64 i64) (result i64)))
	(import "extism:host/env" "http_status_code" (func $http_status_code (result i32)))
	(import "extism:host/env" "http_headers" (func $http_headers (result i64)))
	(import "extism:host/env" "log_warn" (func $log_warn (param i64)))
	(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
	(memory (export "memory") 1)

	;; put gives a block of the kernel's with n bytes from an address of ours.
	(func $put (param $from i32) (param $n i32) (result i64)
		(local $to i64) (local $i i32)
		(local.set $to (call $alloc (i64.extend_i32_u (local.get $n))))
		(block $done (loop $next
			(br_if $done (i32.ge_u (local.get $i) (local.get $n)))
			(call $store_u8 (i64.add (local.get $to) (i64.extend_i32_u (local.get $i)))
				(i32.load8_u (i32.add (local.get $from) (local.get $i))))
			(local.set $i (i32.add (local.get $i) (i32.const 1)))
			(br $next)))
		(local.get $to))
	;; say makes a block the output.
	(func $say (param $block i64) (call $output_set (local.get $block) (call $length (local.get $block))))
	;; number makes eight bytes the output.
	(func $number (param $n i64) (local $at i64)
		(local.set $at (call $alloc (i64.const 8)))
		(call $store_u64 (local.get $at) (local.get $n))
		(call $output_set (local.get $at) (i64.const 8)))
`

// extismPlugin is a plug-in whose entry "run" has this body.
func extismPlugin(tb testing.TB, body string, more ...string) *Program {
	tb.Helper()
	return program(tb, fromWAT(tb, "(module"+kernelImports+strings.Join(more, "\n")+
		`(func (export "run") (result i32) (local $a i64) (local $b i64) `+body+`))`), Config{})
}

func TestExtismPlugin(t *testing.T) {
	const ok = " (i32.const 0)"
	for _, test := range []struct {
		name, body string
		call       Call
		output     string
		stop       *Stop
	}{
		{name: "nothing", body: ok},
		{name: "echo", body: `(call $output_set (call $input_offset) (call $input_length))` + ok, call: Call{Input: []byte("héllo")}, output: "héllo"},
		{name: "the first block", body: `(call $number (call $alloc (i64.const 1)))` + ok, output: "M\x00\x00\x00\x00\x00\x00\x00"},
		{name: "no block of no bytes", body: `(call $number (call $alloc (i64.const 0)))` + ok, output: strings.Repeat("\x00", 8)},
		{name: "length of what is no block", body: `(call $number (i64.add (call $length (i64.add (call $alloc (i64.const 9)) (i64.const 1))) (call $length (i64.const -1))))` + ok, output: strings.Repeat("\x00", 8)},
		{name: "input by eight", body: `(call $number (call $input_load_u64 (i64.const 1)))` + ok, call: Call{Input: []byte("123456789")}, output: "23456789"},
		{name: "input beyond its end", body: `(call $number (i64.or (call $input_load_u64 (i64.const 2)) (i64.extend_i32_u (call $input_load_u8 (i64.const -1)))))` + ok, call: Call{Input: []byte("123456789")}, output: strings.Repeat("\x00", 8)},
		{name: "an input that was freed", body: `(call $free (call $input_offset)) (call $number (call $input_length))` + ok, call: Call{Input: []byte("x")}, output: strings.Repeat("\x00", 8)},
		{name: "freed twice, split once", body: `(local.set $a (call $alloc (i64.const 40000))) (call $free (local.get $a)) (call $free (local.get $a)) (call $free (i64.const 3))
			(local.set $b (call $alloc (i64.const 30000))) (call $number (i64.sub (local.get $b) (local.get $a)))` + ok, output: "\x10\x27\x00\x00\x00\x00\x00\x00"},

		{name: "config", body: `(call $say (call $config_get (call $put (i32.const 0) (i32.const 1))))` + ok, call: Call{Config: []byte(`{"a":"text","b":1}`)}, output: "text"},
		{name: "config that is no text", body: `(call $say (call $config_get (call $put (i32.const 0) (i32.const 1))))` + ok, call: Call{Config: []byte(`{"a":{"b":[1.50]}}`)}, output: `{"b":[1.50]}`},
		{name: "no config", body: `(call $number (call $config_get (call $put (i32.const 0) (i32.const 1))))` + ok, output: strings.Repeat("\x00", 8)},
		{
			name: "config that is no object", body: `(drop (call $config_get (call $put (i32.const 0) (i32.const 1))))` + ok, call: Call{Config: []byte(`[1]`)},
			stop: &Stop{Reason: Trap, Message: "config_get: the config of an Extism plug-in is an object of settings: json: cannot unmarshal array into Go value of type map[string]json.RawMessage"},
		},
		{name: "feedback", body: `(call $say (call $config_get (call $put (i32.const 16) (i32.const 17))))` + ok, call: Call{Feedback: []byte(`[{"pointer":""}]`)}, output: `[{"pointer":""}]`},
		{name: "variables", body: `(call $var_set (call $put (i32.const 0) (i32.const 1)) (call $put (i32.const 16) (i32.const 8)))
			(call $var_set (call $put (i32.const 1) (i32.const 1)) (call $put (i32.const 0) (i32.const 1)))
			(call $var_set (call $put (i32.const 1) (i32.const 1)) (i64.const 0))
			(if (i64.ne (call $var_get (call $put (i32.const 1) (i32.const 1))) (i64.const 0)) (then (unreachable)))
			(call $say (call $var_get (call $put (i32.const 0) (i32.const 1))))` + ok, output: "CHAINRUN"},
		{
			name: "too much in variables", body: `(call $var_set (call $put (i32.const 0) (i32.const 1)) (call $alloc (i64.const 1048576)))` + ok,
			stop: &Stop{Reason: Trap, Message: "var_set: the variables of a plug-in hold less than 1048576 bytes together"},
		},

		{name: "a code", body: `(i32.const -7)`, stop: &Stop{Reason: NodeError, Code: "extism_error", Message: "run returned -7 and set no error"}},
		{name: "an error", body: `(call $error_set (call $put (i32.const 16) (i32.const 8))) (i32.const 1)`, stop: &Stop{Reason: NodeError, Code: "extism_error", Message: "CHAINRUN"}},
		{name: "an error and success", body: `(call $error_set (call $put (i32.const 16) (i32.const 8)))` + ok, stop: &Stop{Reason: NodeError, Code: "extism_error", Message: "CHAINRUN"}},
		{name: "an error taken back", body: `(call $error_set (call $put (i32.const 16) (i32.const 8))) (call $error_set (i64.const 0))` + ok},
		{name: "exit", body: `(call $proc_exit (i32.const 3)) (unreachable)`, stop: &Stop{Reason: NodeError, Code: "exit_3", Message: "exit code 3"}},
		{name: "exit 0", body: `(call $say (call $put (i32.const 16) (i32.const 8))) (call $proc_exit (i32.const 0)) (unreachable)`, output: "CHAINRUN"},
		{
			name: "an error and a trap", body: `(call $error_set (call $put (i32.const 16) (i32.const 8))) (unreachable)`,
			stop: &Stop{Reason: Trap, Message: `unreachable in function "run"; the plug-in's error: CHAINRUN`},
		},

		{name: "load at 0", body: `(call $load_u8 (i64.const 0))`, stop: outside("load_u8", 1, 0, 0)},
		{name: "load far away", body: `(drop (call $alloc (i64.const 1))) (drop (call $load_u64 (i64.const 0x10000000000)))` + ok, stop: outside("load_u64", 8, 1<<40, 65536)},
		{name: "load around the end", body: `(drop (call $alloc (i64.const 1))) (drop (call $load_u64 (i64.const -4)))` + ok, stop: outside("load_u64", 8, 1<<64-4, 65536)},
		{name: "store across the end", body: `(drop (call $alloc (i64.const 1))) (call $store_u64 (i64.const 65529) (i64.const 1))` + ok, stop: outside("store_u64", 8, 65529, 65536)},
		{name: "store behind the end", body: `(drop (call $alloc (i64.const 1))) (call $store_u8 (i64.const 65536) (i32.const 1))` + ok, stop: outside("store_u8", 1, 65536, 65536)},
		{name: "output outside", body: `(drop (call $alloc (i64.const 1))) (call $output_set (i64.const 77) (i64.const -70))` + ok, stop: outside("output_set", 1<<64-70, 77, 65536)},
		{name: "input outside", body: `(call $input_set (i64.const 77) (i64.const 1))` + ok, stop: outside("input_set", 1, 77, 0)},
		{name: "error outside", body: `(call $error_set (i64.const 5))` + ok, stop: outside("error_set", 1, 5, 0)},
		{name: "a header overwritten", body: `(local.set $a (call $alloc (i64.const 60000))) (call $store_u64 (i64.sub (local.get $a) (i64.const 8)) (i64.const -1)) (call $free (local.get $a))
			(if (i64.ne (call $length (local.get $a)) (i64.const 0)) (then (unreachable)))
			(if (i64.eqz (call $alloc (i64.const 50000))) (then (unreachable)))` + ok},
		{name: "lengths that a guest wrote", body: `(local.set $a (call $alloc (i64.const 8))) (call $store_u64 (i64.sub (local.get $a) (i64.const 8)) (i64.const -1))
			(call $log_warn (local.get $a)) (call $output_set (local.get $a) (call $length_unsafe (local.get $a)))` + ok},

		{name: "a block beyond all memory", body: `(i32.or (i64.ne (call $alloc (i64.const -1)) (i64.const 0)) (i64.ne (call $alloc (i64.const 0x100000000)) (i64.const 0)))`},
		{
			name: "memory used up", body: `(loop $more (br_if $more (i64.ne (call $alloc (i64.const 100000)) (i64.const 0)))) (i32.const 1)`, call: Call{Limits: Limits{MemoryBytes: 1 << 20}},
			stop: &Stop{Reason: MemoryExceeded, Code: "extism_error", Message: "a growth beyond the cap of 1048576 bytes was refused; then: run returned 1 and set no error"},
		},
		{
			name: "the cap is for both memories", body: `(drop (call $alloc (i64.const 500000))) (i32.eq (memory.grow (i32.const 8)) (i32.const -1))`, call: Call{Limits: Limits{MemoryBytes: 1 << 20}},
			stop: &Stop{Reason: MemoryExceeded, Code: "extism_error", Message: "a growth beyond the cap of 1048576 bytes was refused; then: run returned 1 and set no error"},
		},
		{
			name: "an input beyond the cap", body: ok, call: Call{Input: make([]byte, 128<<10), Limits: Limits{MemoryBytes: 128 << 10}},
			stop: &Stop{Reason: MemoryExceeded, Message: "an input of 131072 bytes does not fit beside the module's memory of 65536 bytes under the cap of 131072"},
		},
		{name: "an output beyond the cap", body: `(call $say (call $alloc (i64.const 101)))` + ok, call: Call{Limits: Limits{OutputBytes: 100}}, stop: outputTooLarge(100)},
		{
			name: "loads for ever", body: `(drop (call $alloc (i64.const 1))) (loop $more (drop (call $load_u8 (i64.const 77))) (br $more)) (unreachable)`, call: Call{Limits: Limits{Fuel: 3_000_000}},
			stop: &Stop{Reason: FuelExhausted, Message: `fuel of 3000000 used up in function "run"`},
		},
		{
			name: "lengths for ever", body: `(loop $more (drop (call $length (i64.const 77))) (br $more)) (unreachable)`, call: Call{Limits: Limits{Timeout: 20 * time.Millisecond}},
			stop: &Stop{Reason: TimedOut, Message: "ran longer than 20ms"},
		},
		{
			name: "logs for ever", body: `(loop $more (call $log_warn (call $put (i32.const 16) (i32.const 8))) (br $more)) (unreachable)`, call: Call{Limits: Limits{Fuel: 3_000_000}},
			stop: &Stop{Reason: FuelExhausted, Message: `fuel of 3000000 used up in function "put", called by "run"`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := extismPlugin(t, test.body, `(data (i32.const 0) "ab") (data (i32.const 16) "CHAINRUN_FEEDBACK")`)
			c := test.call
			c.Entry = "run"
			var fuel uint64
			for range 3 { // what one leaves behind no other sees
				r, err := p.Call(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(r.Stop, test.stop) || string(r.Output) != test.output {
					t.Fatalf("output %q, stop %+v\nexpected %q, %+v", r.Output, r.Stop, test.output, test.stop)
				}
				if fuel != 0 && r.Fuel != fuel && (r.Stop == nil || r.Stop.Reason != TimedOut) {
					t.Errorf("fuel %d, then %d", fuel, r.Fuel)
				}
				fuel = r.Fuel
			}
		})
	}
}

func outside(what string, n, offset uint64, memory int) *Stop {
	return &Stop{Reason: Trap, Message: fmt.Sprintf("%s: %d bytes at offset %d lie outside the memory of %d bytes", what, n, offset, memory)}
}

// What an attempt writes into the kernel's memory, its variables and its own, no
// other one finds: not in blocks, and not where no block is.
func TestExtismFresh(t *testing.T) {
	p := extismPlugin(t, `
		(local.set $a (i64.or (call $load_u64 (i64.const 60000))
			(i64.or (call $var_get (call $put (i32.const 0) (i32.const 1)))
				(i64.or (call $load_u64 (call $alloc (i64.const 64))) (i64.load (i32.const 4096))))))
		(call $store_u64 (i64.const 60000) (i64.const -1))
		(call $store_u64 (call $alloc (i64.const 3000000)) (i64.const -1))
		(call $var_set (call $put (i32.const 0) (i32.const 1)) (call $put (i32.const 0) (i32.const 1)))
		(i64.store (i32.const 4096) (i64.const -1))
		(i64.ne (local.get $a) (i64.const 0))`, `(data (i32.const 0) "a")`)
	for range 5 {
		r, err := p.Call(t.Context(), Call{Entry: "run", Input: []byte("x")})
		if err != nil || r.Stop != nil {
			t.Fatal(err, r.Stop)
		}
		if r.PeakMemoryBytes < 3_000_000 || r.PeakMemoryBytes > 3_300_000 {
			t.Errorf("peak of %d bytes", r.PeakMemoryBytes)
		}
	}
}

// Start-ups run in the order of Extism's runtimes; one that asks the kernel does so
// in each attempt, because each has its own answers.
func TestExtismStartUp(t *testing.T) {
	note := func(n int) string {
		return fmt.Sprintf(`(global.set $seen (i64.add (i64.mul (global.get $seen) (i64.const 10)) (i64.const %d)))`, n)
	}
	const seen = `(global $seen (mut i64) (i64.const 0)) (data (i32.const 0) "a")`
	const said = `(call $number (global.get $seen)) (i32.const 0)`
	initialize, constructors := `(func (export "_initialize") `+note(1)+`)`, `(func (export "__wasm_call_ctors") `+note(2)+`)`
	haskell := `(func (export "hs_init") (param i32 i32) ` + note(3) + `)`
	for _, test := range []struct {
		name    string
		exports []string
		want    string
	}{
		{"none", nil, "\x00"},
		{"_initialize before constructors", []string{constructors, initialize}, "\x01"},
		{"constructors", []string{constructors}, "\x02"},
		{"Haskell", []string{haskell, initialize, constructors}, "\x0d"},
		{"Haskell alone", []string{haskell, constructors}, "\x03"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := extismPlugin(t, said, append(test.exports, seen)...)
			for range 2 {
				r, err := p.Call(t.Context(), Call{Entry: "run"})
				if err != nil || r.Stop != nil || string(r.Output[:1]) != test.want {
					t.Fatalf("%q %+v %v", r.Output, r.Stop, err)
				}
			}
		})
	}

	late := extismPlugin(t, said, seen, `(func (export "_initialize")
		(global.set $seen (i64.extend_i32_u (call $load_u8 (call $config_get (call $put (i32.const 0) (i32.const 1)))))))`)
	for _, config := range []string{`{"a":"x"}`, `{"a":"y"}`, `{"a":"x"}`} {
		r, err := late.Call(t.Context(), Call{Entry: "run", Config: []byte(config)})
		if err != nil || r.Stop != nil || r.Output[0] != config[6] {
			t.Fatalf("%s: %q %+v %v", config, r.Output, r.Stop, err)
		}
	}
	r, err := late.Call(t.Context(), Call{Entry: "run"})
	want := &Stop{Reason: Trap, Message: "while the module starts: load_u8: 1 bytes at offset 0 lie outside the memory of 65536 bytes"}
	if err != nil || !reflect.DeepEqual(r.Stop, want) {
		t.Errorf("%+v %v", r.Stop, err)
	}
}

func TestExtismHTTP(t *testing.T) {
	const body = `
		(local.set $a (call $http_request (call $put (i32.const 0) (i32.const 67)) (call $put (i32.const 100) (i32.const 3))))
		(if (i32.ne (call $http_status_code) (i32.const 404)) (then (unreachable)))
		(call $say (local.get $a))
		(if (i64.eqz (local.get $a)) (then (call $say (call $http_headers))))
		(i32.const 0)`
	p := func(t *testing.T, sent string) *Program {
		t.Helper()
		return extismPlugin(t, body, `(data (i32.const 0) "{\22url\22:\22http://a.example/?<b>\22,\22method\22:\22put\22,\22headers\22:{\22X\22:\22y\22}} ")`, `(data (i32.const 100) "`+sent+`")`)
	}
	for _, test := range []struct {
		name, sent string
		answer     HostAnswer
		err        error
		payload    string
		output     string
		stop       *Stop
	}{
		{
			name: "text", sent: "x<y", answer: HostAnswer{Result: []byte(`{"status":404,"headers":{"b":["1","2"]},"body_base64":"AP8="}`)},
			payload: `{"url":"http://a.example/?<b>","method":"PUT","headers":{"X":"y"},"body":"x<y","as":"base64","any_status":true}`, output: "\x00\xff",
		},
		{
			name: "bytes, and no answer but headers", sent: `\ff\00a`, answer: HostAnswer{Result: []byte(`{"status":404,"headers":{"b":["1","2"],"A":["x"]},"body_base64":""}`)},
			payload: `{"url":"http://a.example/?<b>","method":"PUT","headers":{"X":"y"},"body_base64":"/wBh","as":"base64","any_status":true}`, output: `{"a":"x","b":"1,2"}`,
		},
		{name: "a host of one's own", sent: "abc", answer: HostAnswer{Result: []byte(`{"status":404,"json":{"a": 1}}`)}, output: `{"a": 1}`},
		{
			name: "denied", sent: "abc", answer: HostAnswer{Failure: &HostFailure{Code: "capability_denied", Reason: "host_not_granted", Message: "no", Retryable: false}},
			stop: &Stop{Reason: NodeError, Code: "capability_denied", Message: "http_request: no"},
		},
		{
			name: "failed", sent: "abc", answer: HostAnswer{Failure: &HostFailure{Code: "capability_error", Reason: "timeout", Message: "late", Retryable: true}},
			stop: &Stop{Reason: NodeError, Code: "capability_error", Message: "http_request: late", Retryable: true},
		},
		{name: "our own failure", sent: "abc", err: errors.New("broken")},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked []HostCall
			r, err := p(t, test.sent).Call(t.Context(), Call{Entry: "run", Host: func(_ context.Context, c HostCall) (HostAnswer, error) {
				asked = append(asked, c)
				return test.answer, test.err
			}})
			if test.err != nil {
				if !errors.Is(err, test.err) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(r.Stop, test.stop) || string(r.Output) != test.output {
				t.Fatalf("%q %+v %v", r.Output, r.Stop, err)
			}
			if len(asked) != 1 || asked[0].Capability != "fetch" || asked[0].Method != "request" {
				t.Fatalf("asked %+v", asked)
			}
			if test.payload != "" && string(asked[0].Payload) != test.payload {
				t.Errorf("asked %s", asked[0].Payload)
			}
		})
	}
	r, err := p(t, "abc").Call(t.Context(), Call{Entry: "run"})
	if err != nil || r.Stop == nil || r.Stop.Code != "capability_denied" {
		t.Errorf("without a host: %+v %v", r.Stop, err)
	}
}

// A plug-in needs no memory, nor a result, and may use the names from before
// Extism 1.0.
func TestExtismForms(t *testing.T) {
	for name, wat := range map[string]string{
		"no memory": `(module
			(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
			(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
			(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
			(func (export "run") (local $a i64) (local.set $a (call $alloc (i64.const 1)))
				(call $store_u8 (local.get $a) (i32.const 0x178)) (call $output_set (local.get $a) (i64.const 1))))`,
		"old names": `(module
			(import "env" "extism_alloc" (func $alloc (param i64) (result i64)))
			(import "env" "extism_store_u8" (func $store_u8 (param i64 i32)))
			(import "env" "extism_output_set" (func $output_set (param i64 i64)))
			(memory (export "memory") 1)
			(func (export "_start") unreachable)
			(func (export "run") (result i32) (local $a i64) (local.set $a (call $alloc (i64.const 1)))
				(call $store_u8 (local.get $a) (i32.const 0x78)) (call $output_set (local.get $a) (i64.const 1)) (i32.const 0)))`,
		"a program": `(module
			(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
			(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
			(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
			(memory (export "memory") 1)
			(func (export "_start") (local $a i64) (local.set $a (call $alloc (i64.const 1)))
				(call $store_u8 (local.get $a) (i32.const 0x78)) (call $output_set (local.get $a) (i64.const 1))))`,
	} {
		for _, e := range engines {
			t.Run(name+"/"+e.name, func(t *testing.T) {
				p := program(t, fromWAT(t, wat), e.config)
				entries := p.Module().Entries()
				for range 2 {
					r, err := p.Call(t.Context(), Call{Entry: entries[len(entries)-1]})
					if err != nil || r.Stop != nil || string(r.Output) != "x" {
						t.Errorf("%q %+v %v", r.Output, r.Stop, err)
					}
				}
				if _, err := p.Call(t.Context(), Call{}); !errors.Is(err, ErrNoEntry) {
					t.Errorf("without an entry: %v", err)
				}
				if _, _, err := p.Describe(t.Context(), Limits{}); !errors.Is(err, ErrNoDescribe) {
					t.Errorf("describe: %v", err)
				}
			})
		}
	}
}

func TestExtismLog(t *testing.T) {
	p := extismPlugin(t, `(call $log_warn (call $put (i32.const 0) (i32.const 2))) (call $log_warn (i64.const 9)) (i32.const 0)`, `(data (i32.const 0) "a\ff")`)
	var got []LogRecord
	r, err := p.Call(t.Context(), Call{Entry: "run", Log: func(r LogRecord) { got = append(got, r) }})
	want := []LogRecord{{Level: "warn", Message: "a\ufffd"}, {Level: "warn"}}
	if err != nil || r.Stop != nil || !slices.EqualFunc(got, want, func(a, b LogRecord) bool { return reflect.DeepEqual(a, b) }) {
		t.Errorf("%+v %+v %v", got, r.Stop, err)
	}
}
