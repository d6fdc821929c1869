package sandbox

// chainrun_v1.call, from the host's side.

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// asker asks capability "c", method "m" with its input as the payload and
// answers with the answer, of which it takes at most 60,000 bytes.
const asker = `(module
	(import "chainrun_v1" "call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i64)))
	(memory (export "memory") 2) (data (i32.const 0) "cmnodelog")
	(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 65536))
	(func $answer (param $r i64) (result i64)
		(i64.or (i64.const 0x00000400_00000000)
			(i64.or (i64.shl (i64.shr_u (local.get $r) (i64.const 32)) (i64.const 31))
				(i64.and (local.get $r) (i64.const 0x7fffffff)))))
	(func (export "chainrun_run_v1") (param i32 i32) (result i64)
		(call $answer (call $call (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1)
			(local.get 0) (local.get 1) (i32.const 1024) (i32.const 60000))))
	(func (export "chainrun_run_v1:log") (param i32 i32) (result i64)
		(call $answer (call $call (i32.const 2) (i32.const 4) (i32.const 6) (i32.const 3)
			(local.get 0) (local.get 1) (i32.const 1024) (i32.const 60000)))))`

func TestHost(t *testing.T) {
	p := program(t, fromWAT(t, asker), Config{})
	for _, tc := range []struct {
		name   string
		answer HostAnswer
		limits Limits
		input  string
		output string
		stop   *Stop
	}{
		{name: "result", answer: HostAnswer{Result: []byte(`{"a":1}`)}, output: `{"a":1}`},
		{name: "nothing", output: ``},
		{
			name:   "failure",
			answer: HostAnswer{Failure: &HostFailure{Code: "capability_error", Reason: "http_429", Message: "later", Retryable: true}},
			stop:   &Stop{Reason: NodeError, Code: "capability_error", Message: "later", Retryable: true},
		},
		{
			name: "large payload", limits: Limits{OutputBytes: 150}, input: strings.Repeat("1", 151),
			stop: &Stop{Reason: NodeError, Code: "capability_error", Message: "a payload of 151 bytes, the cap is 150"},
		},
		{
			name: "large answer", answer: HostAnswer{Result: make([]byte, 151)}, limits: Limits{OutputBytes: 150},
			stop: &Stop{Reason: NodeError, Code: "capability_error", Message: "an answer of 151 bytes, the cap is 150"},
		},
		{
			name: "large", answer: HostAnswer{Result: make([]byte, 11)}, limits: Limits{OutputBytes: 10},
			stop: &Stop{Reason: OutputTooLarge, Message: "the output is larger than 10 bytes"}, // the failure document is, too
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := p.Call(t.Context(), Call{Input: []byte(cmp.Or(tc.input, "1")), Limits: tc.limits, Host: func(context.Context, HostCall) (HostAnswer, error) {
				return tc.answer, nil
			}})
			if err != nil || string(r.Output) != tc.output || !reflect.DeepEqual(r.Stop, tc.stop) {
				t.Errorf("%v %q %+v", err, r.Output, r.Stop)
			}
		})
	}
}

func TestHostError(t *testing.T) {
	p := program(t, fromWAT(t, asker), Config{})
	broken := errors.New("the journal is full")
	_, err := p.Call(t.Context(), Call{Host: func(context.Context, HostCall) (HostAnswer, error) { return HostAnswer{}, broken }})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "asking c.m: ") {
		t.Error(err)
	}
	// A panic is a bug of the host; it must not take the process down.
	_, err = p.Call(t.Context(), Call{Host: func(context.Context, HostCall) (HostAnswer, error) { panic("a bug") }})
	if err == nil || !strings.Contains(err.Error(), "a bug") || strings.Contains(err.Error(), "goroutine") {
		t.Error(err)
	}
}

func TestLogPanics(t *testing.T) {
	p := program(t, fromWAT(t, asker), Config{})
	_, err := p.Call(t.Context(), Call{Entry: "log", Input: []byte(`{"level":"info","message":"m"}`), Log: func(LogRecord) { panic("a bug") }})
	if err == nil || err.Error() != "logging for the node: panic: a bug" {
		t.Error(err)
	}
}

func TestHostPayloadIsACopy(t *testing.T) {
	p := program(t, fromWAT(t, asker), Config{})
	var kept [][]byte
	for _, input := range []string{"first", "other"} {
		_, err := p.Call(t.Context(), Call{Input: []byte(input), Host: func(_ context.Context, c HostCall) (HostAnswer, error) {
			kept = append(kept, c.Payload)
			return HostAnswer{}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if string(kept[0]) != "first" || string(kept[1]) != "other" {
		t.Errorf("%q", kept)
	}
}

// The wall clock and the caller reach a guest that waits for its host.
func TestHostIsInterrupted(t *testing.T) {
	p := program(t, fromWAT(t, asker), Config{})
	wait := func(ctx context.Context, _ HostCall) (HostAnswer, error) {
		<-ctx.Done()
		return HostAnswer{}, context.Cause(ctx)
	}
	r, err := p.Call(t.Context(), Call{Limits: Limits{Timeout: 50 * time.Millisecond}, Host: wait})
	if err != nil || !reflect.DeepEqual(r.Stop, &Stop{Reason: TimedOut, Message: "ran longer than 50ms"}) {
		t.Errorf("%v %+v", err, r.Stop)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	r, err = p.Call(ctx, Call{Host: func(ctx context.Context, c HostCall) (HostAnswer, error) {
		cancel(errors.New("enough"))
		return wait(ctx, c)
	}})
	if err != nil || !reflect.DeepEqual(r.Stop, &Stop{Reason: Canceled, Message: "canceled: enough"}) {
		t.Errorf("%v %+v", err, r.Stop)
	}
}

func TestLogRecords(t *testing.T) {
	p := program(t, fromWAT(t, asker), Config{})
	for _, tc := range []struct {
		payload string
		limit   int
		want    *LogRecord
		refused string
		cut     bool
	}{
		{payload: `{"level":"debug","message":"m"}`, want: &LogRecord{Level: "debug", Message: "m"}},
		{payload: `{"level":"error","message":"m","attrs":{"a":[1]}}`, want: &LogRecord{Level: "error", Message: "m", Attrs: []byte(`{"a":[1]}`)}},
		{payload: `{"level":"info","message":"m","attrs":null}`, want: &LogRecord{Level: "info", Message: "m"}},
		{payload: `{"level":"info","message":"long message"}`, limit: 4, want: &LogRecord{Level: "info", Message: "long"}, cut: true},
		{payload: `{"level":"loud","message":"m"}`, refused: "is none of debug, info, warn, error"},
		{payload: `{"level":"info","message":"m","attrs":[]}`, refused: "attrs is no object"},
		{payload: `hello`, refused: "node.log: invalid character"},
		{payload: ``, refused: "node.log:"},
	} {
		var got *LogRecord
		r, err := p.Call(t.Context(), Call{Entry: "log", Input: []byte(tc.payload), Limits: Limits{LogBytes: tc.limit}, Log: func(r LogRecord) { got = &r }})
		if err != nil || !reflect.DeepEqual(got, tc.want) || r.LogTruncated != tc.cut {
			t.Errorf("%s: %v %+v %+v", tc.payload, err, got, r)
		}
		if (r.Stop != nil) != (tc.refused != "") || r.Stop != nil && !strings.Contains(r.Stop.Message, tc.refused) {
			t.Errorf("%s: %+v", tc.payload, r.Stop)
		}
	}
}
