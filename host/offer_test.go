package host_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/cassette"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// oracle is a capability whose only method does what a test wants.
type oracle func(ctx context.Context, c capability.Call) (capability.Answer, error)

func (oracle) Describe() capability.Description {
	return capability.Description{
		Text: "answers", Methods: []capability.Method{{Name: "ask"}},
		Grant: []byte(`{"type":"object","properties":{"words":{"type":"array","items":{"type":"string"}}}}`),
	}
}

func (o oracle) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	return o(ctx, c)
}

func loadAsking(t *testing.T, h *host.Host, text string, more ...string) *host.Graph {
	t.Helper()
	fsys := fstest.MapFS{
		"graph.toml": {Data: []byte(text)},
		"ask.wasm":   {Data: moduletest.Ask("oracle", "ask", 1)},
		"ask3.wasm":  {Data: moduletest.Ask("oracle", "ask", 3)},
		"echo.wasm":  {Data: moduletest.Echo()},
	}
	for i := 0; i+1 < len(more); i += 2 {
		fsys[more[i]] = &fstest.MapFile{Data: []byte(more[i+1])}
	}
	g, err := h.LoadFS(fsys, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const asking = `
version = 1
chain = ["a"]
[nodes.a]
module = "ask.wasm"
[nodes.a.grants.oracle]
`

// A malformed answer is not passed on: the node is tried again, under another
// key, and every call is an event before it is answered.
func TestCorrectiveLoopOverACapability(t *testing.T) {
	var keys []string
	h := newHost(t, host.WithCapability("oracle", oracle(func(_ context.Context, c capability.Call) (capability.Answer, error) {
		keys = append(keys, c.Key)
		text := `"forty-two"`
		if len(keys) == 3 {
			text = `42`
		}
		return capability.Answer{Document: document.MustParse(text), Usage: capability.Usage{InputTokens: 10, OutputTokens: 2, Cost: 1_250_000}}, nil
	})))
	g := loadAsking(t, h, asking+"[[nodes.a.retry]]\ninitial_interval = '0s'\n[output]\nschema = {type = 'integer'}\n[nodes.a.output_schema]\ntype = 'integer'\n")
	r, err := h.Run(t.Context(), g, nil)
	if err != nil || r.Status() != event.Done || string(r.Output().Bytes()) != "42" {
		t.Fatalf("%v, %s, %v", err, r.Status(), r.Failure())
	}
	if len(keys) != 3 || keys[0] == keys[1] || keys[1] == keys[2] {
		t.Errorf("keys: %v", keys)
	}
	var types []event.Type
	for e := range r.Events() {
		types = append(types, e.Body.Type())
	}
	want := []event.Type{"run_started"}
	for range 2 {
		want = append(want, "attempt_started", "capability_answered", "attempt_failed", "timer_fired")
	}
	want = append(want, "attempt_started", "capability_answered", "attempt_succeeded", "run_finished")
	// A wait of nothing may need no timer.
	clean := func(all []event.Type) []event.Type {
		return slices.DeleteFunc(slices.Clone(all), func(t event.Type) bool { return t == "timer_fired" })
	}
	if !slices.Equal(clean(types), clean(want)) {
		t.Errorf("events %v", types)
	}
	u := r.View().Usage
	if u.Calls != 3 || u.InputTokens != 30 || u.OutputTokens != 6 || u.Cost != 3_750_000 {
		t.Errorf("usage %+v", u)
	}
}

// Limits of a grant count over all attempts of a step.
func TestLimitsOverAttempts(t *testing.T) {
	asked := 0
	h := newHost(t, host.WithCapability("oracle", oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		asked++
		return capability.Answer{}, &capability.Error{Reason: "busy", Message: "busy", Retryable: true}
	})))
	g := loadAsking(t, h, asking+"calls = 2\n[[nodes.a.retry]]\ninitial_interval = '0s'\nmax_attempts = 9\n")
	r, err := h.Run(t.Context(), g, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := r.Failure()
	if asked != 2 || f == nil || f.Code != failure.CapabilityDenied || f.Attempt != 3 || !strings.Contains(f.Message, "calls in [nodes.a.grants.oracle]") {
		t.Errorf("asked %d times: %+v", asked, f)
	}
}

// A budget ends the run, whatever edges there are.
func TestBudget(t *testing.T) {
	var asked atomic.Int64
	h := newHost(t, host.WithCapability("oracle", oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		asked.Add(1)
		return capability.Answer{Document: document.Null(), Usage: capability.Usage{OutputTokens: 100, Cost: 300_000_000}}, nil
	})))
	graph := func(budget string) string {
		return "version = 1\nchain = ['a', 'b']\n[budget]\n" + budget + `
[nodes.a]
module = "ask3.wasm"
[nodes.a.grants.oracle]
[nodes.b]
module = "echo.wasm"
[[edges]]
from = "a"
to = "b"
on = "error"
`
	}
	for _, c := range []struct {
		budget, says string
		asked        int64
		status       event.Status
	}{
		{"calls = 2", "calls", 2, event.Failed},
		{"calls = 3", "", 3, event.Done},
		{"tokens = 150", "tokens", 2, event.Failed},
		{"cost = 0.5", "cost", 2, event.Failed},
		{"cost = 0.9", "", 3, event.Done},
	} {
		asked.Store(0)
		r, err := h.Run(t.Context(), loadAsking(t, h, graph(c.budget)), nil)
		if err != nil || r.Status() != c.status || asked.Load() != c.asked {
			t.Errorf("%s: %v, %s, %v, asked %d times", c.budget, err, r.Status(), r.Failure(), asked.Load())
			continue
		}
		if f := r.Failure(); f != nil && (f.Code != failure.Budget || !strings.Contains(f.Message, c.says)) {
			t.Errorf("%s: %+v", c.budget, f)
		}
	}
}

// secrets is a resolver that knows some variables.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, r secret.Reference) (string, error) {
	if v, ok := s[r.Env]; ok {
		return v, nil
	}
	return "", fmt.Errorf("the variable %s is not set", r.Env)
}

// A secret reaches the capability, and nothing else: not the node, an event, a
// part of an answer or an error, also when a server sends it back.
func TestSecrets(t *testing.T) {
	const value = "s3cr3t/t0ken+x"
	fails := false
	h := newHost(t, host.WithSecrets(secrets{"TOKEN": value}), host.WithCapability("oracle",
		oracle(func(_ context.Context, c capability.Call) (capability.Answer, error) {
			words := c.Grant.Fields()[0].Value.Items()[0]
			v, err := words.Value()
			if err != nil {
				return capability.Answer{}, err
			}
			got, err := c.Secrets.Expand(v.(string))
			if err != nil || got != "Bearer "+value {
				t.Errorf("expanded to %q, %v", got, err)
			}
			for _, piece := range []string{"you said " + value[:5], value[5:], " and s3cr3t/"} {
				c.Partial(document.Object(document.Field{Key: "text", Value: document.String(piece)}))
			}
			echo := base64.StdEncoding.EncodeToString([]byte("user:" + value))
			if fails {
				return capability.Answer{}, &capability.Error{Reason: "http_401", Message: "not " + value + " nor " + echo}
			}
			return capability.Answer{Document: document.Object(
				document.Field{Key: value, Value: document.String(echo)}, document.Field{Key: "in", Value: c.Request})}, nil
		})))
	g := loadAsking(t, h, asking+"words = ['Bearer ${secret:t}']\n[secrets.t]\nenv = 'TOKEN'\n")
	for _, fails = range []bool{false, true} {
		var seen, heard strings.Builder
		var mu sync.Mutex
		r, err := h.Run(t.Context(), g, map[string]string{"q": "is it " + value + "?"},
			host.WithObserver(func(e event.Event) {
				line, err := event.Line(e)
				if err != nil {
					t.Error(err)
				}
				seen.Write(line)
			}),
			host.WithPartials(func(p event.Partial) {
				mu.Lock()
				defer mu.Unlock()
				text, err := p.Document.Fields()[0].Value.Value()
				fmt.Fprint(&heard, text)
				if err != nil {
					t.Error(err)
				}
			}))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(&seen, r.Output(), r.Failure())
		mu.Lock()
		text := seen.String() + heard.String()
		mu.Unlock()
		if heard.String() != "you said [secret:t] and s3cr3t/" {
			t.Errorf("heard %q", heard.String())
		}
		for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte("user:" + value))[6:], "s3cr3t%2F"} {
			if strings.Contains(text, form) {
				t.Errorf("%q leaked: %s", form, text)
			}
		}
		if !strings.Contains(text, "[secret:t]") || !strings.Contains(text, "capability_answered") {
			t.Errorf("nothing was taken out: %s", text)
		}
	}
}

func TestSecretsThatAreMissing(t *testing.T) {
	text := asking + "words = ['${secret:t} ${secret:u}']\n[secrets.t]\nenv = 'TOKEN_T'\n[secrets.u]\nenv = 'TOKEN_U'\n"
	never := oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		t.Error("asked without a secret")
		return capability.Answer{}, nil
	})
	h := newHost(t, host.WithSecrets(secrets{}), host.WithCapability("oracle", never))
	_, err := h.Run(t.Context(), loadAsking(t, h, text), nil)
	if _, ok := errors.AsType[*secret.MissingError](err); !ok || !strings.Contains(err.Error(), "TOKEN_T") || !strings.Contains(err.Error(), "TOKEN_U") {
		t.Errorf("%v", err)
	}
	h = newHost(t, host.WithCapability("oracle", never))
	if _, err = h.Run(t.Context(), loadAsking(t, h, text), nil); err == nil || !strings.Contains(err.Error(), "WithSecrets") {
		t.Errorf("%v", err)
	}
}

// A run that was recorded is the same run again without the world: with the same
// digest, also where calls failed.
func TestCassette(t *testing.T) {
	n := 0
	h := newHost(t, host.WithSecrets(secrets{"TOKEN": "long enough"}), host.WithCapability("oracle",
		oracle(func(context.Context, capability.Call) (capability.Answer, error) {
			if n++; n == 1 {
				return capability.Answer{}, &capability.Error{Reason: "http_503", Message: "away", Retryable: true, RetryAfter: time.Millisecond}
			}
			return capability.Answer{Document: document.MustParse(fmt.Sprintf(`{ "n": %d, "s": "long enough" }`, n)), Usage: capability.Usage{OutputTokens: 5}}, nil
		})))
	g := loadAsking(t, h, asking+"words = ['${secret:t}']\n[[nodes.a.retry]]\ninitial_interval = '0s'\n[secrets.t]\nenv = 'TOKEN'\n")
	var tape strings.Builder
	w := cassette.NewWriter(&tape, g.Name())
	first, err := h.Run(t.Context(), g, nil, host.WithObserver(w.Observe))
	if err != nil || first.Status() != event.Done {
		t.Fatal(err, first.Failure())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	recorded, err := cassette.Read(strings.NewReader(tape.String()))
	if err != nil {
		t.Fatal(err)
	}
	offline := newHost(t, host.WithCapability("oracle", oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		t.Error("the world was asked")
		return capability.Answer{}, nil
	})))
	g = loadAsking(t, offline, asking+"words = ['${secret:t}']\n[[nodes.a.retry]]\ninitial_interval = '0s'\n[secrets.t]\nenv = 'TOKEN'\n")
	again, err := offline.Run(t.Context(), g, nil, host.WithCassette(recorded))
	if err != nil || again.View().Digest != first.View().Digest || again.View().Usage != first.View().Usage {
		t.Errorf("%v\n%+v\n%+v", err, again.View(), first.View())
	}
	_, err = offline.Run(t.Context(), g, map[string]int{"x": 1}, host.WithCassette(recorded))
	if _, ok := errors.AsType[*cassette.DivergedError](err); !ok {
		t.Errorf("another input: %v", err)
	}
}

func TestOffersThatAreNone(t *testing.T) {
	fine := oracle(nil)
	for _, names := range [][]string{{"node"}, {"Oracle"}, {""}, {"a", "a"}} {
		var options []host.Option
		for _, n := range names {
			options = append(options, host.WithCapability(n, fine))
		}
		if _, err := host.New(options...); err == nil {
			t.Errorf("%q: no error", names)
		}
	}
}

// A secret in the answer to a wait is taken out as one in the input is.
func TestSecretInSignal(t *testing.T) {
	h := newHost(t, host.WithSecrets(secrets{"TOKEN": "s3cr3t-t0ken"}), host.WithCapability("oracle",
		oracle(func(context.Context, capability.Call) (capability.Answer, error) {
			return capability.Answer{Document: document.Null()}, nil
		})))
	g := loadAsking(t, h, asking+"words = ['${secret:t}']\n[secrets.t]\nenv = 'TOKEN'\n[nodes.w]\nwait = true\n")
	r, err := h.Run(t.Context(), g, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Signal(t.Context(), "w", "it is s3cr3t-t0ken"); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil || !strings.Contains(r.Output().String(), "it is [secret:t]") {
		t.Errorf("%s, %v, %v", r.Output(), r.Failure(), err)
	}
}
