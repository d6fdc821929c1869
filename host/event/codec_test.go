package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

func TestEncodingIsWrittenDown(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
	a := event.Attempt{Step: "check[2]", Node: "check", Number: 3}
	f := failure.Failure{Code: failure.InvalidOutput, Message: "no <title>", Violations: []failure.Violation{{Pointer: "/a", Keyword: "type", Message: "m", Found: "1"}}}
	for _, c := range []struct {
		body event.Body
		want string
	}{
		{
			event.RunStarted{Graph: "g", Plan: "sha256:0", Input: document.MustParse(`{"a": 1.0}`), Seed: event.Seed{31: 255}},
			`"type":"run_started",…,"graph":"g","plan":"sha256:0","seed":"` + strings.Repeat("0", 62) + `ff","input":{"a": 1.0}`,
		},
		{event.AttemptStarted{Attempt: a}, `"type":"attempt_started",…,"step":"check[2]","node":"check","attempt":3`},
		{
			event.AttemptSucceeded{Attempt: a, Output: document.MustParse(`"<&>"`), Fuel: 1 << 63},
			`"type":"attempt_succeeded",…,"step":"check[2]","node":"check","attempt":3,"fuel":9223372036854775808,"output":"<&>"`,
		},
		{
			event.AttemptFailed{Attempt: a, Failure: f, Output: document.Null(), Fuel: 2},
			`"type":"attempt_failed",…,"step":"check[2]","node":"check","attempt":3,"fuel":2,"failure":{"code":"invalid_output","message":"no <title>","violations":[{"pointer":"/a","keyword":"type","message":"m","found":"1"}]},"output":null`,
		},
		{
			event.AttemptSucceeded{Attempt: a, Output: document.Null(), Stored: []event.Stored{
				{Space: "s", Key: "<k>", Value: document.MustParse(`{"n": 1}`)},
				{Space: "s", Key: "gone"},
				{Space: "s", Key: "n", Add: document.MustParse(`1.50`)},
			}},
			`"type":"attempt_succeeded",…,"step":"check[2]","node":"check","attempt":3,"fuel":0,"output":null,"stored":[{"space":"s","key":"<k>","value":{"n": 1}},{"space":"s","key":"gone"},{"space":"s","key":"n","add":1.50}]`,
		},
		{
			event.CapabilityAnswered{
				Attempt: a, Ordinal: 2, Capability: "llm", Method: "chat", Key: "0f", Request: document.MustParse(`{"q": 1}`), Answer: document.MustParse(`[1.0]`),
				Usage: event.Usage{Calls: 1, Bytes: 13, InputTokens: 20, OutputTokens: 30, Cost: 1_250_000},
			},
			`"type":"capability_answered",…,"step":"check[2]","node":"check","attempt":3,"ordinal":2,"capability":"llm","method":"chat","key":"0f","request":{"q": 1},"answer":[1.0],"usage":{"calls":1,"bytes":13,"input_tokens":20,"output_tokens":30,"cost":0.00125}`,
		},
		{
			event.CapabilityAnswered{Attempt: a, Ordinal: 1, Capability: "x", Method: "y", Failure: &failure.Failure{Code: failure.CapabilityDenied, Message: "no"}},
			`"type":"capability_answered",…,"step":"check[2]","node":"check","attempt":3,"ordinal":1,"capability":"x","method":"y","key":"","failure":{"code":"capability_denied","message":"no"},"usage":{"calls":0,"bytes":0,"input_tokens":0,"output_tokens":0,"cost":0}`,
		},
		{event.StepSkipped{Step: "a", Node: "a"}, `"type":"step_skipped",…,"step":"a","node":"a"`},
		{
			event.StepFailed{Step: "a", Node: "a", Failure: failure.Failure{Code: failure.MaxVisits, Message: "m"}},
			`"type":"step_failed",…,"step":"a","node":"a","failure":{"code":"max_visits","message":"m"}`,
		},
		{event.StepSucceeded{Step: "a", Node: "a"}, `"type":"step_succeeded",…,"step":"a","node":"a"`},
		{event.SignalReceived{Step: "a", Document: document.MustParse(`{"ok": true}`)}, `"type":"signal_received",…,"step":"a","document":{"ok": true}`},
		{
			event.RunStarted{Graph: "g", Input: document.Null(), Parallel: 4},
			`"type":"run_started",…,"graph":"g","plan":"","seed":"` + strings.Repeat("0", 64) + `","input":null,"parallel":4`,
		},
		{
			event.RunStarted{Graph: "g", Input: document.Null(), Engine: "e", Forked: &event.Forked{
				Run: "r0", Step: "a", Input: document.MustParse(`[ ]`), State: []document.Field{{Key: "k", Value: document.MustParse(`1.0`)}, {Key: "l", Value: document.Null()}},
			}},
			`"type":"run_started",…,"graph":"g","plan":"","seed":"` + strings.Repeat("0", 64) + `","input":null,"engine":"e","forked":{"run":"r0","step":"a","input":[ ],"state":[{"key":"k","value":1.0},{"key":"l","value":null}]}`,
		},
		{
			event.AttemptSucceeded{Attempt: a, Output: document.Null(), CacheKey: "0f", From: &event.Origin{Run: "r0", Attempt: event.Attempt{Step: "x", Node: "x", Number: 2}}},
			`"type":"attempt_succeeded",…,"step":"check[2]","node":"check","attempt":3,"fuel":0,"output":null,"cache_key":"0f","from":{"run":"r0","step":"x","node":"x","attempt":2}`,
		},
		{
			event.AttemptFailed{Attempt: a, Failure: failure.Failure{Code: failure.Trap, Message: "m"}, From: &event.Origin{Run: "r0", Attempt: a}},
			`"type":"attempt_failed",…,"step":"check[2]","node":"check","attempt":3,"fuel":0,"failure":{"code":"trap","message":"m"},"from":{"run":"r0","step":"check[2]","node":"check","attempt":3}`,
		},
		{
			event.CapabilityAnswered{Attempt: a, Ordinal: 1, Took: 12 * time.Microsecond},
			`"type":"capability_answered",…,"step":"check[2]","node":"check","attempt":3,"ordinal":1,"capability":"","method":"","key":"","usage":{"calls":0,"bytes":0,"input_tokens":0,"output_tokens":0,"cost":0},"took_us":12`,
		},
		{event.RunResumed{Engine: "e"}, `"type":"run_resumed",…,"engine":"e"`},
		{event.RunResumed{Cassette: true}, `"type":"run_resumed",…,"cassette":true`},
		{
			event.RunStarted{Graph: "g", Input: document.Null(), Cassette: true},
			`"type":"run_started",…,"graph":"g","plan":"","seed":"` + strings.Repeat("0", 64) + `","input":null,"cassette":true`,
		},
		{event.TimerFired{Timer: "retry/a/2"}, `"type":"timer_fired",…,"timer":"retry/a/2"`},
		{event.CancelRequested{Reason: "enough"}, `"type":"cancel_requested",…,"reason":"enough"`},
		{event.RunResumed{}, `"type":"run_resumed",…`},
		{event.RunFinished{Status: event.Done, Output: document.MustParse(`[]`)}, `"type":"run_finished",…,"status":"done","output":[]`},
		{
			event.RunFinished{Status: event.Failed, Failure: &failure.Failure{Code: failure.Deadline, Message: "m"}},
			`"type":"run_finished",…,"status":"failed","failure":{"code":"deadline","message":"m"}`,
		},
	} {
		e := event.Event{Run: "r1", Seq: 7, Time: at, Body: c.body}
		b, err := event.Encode(e)
		want := `{"version":1,` + strings.Replace(c.want, "…", `"run":"r1","seq":7,"time":"2026-03-01T12:00:00.000005Z"`, 1) + "}"
		if err != nil || string(b) != want {
			t.Errorf("got  %s\nwant %s\n%v", b, want, err)
		}
		checkRoundTrip(t, e)
	}
}

// checkRoundTrip shows that an event comes back as it was, byte for byte.
func checkRoundTrip(t rapid.TB, e event.Event) {
	t.Helper()
	b, err := event.Encode(e)
	if err != nil {
		t.Fatalf("encoding %+v: %v", e, err)
	}
	back, err := event.Decode(b)
	if err != nil {
		t.Fatalf("decoding %s: %v", b, err)
	}
	if got, want := bare(back), bare(e); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v\nby %s", got, want, b)
	}
	again, err := event.Encode(back)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("encoded again: %s, %v; first: %s", again, err, b)
	}
	line, err := event.Line(e)
	if err != nil || bytes.ContainsAny(line, "\n\r") || !json.Valid(line) {
		t.Fatalf("%q is no line of JSON: %v", line, err)
	}
}

// bare takes an event's documents out as text, which DeepEqual can compare.
func bare(e event.Event) []any {
	text := func(d document.Document) string { return string(d.Bytes()) }
	list := []any{e.Run, e.Seq, e.Time}
	switch b := e.Body.(type) {
	case event.RunStarted:
		list = append(list, text(b.Input))
		b.Input = document.Document{}
		if f := b.Forked; f != nil {
			list = append(list, f.Run, f.Step, text(f.Input))
			for _, v := range f.State {
				list = append(list, v.Key, text(v.Value))
			}
			b.Forked = nil
		}
		return append(list, b)
	case event.AttemptSucceeded:
		list = append(list, text(b.Output))
		for _, s := range b.Stored {
			list = append(list, s.Space, s.Key, s.Value.IsZero(), text(s.Value), s.Add.IsZero(), text(s.Add))
		}
		b.Output, b.Stored = document.Document{}, nil
		return append(list, b)
	case event.CapabilityAnswered:
		list = append(list, text(b.Request), text(b.Answer), b.Failure)
		b.Request, b.Answer = document.Document{}, document.Document{}
		return append(list, b)
	case event.SignalReceived:
		list = append(list, text(b.Document))
		b.Document = document.Document{}
		return append(list, b)
	case event.AttemptFailed:
		list = append(list, text(b.Output))
		b.Output = document.Document{}
		return append(list, b)
	case event.RunFinished:
		list = append(list, text(b.Output))
		b.Output = document.Document{}
		return append(list, b)
	default:
		return append(list, e.Body)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkRoundTrip(t, drawEvent(t)) })
}

func drawEvent(t *rapid.T) event.Event {
	text := rapid.String()
	documents := rapid.Custom(func(t *rapid.T) document.Document {
		return document.MustParse(rapid.SampledFrom([]string{
			"null", "1.50", "{\n \"a\" :\r\n[1, 2]\t}", `"\u0000\ud83d\ude00 <&>"`, `12345678901234567890e-3`, "[]", `"😀"`,
		}).Draw(t, "document"))
	})
	failures := rapid.Custom(func(t *rapid.T) failure.Failure {
		f := failure.Failure{
			Code: rapid.SampledFrom(failure.Codes()).Draw(t, "code"), Reason: text.Draw(t, "reason"), Message: text.Draw(t, "message"),
			Node: text.Draw(t, "node"), Step: text.Draw(t, "step"), Attempt: rapid.IntRange(0, 9).Draw(t, "number"),
			Retryable: rapid.Bool().Draw(t, "retryable"), RetryAfter: time.Duration(rapid.Int64Min(0).Draw(t, "after")),
		}
		for range rapid.IntRange(0, 2).Draw(t, "violations") {
			f.Violations = append(f.Violations, failure.Violation{Pointer: text.Draw(t, "pointer"), Keyword: text.Draw(t, "keyword"), Message: text.Draw(t, "m"), Found: text.Draw(t, "found")})
		}
		return f
	})
	a := event.Attempt{Step: text.Draw(t, "step"), Node: text.Draw(t, "node"), Number: rapid.IntRange(1, 1<<40).Draw(t, "attempt")}
	e := event.Event{
		Run: text.Draw(t, "run"), Seq: rapid.Uint64().Draw(t, "seq"),
		Time: time.UnixMicro(rapid.Int64Range(-62135596800000000, 253402300799999999).Draw(t, "time")).UTC(),
	}
	maybe := func(name string) (d document.Document) {
		if rapid.Bool().Draw(t, "has "+name) {
			d = documents.Draw(t, name)
		}
		return d
	}
	from := func() *event.Origin {
		if rapid.Bool().Draw(t, "is its own") {
			return nil
		}
		return &event.Origin{Run: text.Draw(t, "other run"), Attempt: event.Attempt{Step: text.Draw(t, "other step"), Node: text.Draw(t, "other node"), Number: 1}}
	}
	switch rapid.IntRange(0, 11).Draw(t, "type") {
	case 0:
		seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
		started := event.RunStarted{
			Graph: text.Draw(t, "graph"), Plan: text.Draw(t, "plan"), Input: documents.Draw(t, "input"), Seed: event.Seed(seed), Engine: text.Draw(t, "engine"),
			Cassette: rapid.Bool().Draw(t, "cassette"),
		}
		if rapid.Bool().Draw(t, "forked") {
			f := &event.Forked{Run: text.Draw(t, "other run"), Step: "s" + text.Draw(t, "from"), Input: maybe("step's input")}
			for i := range rapid.IntRange(0, 3).Draw(t, "keys") {
				f.State = append(f.State, document.Field{Key: strconv.Itoa(i) + text.Draw(t, "state key"), Value: documents.Draw(t, "state")})
			}
			started.Forked = f
		}
		e.Body = started
	case 11:
		e.Body = event.RunResumed{Engine: text.Draw(t, "engine"), Cassette: rapid.Bool().Draw(t, "cassette")}
	case 1:
		e.Body = event.AttemptStarted{Attempt: a}
	case 2:
		done := event.AttemptSucceeded{Attempt: a, Output: documents.Draw(t, "output"), Fuel: rapid.Uint64().Draw(t, "fuel"), CacheKey: text.Draw(t, "cache key"), From: from()}
		for range rapid.IntRange(0, 2).Draw(t, "stored") {
			s := event.Stored{Space: text.Draw(t, "space"), Key: text.Draw(t, "key")}
			if rapid.Bool().Draw(t, "adds") {
				s.Add = document.MustParse(rapid.StringMatching(`-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "add"))
			} else {
				s.Value = maybe("value")
			}
			done.Stored = append(done.Stored, s)
		}
		e.Body = done
	case 3:
		failed := event.AttemptFailed{Attempt: a, Failure: failures.Draw(t, "failure"), Fuel: rapid.Uint64().Draw(t, "fuel"), From: from()}
		if rapid.Bool().Draw(t, "kept") {
			failed.Output = documents.Draw(t, "output")
		}
		e.Body = failed
	case 4:
		e.Body = event.StepSkipped{Step: a.Step, Node: a.Node}
	case 5:
		e.Body = event.StepFailed{Step: a.Step, Node: a.Node, Failure: failures.Draw(t, "failure")}
	case 6:
		e.Body = event.TimerFired{Timer: text.Draw(t, "timer")}
	case 7:
		e.Body = event.CancelRequested{Reason: text.Draw(t, "reason")}
	case 8:
		finished := event.RunFinished{Status: rapid.SampledFrom([]event.Status{event.Done, event.Failed, event.Canceled}).Draw(t, "status")}
		if finished.Status == event.Done {
			finished.Output = documents.Draw(t, "output")
		} else {
			f := failures.Draw(t, "failure")
			finished.Failure = &f
		}
		e.Body = finished
	case 9:
		n := rapid.Int64Min(0)
		answered := event.CapabilityAnswered{
			Attempt: a, Ordinal: rapid.IntRange(1, 1<<40).Draw(t, "ordinal"),
			Capability: text.Draw(t, "capability"), Method: text.Draw(t, "method"), Key: text.Draw(t, "key"),
			Request: maybe("request"), Answer: maybe("answer"),
			Took: time.Duration(n.Draw(t, "took")/1000) * time.Microsecond,
			Usage: event.Usage{
				Calls: n.Draw(t, "calls"), Bytes: n.Draw(t, "bytes"),
				InputTokens: n.Draw(t, "input"), OutputTokens: n.Draw(t, "output"), Cost: n.Draw(t, "cost"),
			},
		}
		if rapid.Bool().Draw(t, "fails") {
			f := failures.Draw(t, "failure")
			answered.Failure = &f
		}
		e.Body = answered
	case 10:
		e.Body = event.SignalReceived{Step: a.Step, Document: documents.Draw(t, "document")}
	}
	return e
}

func TestEncodeRefusesWhatCannotBeRead(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, e := range map[string]event.Event{
		"no body":        {Time: at},
		"nanoseconds":    {Time: at.Add(1), Body: event.TimerFired{}},
		"a far year":     {Time: at.AddDate(9000, 0, 0), Body: event.TimerFired{}},
		"not UTF-8":      {Time: at, Body: event.TimerFired{Timer: "\xff"}},
		"a key's text":   {Time: at, Body: event.CapabilityAnswered{Key: "\xff"}},
		"less than none": {Time: at, Body: event.CapabilityAnswered{Usage: event.Usage{Cost: -1}}},
		"a space's text": {Time: at, Body: event.AttemptSucceeded{Output: document.Null(), Stored: []event.Stored{{Space: "\xff"}}}},
		"no number":      {Time: at, Body: event.AttemptSucceeded{Output: document.Null(), Stored: []event.Stored{{Space: "s", Key: "k", Add: document.Null()}}}},
		"both":           {Time: at, Body: event.AttemptSucceeded{Output: document.Null(), Stored: []event.Stored{{Value: document.Int(1), Add: document.Int(1)}}}},
		"a long time":    {Time: at, Body: event.CapabilityAnswered{Took: -time.Second}},
		"a short time":   {Time: at, Body: event.CapabilityAnswered{Took: 1}},
		"no state":       {Time: at, Body: event.RunStarted{Input: document.Null(), Forked: &event.Forked{Step: "s", State: []document.Field{{}}}}},
		"no document":    {Time: at, Body: event.AttemptSucceeded{}},
		"failure's text": {Time: at, Body: event.StepFailed{Failure: failure.Failure{Message: "\xff"}}},
	} {
		if b, err := event.Encode(e); err == nil {
			t.Errorf("%s: encoded as %s", name, b)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	const head = `"version":1,"run":"r","seq":1,"time":"2026-01-01T00:00:00.000000Z"`
	const answered = `,"type":"capability_answered","step":"a","node":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","key":""`
	const succeeded = `,"type":"attempt_succeeded","step":"a","node":"a","attempt":1,"fuel":1,"output":1`
	started := `,"type":"run_started","graph":"g","plan":"p","input":1,"seed":"` + strings.Repeat("00", 32) + `"`
	for _, c := range []struct {
		text string
		is   error
		says string
	}{
		{`{` + head + `,"type":"step_skipped","step":"a","node":"a"}`, nil, ""},
		{`{"version":2,"type":"step_jumped","where":1}`, event.ErrVersion, "2"},
		{`{` + head + `,"type":"step_jumped"}`, event.ErrType, "step_jumped"},
		{`{` + head + `,"type":"step_skipped","step":"a"}`, nil, `needs "node"`},
		{`{` + head + `,"type":"step_skipped","step":"a","node":"a","fuel":1}`, nil, `has no "fuel"`},
		{`{` + head + `,"type":"step_skipped","step":"a","node":"a","color":1}`, nil, "color"},
		{`{` + head + `,"type":"step_skipped","step":"a","node":"a","node":"b"}`, nil, "node"},
		{`{` + head + `,"type":"run_started","graph":"g","plan":"p","input":1,"seed":"00"}`, nil, "seed"},
		{`{` + head + `,"type":"run_started","graph":"g","plan":"p","input":1,"seed":"` + strings.Repeat("zz", 32) + `"}`, nil, "seed"},
		{`{"version":1,"run":"r","seq":1,"time":"yesterday","type":"timer_fired","timer":"t"}`, nil, "time"},
		{`{` + head + `,"type":"run_finished","status":"asleep"}`, nil, "asleep"},
		{`{` + head + answered + `,"usage":{"calls":1,"cost":-1}}`, nil, "cost"},
		{`{` + head + answered + `,"usage":{"calls":-1}}`, nil, "negative"},
		{`{` + head + answered + `,"usage":{"calls":1,"cost":0.0000000001}}`, nil, "billionths"},
		{`{` + head + answered + `,"usage":{"calls":1,"cost":1e3}}`, nil, "billionths"},
		{`{` + head + answered + `,"usage":{"calls":1,"cost":9999999999}}`, nil, "billionths"},
		{`{` + head + answered + `,"usage":{"calls":1.5}}`, nil, "1.5"},
		{`{` + head + answered + `,"usage":{"color":1}}`, nil, "color"},
		{`{` + head + answered + `}`, nil, `needs "usage"`},
		{`{` + head + answered + `,"usage":{},"output":1}`, nil, `has no "output"`},
		{`{` + head + `,"type":"step_skipped","step":"a","node":"a","stored":[{"space":"s","key":"k"}]}`, nil, `has no "stored"`},
		{`{` + head + succeeded + `,"stored":[{"space":"s"}]}`, nil, `needs "key"`},
		{`{` + head + succeeded + `,"stored":[{"space":"s","key":"k","color":1}]}`, nil, "color"},
		{`{` + head + succeeded + `,"stored":{}}`, nil, "stored"},
		{`{` + head + succeeded + `,"from":{"run":"r"}}`, nil, `needs "step"`},
		{`{` + head + succeeded + `,"cache_key":""}`, nil, "cache_key"},
		{`{` + head + succeeded + `,"engine":"e"}`, nil, `has no "engine"`},
		{`{` + head + answered + `,"usage":{},"took_us":0}`, nil, "took_us"},
		{`{` + head + answered + `,"usage":{},"took_us":9223372036854775807}`, nil, "took_us"},
		{`{` + head + started + `,"forked":{"run":"r","step":"","input":1}}`, nil, "without a step"},
		{`{` + head + started + `,"forked":{"run":"r","step":"a","state":[{"key":"b","value":1},{"key":"a","value":1}]}}`, nil, "sorted"},
		{`{` + head + started + `,"forked":{"run":"r","step":"a","state":[{"key":"b"}]}}`, nil, `needs "value"`},
		{`{` + head, nil, ""},
		{``, nil, ""},
		{`null`, nil, ""},
		{`[]`, nil, ""},
	} {
		_, err := event.Decode([]byte(c.text))
		if c.is == nil && c.says == "" && strings.Contains(c.text, "step_skipped") {
			if err != nil {
				t.Errorf("%s: %v", c.text, err)
			}
			continue
		}
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// FuzzDecode: what is decoded is encoded and decoded to the same.
func FuzzDecode(f *testing.F) {
	seeds := []event.Event{
		{Run: "r", Seq: 1, Body: event.RunStarted{Input: document.MustParse(`{"a":[1,"\n"]}`)}},
		{Run: "r", Seq: 2, Body: event.AttemptFailed{Failure: failure.Failure{Code: failure.Trap, Violations: []failure.Violation{{}}}}},
		{Run: "r", Seq: 3, Body: event.RunFinished{Status: event.Done, Output: document.Null()}},
	}
	for _, body := range []event.Body{
		event.CapabilityAnswered{Ordinal: 1, Capability: "c", Method: "m", Request: document.Null(), Answer: document.MustParse("[\n]"), Usage: event.Usage{Calls: 1, Cost: 3}},
		event.CapabilityAnswered{Failure: &failure.Failure{Code: failure.CapabilityError}},
		event.RunStarted{Input: document.Null(), Engine: "e", Forked: &event.Forked{Run: "r", Step: "s", Input: document.Null(), State: []document.Field{{Key: "k", Value: document.Null()}}}},
		event.AttemptFailed{From: &event.Origin{Run: "q"}},
		event.CapabilityAnswered{Took: time.Second},
		event.AttemptSucceeded{Output: document.Null(), CacheKey: "k", Stored: []event.Stored{{Space: "s", Key: "k", Value: document.Null()}, {}}},
		event.AttemptSucceeded{Output: document.Null(), Stored: []event.Stored{{Space: "s", Key: "k", Add: document.MustParse("-1.0e3")}}},
	} {
		seeds = append(seeds, event.Event{Run: "r", Seq: 4, Body: body})
	}
	for _, e := range seeds {
		b, err := event.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"version":1,"run":"r","seq":1,"time":"2026-01-01T00:00:00.000000Z","type":"step_failed","step":"a","node":"a","failure":{"code":"trap","message":"","violations":[]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := event.Decode(b)
		if err != nil {
			return
		}
		checkRoundTrip(t, e)
	})
}

// FuzzEncodeText holds texts against the one that they have to look like, however
// they are written.
func FuzzEncodeText(f *testing.F) {
	for _, s := range []string{"", "review[2]", `a"b\c/`, "\b\f\n\r\t\x00\x1f\x7f", "<&>", "é ∂ 𝔘", "\u2028\u2029", "\ufffd", "\xff", "a\xc3", " ~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := event.Encode(event.Event{Run: s, Seq: 1, Body: event.CancelRequested{Reason: s}})
		if !utf8.ValidString(s) {
			if err == nil {
				t.Fatalf("%q was encoded", s)
			}
			return
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := errors.Join(err, enc.Encode(s)); err != nil {
			t.Fatal(err)
		}
		quoted := strings.TrimSuffix(text.String(), "\n")
		want := `{"version":1,"type":"cancel_requested","run":` + quoted + `,"seq":1,"time":"0001-01-01T00:00:00.000000Z","reason":` + quoted + `}`
		if string(got) != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := event.Event{Run: "0192f7aa-1234-7abc-8def-0123456789ab", Seq: 7, Time: time.UnixMicro(1_800_000_000_000_007), Body: event.AttemptSucceeded{
		Attempt: event.Attempt{Step: "review[3]", Node: "review", Number: 1}, Fuel: 123456,
		Output: document.MustParse(`{"title": "The Third Man", "year": 1949, "genres": ["film noir"]}`),
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}
