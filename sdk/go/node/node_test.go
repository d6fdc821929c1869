package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// fakeHost answers calls from a table and keeps what it was asked.
type fakeHost struct {
	answers map[string]string // "capability.method" → answer
	fails   map[string]*CallError
	asked   []string
}

func (h *fakeHost) Call(capability, method string, payload []byte) ([]byte, error) {
	name := capability + "." + method
	h.asked = append(h.asked, name+" "+strings.TrimSuffix(string(payload), "\n"))
	if err := h.fails[name]; err != nil {
		return nil, err
	}
	return []byte(h.answers[name]), nil
}

// call runs f as the node, the way every host does, and returns the output or
// the error document.
func call[In, Out any](t *testing.T, h Host, f func(context.Context, In) (Out, error), input string) string {
	t.Helper()
	Handle(f)
	defer func() { entries = nil }()
	var out bytes.Buffer
	if err := serve(WithHost(context.Background(), h), "", strings.NewReader(input), &out); err != nil {
		return string(errorDocument(err))
	}
	return out.String()
}

type point struct {
	X float64 `json:"x"`
	S string  `json:"s,omitempty"`
}

func TestDocuments(t *testing.T) {
	h := &fakeHost{}
	double := func(_ context.Context, p point) (point, error) { p.X *= 2; return p, nil }
	for input, want := range map[string]string{
		`{"x": 3}`:             `{"x":6}`,
		`{"x":1,"s":"<a&b>"}`:  `{"x":2,"s":"<a&b>"}`,
		`{"x":1,"other":true}`: `{"x":2}`,
		`{"x":"one"}`:          `{"code":"bad_input","message":"decoding the input: json: cannot unmarshal string into Go struct field point.x of type float64","retryable":false}`,
		``:                     `{"code":"bad_input","message":"decoding the input: unexpected end of JSON input","retryable":false}`,
		" null\n":              `{"code":"bad_input","message":"decoding the input: json: cannot unmarshal null into Go value of type node.point","retryable":false}`,
		`{"x":1} {}`:           `{"code":"bad_input","message":"decoding the input: invalid character '{' after top-level value","retryable":false}`,
	} {
		if got := call(t, h, double, input); got != want {
			t.Errorf("input %s: got %s, want %s", input, got, want)
		}
	}
}

func TestRawDocumentsPassUntouched(t *testing.T) {
	const odd = " {\"a\" : 1.0e2,\n \"a\":2 }\n"
	if got := call(t, &fakeHost{}, func(_ context.Context, in []byte) ([]byte, error) { return in, nil }, odd); got != odd {
		t.Errorf("[]byte: got %q", got)
	}
	if got := call(t, &fakeHost{}, func(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in, nil }, odd); got != odd {
		t.Errorf("json.RawMessage: got %q", got)
	}
}

func TestFailures(t *testing.T) {
	cause := errors.New("disk on fire")
	denied := &CallError{Code: "capability_denied", Message: "no grant", Capability: "kv", Method: "get"}
	busy := &CallError{Code: "capability_error", Reason: "http_429", Message: "slow down", Retryable: true, Capability: "llm", Method: "chat"}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", cause, `{"code":"error","message":"disk on fire","retryable":false}`},
		{"coded", Errorf("sku", "no SKU %q", "x"), `{"code":"sku","message":"no SKU \"x\"","retryable":false}`},
		{"wrapped", fmt.Errorf("pricing: %w", Errorf("sku", "no SKU")), `{"code":"sku","message":"pricing: no SKU","retryable":false}`},
		{"retryable", Retryable(Errorf("busy", "later")), `{"code":"busy","message":"later","retryable":true}`},
		{"retryable, plain", Retryable(cause), `{"code":"error","message":"disk on fire","retryable":true}`},
		{"retryable, wrapped again", fmt.Errorf("a: %w", Retryable(cause)), `{"code":"error","message":"a: disk on fire","retryable":true}`},
		{"call denied", denied, `{"code":"capability_denied","message":"calling kv.get: no grant","retryable":false}`},
		{"call failed", fmt.Errorf("asking: %w", busy), `{"code":"http_429","message":"asking: calling llm.chat: slow down","retryable":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := call(t, &fakeHost{}, func(context.Context, point) (point, error) { return point{}, c.err }, `{}`)
			if got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
	if !errors.Is(Errorf("c", "doing: %w", cause), cause) || !errors.Is(Retryable(cause), cause) {
		t.Error("Errorf and Retryable must wrap their cause")
	}
	if Retryable(nil) != nil {
		t.Error("Retryable(nil) must be nil")
	}
	var coded *Error
	if !errors.As(fmt.Errorf("x: %w", Errorf("c", "m")), &coded) || coded.Code != "c" {
		t.Error("errors.As must find the *Error")
	}
}

func TestOutputThatIsNoJSON(t *testing.T) {
	got := call(t, &fakeHost{}, func(context.Context, point) (any, error) { return func() {}, nil }, `{}`)
	if want := `{"code":"bad_output","message":"encoding the output: json: unsupported type: func()","retryable":false}`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestPanicIsAFailure(t *testing.T) {
	h := &fakeHost{}
	got := call(t, h, func(_ context.Context, p []int) (int, error) { return p[3], nil }, `[1]`)
	if want := `{"code":"panic","message":"the node panicked: runtime error: index out of range [3] with length 1","retryable":false}`; got != want {
		t.Errorf("got %s", got)
	}
	if len(h.asked) != 1 || !strings.Contains(h.asked[0], "TestPanicIsAFailure") {
		t.Errorf("the stack was not logged: %q", h.asked)
	}
}

func TestNoHandlerAndTwoHandlers(t *testing.T) {
	if _, err := run(context.Background(), "", nil); err == nil || asError(err).Code != "no_handler" {
		t.Errorf("without a handler: %v", err)
	}
	f := func(context.Context, point) (point, error) { return point{}, nil }
	Handle(f)
	defer func() {
		entries = nil
		if recover() == nil {
			t.Error("the second Handle did not panic")
		}
	}()
	Handle(f)
}

type touchy struct{ p *int }

func (t touchy) MarshalJSON() ([]byte, error) { return json.Marshal(*t.p) }

func TestWarmUpIgnoresWhatGoesWrong(*testing.T) {
	warmUp[point, []point]()
	warmUp[[]byte, any]()
	warmUp[touchy, touchy]()      // panics inside
	warmUp[func(), chan string]() // has no JSON
}

func TestConfig(t *testing.T) {
	type config struct{ Top int }
	ctx := func(doc string) context.Context {
		return WithHost(context.Background(), &fakeHost{answers: map[string]string{"node.config": doc}})
	}
	if c, err := Config[config](ctx(`{"top":7}`)); err != nil || c.Top != 7 {
		t.Errorf("got %v, %v", c, err)
	}
	if c, err := Config[config](ctx(``)); err != nil || c.Top != 0 {
		t.Errorf("without a config: got %v, %v", c, err)
	}
	if _, err := Config[config](ctx(`{"top":"x"}`)); err == nil || asError(err).Code != "bad_config" {
		t.Errorf("a config of the wrong type: %v", err)
	}
	if raw, err := Config[json.RawMessage](ctx(`[ 1 ]`)); err != nil || string(raw) != `[ 1 ]` {
		t.Errorf("raw: got %s, %v", raw, err)
	}
}

func TestFeedback(t *testing.T) {
	h := &fakeHost{answers: map[string]string{"node.feedback": `[{"pointer":"/x","keyword":"minimum","message":"too low","found":-1}]`}}
	got := Feedback(WithHost(context.Background(), h))
	if len(got) != 1 || got[0].Pointer != "/x" || got[0].Keyword != "minimum" || got[0].Message != "too low" || string(got[0].Found) != "-1" {
		t.Errorf("got %+v", got)
	}
	if got := Feedback(WithHost(context.Background(), &fakeHost{})); got != nil {
		t.Errorf("first attempt: got %+v", got)
	}
}

func TestLog(t *testing.T) {
	h := &fakeHost{}
	log := Log(WithHost(context.Background(), h))
	log.Debug("starting")
	log.Warn("odd", "msg", "kept", "n", 3)
	log.With("a", 1).WithGroup("g").Error("bad", "err", errors.New("boom"))
	want := []string{
		`node.log {"level":"debug","message":"starting"}`,
		`node.log {"level":"warn","message":"odd","attrs":{"msg":"kept","n":3}}`,
		`node.log {"level":"error","message":"bad","attrs":{"a":1,"g":{"err":"boom"}}}`,
	}
	if fmt.Sprint(h.asked) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", h.asked, want)
	}
}

func TestCall(t *testing.T) {
	h := &fakeHost{
		answers: map[string]string{"kv.get": `{"value":5}`},
		fails:   map[string]*CallError{"kv.set": {Code: "capability_denied"}},
	}
	ctx := WithHost(context.Background(), h)
	var resp struct{ Value int }
	if err := Call(ctx, "kv", "get", map[string]string{"key": "a"}, &resp); err != nil || resp.Value != 5 {
		t.Errorf("got %v, %v", resp, err)
	}
	var raw json.RawMessage
	if err := Call(ctx, "kv", "get", nil, &raw); err != nil || string(raw) != `{"value":5}` {
		t.Errorf("raw: got %s, %v", raw, err)
	}
	var refused *CallError
	if err := Call(ctx, "kv", "set", nil, nil); !errors.As(err, &refused) || refused.Code != "capability_denied" {
		t.Errorf("got %v", err)
	}
	if want := `kv.get {"key":"a"}`; h.asked[0] != want {
		t.Errorf("asked %q, want %q", h.asked[0], want)
	}
}

func TestProcessHost(t *testing.T) {
	t.Setenv("CHAINRUN_CONFIG", `{"Top":3}`)
	t.Setenv("CHAINRUN_FEEDBACK", `[{"pointer":"/a"}]`)
	ctx := context.Background()
	if c, err := Config[struct{ Top int }](ctx); err != nil || c.Top != 3 {
		t.Errorf("config: %v, %v", c, err)
	}
	if f := Feedback(ctx); len(f) != 1 || f[0].Pointer != "/a" {
		t.Errorf("feedback: %v", f)
	}
	var refused *CallError
	if err := Call(ctx, "llm", "chat", nil, nil); !errors.As(err, &refused) || refused.Code != "capability_denied" {
		t.Errorf("call: %v", err)
	}
	for record, want := range map[string]string{
		`{"level":"info","message":"hi","attrs":{"n":1}}`: "INFO hi {\"n\":1}\n",
		`{"level":"warn","message":"hi"}`:                 "WARN hi\n",
		`no JSON`:                                         "no JSON\n",
	} {
		if got := logLine([]byte(record)); got != want {
			t.Errorf("%s: got %q, want %q", record, got, want)
		}
	}
}
