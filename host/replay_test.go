package host_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/fetch"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/capability/llm"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// A run with kv, a wait, a subgraph is replayed where no capability is offered.
func TestReplay(t *testing.T) {
	j := memory.New()
	h := countedHost(t, j)
	r, err := startCounted(t, h, t.Context(), host.WithRunID("r"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Replay(t.Context(), "r"); err != nil || !got.Identical || got.Attempts != 1 || got.Digest != "" {
		t.Errorf("under way: %+v, %v, %v", got, got.Divergence, err)
	}
	if err := r.Signal(t.Context(), "approve", map[string]any{"ok": true}); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*host.Host{
		"the same": h,
		"no kv":    newHost(t, host.WithJournal(j)),
		"empty kv": newHost(t, host.WithJournal(j), host.WithCapability("kv", kv.New(nil))),
	} {
		got, err := other.Replay(t.Context(), "r")
		if err != nil || !got.Identical || got.Attempts != 3 || got.Skipped != 0 || !got.FuelCompared || got.Digest != r.View().Digest {
			t.Errorf("%s: %+v, %v, %v", name, got, got.Divergence, err)
		}
	}
}

// tampered is a journal in which a run is not as it was.
type tampered struct {
	*memory.Journal
	change func(e *event.Event)
}

func (j tampered) Events(ctx context.Context, run string) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for e, err := range j.Journal.Events(ctx, run) {
			j.change(&e)
			if !yield(e, err) {
				return
			}
		}
	}
}

// A run that is no fork has taken nothing over: what is recorded as taken over, and so
// would not be executed, is no reason to call it identical.
func TestReplayOfWhatSeemsTakenOver(t *testing.T) {
	for name, forge := range map[string]func(e *event.Event){
		"success": func(e *event.Event) {
			switch b := e.Body.(type) {
			case event.AttemptSucceeded:
				b.Output, b.From = document.String("forged"), &event.Origin{Run: "other", Attempt: b.Attempt}
				e.Body = b
			case event.RunFinished:
				b.Output = document.String("forged")
				e.Body = b
			default:
			}
		},
		"failure": func(e *event.Event) {
			switch b := e.Body.(type) {
			case event.AttemptSucceeded:
				f := failure.Failure{Code: failure.Trap, Message: "forged", Step: b.Step, Node: b.Node, Attempt: 1}
				e.Body = event.AttemptFailed{Attempt: b.Attempt, Failure: f, From: &event.Origin{Run: "other", Attempt: b.Attempt}}
			case event.RunFinished:
				f := failure.Failure{Code: failure.Trap, Message: "forged", Step: "a", Node: "a", Attempt: 1}
				e.Body = event.RunFinished{Status: event.Failed, Failure: &f}
			default:
			}
		},
	} {
		j := memory.New()
		h := newHost(t, host.WithJournal(tampered{j, forge}))
		mustRun(t, h, load(t, h, "version = 1\n[nodes.a]\nmodule = 'echo.wasm'\n"), `{}`, host.WithRunID("r"))
		got, err := h.Replay(t.Context(), "r")
		if d := got.Divergence; err != nil || got.Identical || d == nil || d.What != inspect.DivergedDecision || d.Step != "a" || got.Skipped != 0 {
			t.Errorf("%s: %+v, %v, %v", name, got, d, err)
		}
	}
}

// The bits of a NaN are the engine's. A replay on another one says so.
func TestReplayOnAnotherEngine(t *testing.T) {
	j := memory.New()
	fsys := fstest.MapFS{
		"graph.toml": {Data: []byte("version = 1\nchain = ['a', 'b']\n[nodes.a]\nmodule = 'echo.wasm'\n[nodes.b]\nmodule = 'nan.wasm'\n")},
		"nan.wasm":   {Data: moduletest.NaN()}, "echo.wasm": {Data: moduletest.Echo()},
	}
	compiler, interpreter := newHost(t, host.WithJournal(j)), newHost(t, host.WithJournal(j), host.WithInterpreter())
	outputs := map[*host.Host]string{}
	for _, h := range []*host.Host{compiler, interpreter} {
		g, err := h.LoadFS(fsys, "graph.toml")
		if err != nil {
			t.Fatal(err)
		}
		r := mustRun(t, h, g, `{}`, host.WithRunID(fmt.Sprint("r", len(outputs))))
		if r.Status() != event.Done {
			t.Fatal(r.Failure())
		}
		outputs[h] = r.Output().String()
		got, err := h.Replay(t.Context(), r.ID())
		if err != nil || !got.Identical || got.Attempts != 2 || len(got.Engines) != 1 || got.Engines[0] != got.Engine {
			t.Errorf("on the same engine: %+v, %v", got, err)
		}
	}
	if outputs[compiler] == outputs[interpreter] {
		t.Skip("the engines of this machine agree on NaNs")
	}
	got, err := interpreter.Replay(t.Context(), "r0")
	d := got.Divergence
	if err != nil || got.Identical || d == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if d.Step != "b" || d.Attempt != 1 || d.What != inspect.DivergedOutput || got.Attempts != 1 ||
		d.Recorded != outputs[compiler] || d.Now != outputs[interpreter] {
		t.Errorf("%+v", d)
	}
	if len(d.Hints) == 0 || !strings.Contains(d.Hints[0], "NaN") || !strings.Contains(d.Hints[0], got.Engines[0]) || !strings.Contains(d.Hints[0], got.Engine) {
		t.Errorf("%q", d.Hints)
	}
}

// A run whose fuel was counted by another rule is replayed without it; one of another
// plan is not.
func TestReplayUnderAnotherFuelRule(t *testing.T) {
	j := memory.New()
	h := newHost(t, host.WithJournal(j))
	fsys := files("version = 1\nchain = ['a', 'b']\n[nodes.a]\nmodule = 'echo.wasm'\n[nodes.b]\ngraph = 'sub.toml'\n")
	fsys["sub.toml"] = &fstest.MapFile{Data: []byte(echo)}
	g, err := h.LoadFS(fsys, "graph.toml")
	if err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, h, g, `{"n":1}`, host.WithRunID("r"))
	for name, c := range map[string]struct {
		plan      string
		fuel      uint64
		identical bool
	}{
		"the same":     {g.Digest(), 0, true},
		"other fuel":   {g.Digest(), 1, false},
		"a later rule": {g.Plan().DigestUnder(meter.Version + 1), 1, true},
	} {
		other := newHost(t, host.WithJournal(tampered{j, func(e *event.Event) {
			switch b := e.Body.(type) {
			case event.RunStarted:
				b.Plan = c.plan
				e.Body = b
			case event.AttemptSucceeded:
				b.Fuel += c.fuel
				e.Body = b
			default:
			}
		}}))
		got, err := other.Replay(t.Context(), r.ID())
		if err != nil || got.Identical != c.identical || got.FuelCompared != (c.plan == g.Digest()) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if d := got.Divergence; d != nil && (d.What != inspect.DivergedFuel || d.Step != "a") {
			t.Errorf("%s: %+v", name, d)
		}
	}
	other := newHost(t, host.WithJournal(tampered{j, func(e *event.Event) {
		if b, ok := e.Body.(event.RunStarted); ok {
			b.Plan = "sha256:00"
			e.Body = b
		}
	}}))
	if _, err := other.Replay(t.Context(), "r"); !errors.As(err, new(*host.PlanError)) {
		t.Error(err)
	}
	if _, err := other.Replay(t.Context(), "x"); !errors.Is(err, journal.ErrUnknownRun) {
		t.Error(err)
	}
}

// started is a capability that takes settings: as the one for providers, it starts
// something when it is configured.
type started struct {
	oracle
	configured *atomic.Int32
}

func (s started) Describe() capability.Description {
	d := s.oracle.Describe()
	d.Grant = nil
	d.Config = []byte(`{"type":"object","properties":{"command":{"type":"string"}}}`)
	return d
}

func (s started) Configure(string, document.Document) (capability.Capability, error) {
	s.configured.Add(1)
	return s.oracle, nil
}

// A run that asked the world, with a secret, is replayed where there is no world and no
// secret: by a host that offers nothing, and by one whose capabilities must not be touched.
func TestReplayWithoutTheWorld(t *testing.T) {
	j := memory.New()
	var configured atomic.Int32
	asked := 0
	answer := oracle(func(_ context.Context, c capability.Call) (capability.Answer, error) {
		if asked++; asked == 1 {
			return capability.Answer{}, &capability.Error{Reason: "busy", Message: "the token hunter22hunter22 is busy", Retryable: true}
		}
		token, err := c.Secrets.Expand("${secret:token}")
		return capability.Answer{Document: document.String("you sent " + token)}, err
	})
	text := `
version = 1
chain = ["a"]
[secrets.token]
env = "TOKEN"
[capabilities.mine]
kind = "started"
command = "x ${secret:token}"
[nodes.a]
module = "mine.wasm"
[nodes.a.grants.mine]
calls = 5
words = ["${secret:token}"]
[[nodes.a.retry]]
initial_interval = '0s'
`
	h := newHost(t, host.WithJournal(j), host.WithCapability("started", started{answer, &configured}), host.WithSecrets(secrets{"TOKEN": "hunter22hunter22"}))
	g := loadAsking(t, h, text, "mine.wasm", string(moduletest.Ask("mine", "ask", 2)))
	r := mustRun(t, h, g, `{"secret":"hunter22hunter22"}`, host.WithRunID("r"))
	if r.Status() != event.Done || !strings.Contains(r.Output().String(), "[secret:token]") || asked != 3 {
		t.Fatal(r.Output(), r.Failure(), asked)
	}
	before := configured.Load()
	untouched := oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		t.Error("the world was asked")
		return capability.Answer{}, errors.New("asked")
	})
	for name, other := range map[string]*host.Host{
		"nothing offered": newHost(t, host.WithJournal(j)),
		"nothing asked":   newHost(t, host.WithJournal(j), host.WithCapability("started", started{untouched, &configured})),
	} {
		got, err := other.Replay(t.Context(), "r")
		if err != nil || !got.Identical || got.Attempts != 2 {
			t.Errorf("%s: %+v, %+v, %v", name, got, got.Divergence, err)
		}
	}
	if configured.Load() != before {
		t.Error("a capability was configured for a replay")
	}
}

// The plan of a run is found again whatever the host offers by then: also where a
// capability that is gone had keys of its own with common names, as fetch has `methods`.
func TestReplayKnowsThePlan(t *testing.T) {
	t.Setenv("KEY", "long enough")
	j := memory.New()
	h := newHost(t, host.WithJournal(j), host.WithCapability("kv", kv.New(j)), host.WithCapability("fetch", fetch.New(fetch.Options{})), host.WithCapability("llm", llm.New(llm.Options{})))
	text := `
version = 1
name = "g"
chain = ["a", "b"]
[secrets.key]
env = "KEY"
[capabilities.model]
kind = "llm"
api = "openai"
base_url = "http://127.0.0.1:1/v1"
key = "${secret:key}"
model = "m"
[capabilities.kv]
space = "s"
max_keys = 9
[nodes.a]
module = "echo.wasm"
[nodes.a.grants.fetch]
hosts = ["example.com"]
methods = ["GET", "POST"]
calls = 3
[nodes.a.grants.model]
tokens = 100
cost = 0.5
[nodes.b]
module = "echo.wasm"
[nodes.b.grants.kv]
methods = ["get"]
bytes = "1KiB"
`
	g := load(t, h, text)
	resolved := newHost(t, host.WithJournal(j), host.WithSecrets(secret.System()), host.WithCapability("kv", kv.New(j)),
		host.WithCapability("fetch", fetch.New(fetch.Options{})), host.WithCapability("llm", llm.New(llm.Options{})))
	r := mustRun(t, resolved, load(t, resolved, text), `{"n":1}`)
	if r.Status() != event.Done {
		t.Fatal(r.Failure())
	}
	for name, other := range map[string]*host.Host{
		"all":      h,
		"nothing":  newHost(t, host.WithJournal(j)),
		"kv alone": newHost(t, host.WithJournal(j), host.WithCapability("kv", kv.New(nil))),
	} {
		if got, err := other.Replay(t.Context(), r.ID()); err != nil || !got.Identical || got.Attempts != 2 || !got.FuelCompared {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if g.Digest() == "" {
		t.Error("no digest")
	}
}
