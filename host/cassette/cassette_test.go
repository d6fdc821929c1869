package cassette_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/cassette"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

func call(step string, attempt, ordinal int, request string) event.CapabilityAnswered {
	c := event.CapabilityAnswered{
		Attempt: event.Attempt{Step: step, Node: "n", Number: attempt}, Ordinal: ordinal, Capability: "llm", Method: "chat",
	}
	if request != "" {
		c.Request = document.MustParse(request)
	}
	return c
}

func record(t *testing.T, calls ...event.CapabilityAnswered) string {
	t.Helper()
	var b bytes.Buffer
	w := cassette.NewWriter(&b, "g")
	w.Observe(event.Event{Body: event.RunStarted{}})
	for _, c := range calls {
		w.Observe(event.Event{Body: c})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What was recorded comes back, byte for byte, for the same question in other
// words.
func TestRoundTrip(t *testing.T) {
	first := call("a[2]#1", 1, 1, `{"q":"<é>\u2028","n":1.0}`)
	first.Answer = document.MustParse("{ \"x\": [1,\n2.50] }")
	first.Usage = event.Usage{Calls: 1, Bytes: 30, InputTokens: 5, OutputTokens: 7, Cost: 11}
	second := call("a[2]#1", 1, 2, "")
	second.Failure = &failure.Failure{
		Code: failure.CapabilityError, Reason: "http_429", Message: "slow down", Retryable: true, RetryAfter: 2 * time.Second,
	}
	second.Usage = event.Usage{Calls: 1}
	third := call("b", 3, 1, `null`)
	third.Usage = event.Usage{Calls: 1}
	denied := call("b", 3, 2, `null`)
	denied.Failure = &failure.Failure{Code: failure.CapabilityDenied, Message: "no"}

	text := record(t, first, second, third, denied)
	c, err := cassette.Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if c.Graph != "g" {
		t.Errorf("graph %q", c.Graph)
	}
	got, err := c.Answer(call("a[2]#1", 1, 1, `{"n": 1, "q": "<\u00e9>\u2028"}`))
	if err != nil || string(got.Answer.Bytes()) != string(first.Answer.Bytes()) || got.Usage != first.Usage || got.Failure != nil {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = c.Answer(call("a[2]#1", 1, 2, ""))
	if err != nil || got.Failure == nil || got.Failure.RetryAfter != 2*time.Second || got.Failure.Reason != "http_429" || !got.Failure.Retryable {
		t.Errorf("%+v, %v", got.Failure, err)
	}
	if got, err = c.Answer(call("b", 3, 1, "null")); err != nil || !got.Answer.IsZero() || got.Failure != nil {
		t.Errorf("%+v, %v", got, err)
	}
	// The host refuses the fourth by itself again: it is not on the cassette.
	if _, err = c.Answer(denied); err == nil {
		t.Error("a call that the host refused was recorded")
	}
}

// The deepest documents come back too, and no deeper ones.
func TestDeepest(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	const most = document.DefaultDepth
	for _, answer := range []string{nested(most), "[ " + nested(most-1) + "]"} {
		one := call("a", 1, 1, nested(most))
		one.Answer, one.Usage.Calls = document.MustParse(answer), 1
		c, err := cassette.Read(strings.NewReader(record(t, one)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Answer(call("a", 1, 1, nested(most))); err != nil || string(got.Answer.Bytes()) != answer {
			t.Errorf("%.20s…, %v", got.Answer, err)
		}
	}
	for _, member := range []string{`"request":` + nested(most+1), `"answer":` + nested(most+1), `"answer_text":"` + nested(most+1) + `"`} {
		text := `{"chainrun_cassette":1}` + "\n" + `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m",` + member + `,"usage":{}}`
		if _, err := cassette.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%.20s…: %v", member, err)
		}
	}
}

// A question that was not recorded is an error that shows the difference.
func TestDiverged(t *testing.T) {
	recorded := call("a", 1, 1, `{"model":"m","messages":[{"role":"user","content":"hello"}],"a/b":1}`)
	recorded.Usage.Calls = 1
	c, err := cassette.Read(strings.NewReader(record(t, recorded)))
	if err != nil {
		t.Fatal(err)
	}
	other := func(change func(*event.CapabilityAnswered)) event.CapabilityAnswered {
		asked := recorded
		change(&asked)
		return asked
	}
	request := func(text string) event.CapabilityAnswered {
		return other(func(c *event.CapabilityAnswered) { c.Request = document.MustParse(text) })
	}
	for name, one := range map[string]struct {
		asked event.CapabilityAnswered
		says  []string
	}{
		"nothing there": {other(func(c *event.CapabilityAnswered) { c.Ordinal = 2 }), []string{`step "a", attempt 1, call 2`, "nothing was recorded", "llm.chat"}},
		"method":        {other(func(c *event.CapabilityAnswered) { c.Method = "embed" }), []string{"recorded llm.chat", "asked llm.embed"}},
		"text":          {request(`{"model":"m","messages":[{"role":"user","content":"hi"}],"a/b":1}`), []string{"/messages/0/content", `"hello"`, `"hi"`}},
		"a key less":    {request(`{"model":"m","messages":[{"role":"user","content":"hello"}]}`), []string{"/a~1b", "recorded 1", "asked    nothing"}},
		"a key more":    {request(`{"model":"m","messages":[{"role":"user","content":"hello"}],"a/b":1,"x":2}`), []string{"/x", "recorded nothing", "asked    2"}},
		"an item more":  {request(`{"model":"m","messages":[{"role":"user","content":"hello"},1],"a/b":1}`), []string{"/messages/1", "recorded nothing"}},
		"another kind":  {request(`[]`), []string{"the document"}},
		"no request":    {other(func(c *event.CapabilityAnswered) { c.Request = document.Document{} }), []string{"asked    nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Answer(one.asked)
			if _, ok := errors.AsType[*cassette.DivergedError](err); !ok {
				t.Fatalf("%v", err)
			}
			for _, text := range one.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q is not said in: %v", text, err)
				}
			}
		})
	}
}

func TestFilesThatAreNone(t *testing.T) {
	head := `{"chainrun_cassette":1,"graph":"g"}` + "\n"
	one := `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","usage":{}}` + "\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"empty":          {"", 1},
		"another file":   {"version = 1\n", 1},
		"another object": {"{}\n", 1},
		"a later one":    {`{"chainrun_cassette":2,"graph":"g"}`, 1},
		"no JSON":        {head + "{", 2},
		"unknown key":    {head + `{"steps":"a"}`, 2},
		"key twice":      {head + `{"step":"a","step":"b"}`, 2},
		"twice":          {head + one + one, 3},
		"both":           {head + `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","answer":1,"failure":{"code":"trap","message":""},"usage":{}}`, 2},
		"unknown code":   {head + `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","failure":{"code":"x","message":""},"usage":{}}`, 2},
		"bad text":       {head + `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","answer_text":"{","usage":{}}`, 2},
		"an end's call":  {head + `{"step":"a","attempt":1,"ordinal":1,"ended":"canceled"}`, 2},
		"an end's code":  {head + `{"step":"a","attempt":1,"ended":"trap"}`, 2},
		"ends twice":     {head + `{"step":"a","attempt":1,"ended":"canceled"}` + "\n" + `{"step":"a","attempt":1,"ended":"canceled"}`, 3},
		"negative":       {head + `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","usage":{"bytes":-1}}`, 2},
	} {
		_, err := cassette.Read(strings.NewReader(c.text))
		if e, ok := errors.AsType[*cassette.FormatError](err); !ok || e.Line != c.line {
			t.Errorf("%s: %v, want a complaint about line %d", name, err, c.line)
		}
	}
	if _, err := cassette.Read(strings.NewReader(head + one)); err != nil {
		t.Error(err)
	}
}

// FuzzRead: a text is refused with a place, or each of its calls is answered by
// what a journal can keep.
func FuzzRead(f *testing.F) {
	f.Add(`{"chainrun_cassette":1}` + "\n" + `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","failure":{"code":"capability_error","message":"x","retry_after":3000000000,"violations":[{"pointer":"/a","keyword":"k","message":"m","found":"f"}]},"usage":{"bytes":9}}`)
	f.Add(`{"chainrun_cassette":1,"graph":"g"}` + "\n" + `{"step":"a","attempt":1,"ordinal":1,"capability":"c","method":"m","request":{},"answer_text":"[ 1]","usage":{"cost_billionths":3}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := cassette.Read(strings.NewReader(text))
		if err != nil {
			if _, ok := errors.AsType[*cassette.FormatError](err); !ok {
				t.Fatalf("not a FormatError: %v", err)
			}
			return
		}
		_, calls, _ := strings.Cut(text, "\n")
		for line := range strings.Lines(calls) {
			var l struct {
				Step, Capability, Method string
				Attempt, Ordinal         int
				Request                  document.Document
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			answered, err := c.Answer(event.CapabilityAnswered{
				Attempt: event.Attempt{Step: l.Step, Number: l.Attempt}, Ordinal: l.Ordinal, Capability: l.Capability, Method: l.Method, Request: l.Request,
			})
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			b, err := event.Encode(event.Event{Run: "r", Seq: 1, Body: answered})
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			e, err := event.Decode(b)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if again, err := event.Encode(e); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%q: %s, read again %s: %v", line, b, again, err)
			}
		}
	})
}

// An attempt that was ended from outside, in the middle of a call, ends there again.
func TestEnded(t *testing.T) {
	var b bytes.Buffer
	w := cassette.NewWriter(&b, "g")
	for _, code := range []failure.Code{failure.Canceled, failure.Trap} { // a trap is the module's own
		w.Observe(event.Event{Body: event.AttemptFailed{
			Attempt: event.Attempt{Step: string(code), Node: "n", Number: 1}, Failure: failure.Failure{Code: code},
		}})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := cassette.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Answer(call("canceled", 1, 1, "")); err != nil || got.Failure == nil || got.Failure.Code != failure.Canceled {
		t.Errorf("%+v, %v", got, err)
	}
	for _, other := range []event.CapabilityAnswered{call("canceled", 2, 1, ""), call("trap", 1, 1, "")} {
		if _, err := c.Answer(other); err == nil {
			t.Errorf("%v was answered", other.Attempt)
		}
	}
}
