package invoke_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/cassette"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

func init() {
	modules["ask.wasm"] = moduletest.Ask("world", "ask", 1)
	modules["ask3.wasm"] = moduletest.Ask("world", "ask", 3)
	modules["askmuch.wasm"] = moduletest.Ask("world", "ask", 1_000_000)
	modules["other.wasm"] = moduletest.Ask("world", "other", 1)
	modules["batch.wasm"] = moduletest.Ask("node", "batch", 1)
	modules["store.wasm"] = moduletest.Ask("world", "ask", 2)
}

// world is a capability whose only method does what a test wants.
type world struct {
	ask    func(ctx context.Context, c capability.Call) (capability.Answer, error)
	schema string // of the answer
}

func (w world) Describe() capability.Description {
	m := capability.Method{Name: "ask", Request: json.RawMessage(`{"type":["object","array"]}`)}
	if w.schema != "" {
		m.Response = json.RawMessage(w.schema)
	}
	return capability.Description{Methods: []capability.Method{m, {Name: "other"}}}
}

func (w world) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	return w.ask(ctx, c)
}

// ledger records calls as a run does.
type ledger struct {
	mu       sync.Mutex
	facts    []event.CapabilityAnswered
	past     []event.CapabilityAnswered // answered before a crash
	partials []event.Partial
	budget   int // calls; 0: no bound
	admitted int
	broken   error
}

func (l *ledger) Settled(context.Context) error { return nil }

func (l *ledger) Admit(context.Context) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admitted++
	return l.budget == 0 || l.admitted <= l.budget, nil
}

func (l *ledger) Record(_ context.Context, c event.CapabilityAnswered) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts = append(l.facts, c)
	return l.broken
}

func (l *ledger) Answered() []event.CapabilityAnswered { return l.past }

func (l *ledger) Partial(p event.Partial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partials = append(l.partials, p)
}

// granted links a graph of one node "a" and grants it the capability "world".
func granted(t *testing.T, keys string, c capability.Capability, limits graph.Limits) *plan.Plan {
	t.Helper()
	p := link(t, keys)
	offer, err := capability.NewOffer("world", c)
	if err != nil {
		t.Fatal(err)
	}
	p.Node("a").Granted = []*plan.Grant{{
		Grant: &graph.Grant{Capability: "world", Limits: limits}, Offer: offer, Own: document.Object(),
	}}
	return p
}

func ask(t *testing.T, p *plan.Plan, l *ledger, change func(*invoke.Request)) (event.Outcome, error) {
	t.Helper()
	r := invoke.Request{
		Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Input: document.MustParse(`{"q":1}`),
		Time: time.Unix(1_700_000_000, 0), Scope: invoke.Scope{Run: "r1"}, Calls: l,
	}
	if change != nil {
		change(&r)
	}
	return newInvoker(t, invoke.Limits{}).Invoke(t.Context(), p, r)
}

func answers(text string, u capability.Usage) func(context.Context, capability.Call) (capability.Answer, error) {
	return func(context.Context, capability.Call) (capability.Answer, error) {
		return capability.Answer{Document: document.MustParse(text), Usage: u}, nil
	}
}

// A call goes to the capability with all that it needs to know, is recorded, and
// then answered.
func TestCall(t *testing.T) {
	var got capability.Call
	w := world{ask: func(_ context.Context, c capability.Call) (capability.Answer, error) {
		got = c
		c.Partial(document.String("4"))
		return capability.Answer{Document: document.MustParse(`{"answer":42}`), Usage: capability.Usage{InputTokens: 3, OutputTokens: 4, Cost: 5}}, nil
	}}
	l := &ledger{}
	o, err := ask(t, granted(t, "module = 'ask.wasm'", w, graph.Limits{Tokens: 100}), l, func(r *invoke.Request) {
		r.Used = map[string]event.Usage{"world": {Calls: 1, InputTokens: 10}}
	})
	if err != nil || o.Failure != nil || string(o.Output.Bytes()) != `{"answer":42}` {
		t.Fatalf("%s, %v, %v", o.Output.Bytes(), o.Failure, err)
	}
	want := capability.Caller{Run: "r1", Graph: "graph", Step: "a", Node: "a", Attempt: 1, Ordinal: 1}
	if got.Caller != want || got.Method != "ask" || string(got.Request.Bytes()) != `{"q":1}` || got.Secrets == nil || len(got.Key) != 64 {
		t.Errorf("%+v", got)
	}
	if got.Left != (capability.Left{Bytes: capability.Unlimited, Tokens: 90, Cost: capability.Unlimited}) {
		t.Errorf("left: %+v", got.Left)
	}
	if len(l.facts) != 1 || len(l.partials) != 1 || l.partials[0].Ordinal != 1 || l.partials[0].Run != "r1" {
		t.Fatalf("%+v, %+v", l.facts, l.partials)
	}
	f := l.facts[0]
	if f.Usage != (event.Usage{Calls: 1, Bytes: 7 + 13, InputTokens: 3, OutputTokens: 4, Cost: 5}) || f.Key != got.Key ||
		f.Ordinal != 1 || f.Capability != "world" || f.Method != "ask" || f.Failure != nil || f.Answer.IsZero() || f.Step != "a" {
		t.Errorf("%+v", f)
	}
}

// Whatever goes wrong has one code, is recorded, and is the attempt's failure
// when the node gives up for it.
func TestCallsThatFail(t *testing.T) {
	ok := answers(`{}`, capability.Usage{InputTokens: 6, OutputTokens: 5, Cost: 2_000_000_000})
	fails := func(err error) func(context.Context, capability.Call) (capability.Answer, error) {
		return func(context.Context, capability.Call) (capability.Answer, error) { return capability.Answer{}, err }
	}
	built := func(d document.Document) func(context.Context, capability.Call) (capability.Answer, error) {
		return func(context.Context, capability.Call) (capability.Answer, error) {
			return capability.Answer{Document: d}, nil
		}
	}
	deep := document.Array()
	for range document.DefaultDepth {
		deep = document.Array(deep)
	}
	busy := &capability.Error{Reason: "http_429", Message: "slow down", Retryable: true, RetryAfter: 3 * time.Second, Usage: capability.Usage{InputTokens: 2}}
	for _, c := range []struct {
		name, module, input string
		ask                 func(context.Context, capability.Call) (capability.Answer, error)
		schema              string
		limits              graph.Limits
		budget              int
		code                failure.Code
		reason, says        string
		asked, recorded     int
		retryable           bool
		after               time.Duration
	}{
		{name: "no such method", module: "other", limits: graph.Limits{Methods: []string{"ask"}}, code: failure.CapabilityDenied, reason: "method_not_granted", says: "[nodes.a.grants.world]", recorded: 1},
		{name: "request schema", module: "ask", input: `"x"`, code: failure.CapabilityError, reason: "invalid_request", says: "must be an object or an array", recorded: 1},
		{name: "answer schema", module: "ask", schema: `{"required":["x"]}`, ask: ok, code: failure.CapabilityError, reason: "invalid_answer", says: "x", asked: 1, recorded: 1},
		{name: "busy", module: "ask", ask: fails(busy), code: failure.CapabilityError, reason: "http_429", says: "slow down", asked: 1, recorded: 1, retryable: true, after: 3 * time.Second},
		{name: "wrapped", module: "ask", ask: fails(fmt.Errorf("asking: %w", busy)), code: failure.CapabilityError, reason: "http_429", asked: 1, recorded: 1, retryable: true, after: 3 * time.Second},
		{name: "denied", module: "ask", ask: fails(&capability.Error{Reason: "host_not_granted", Message: "no", Denied: true, Retryable: true}), code: failure.CapabilityDenied, reason: "host_not_granted", asked: 1, recorded: 1},
		{name: "any error", module: "ask", ask: fails(errors.New("out of paper")), code: failure.CapabilityError, says: "out of paper", asked: 1, recorded: 1},
		{name: "calls", module: "ask3", ask: ok, limits: graph.Limits{Calls: 2}, code: failure.CapabilityDenied, reason: "limit_used_up", says: "allows 2; calls in [nodes.a.grants.world]", asked: 2, recorded: 3},
		{name: "tokens", module: "ask3", ask: ok, limits: graph.Limits{Tokens: 12}, code: failure.CapabilityDenied, reason: "limit_used_up", says: "22 of tokens", asked: 2, recorded: 3},
		{name: "cost", module: "ask3", ask: ok, limits: graph.Limits{Cost: 2_500_000_000}, code: failure.CapabilityDenied, reason: "limit_used_up", says: "has used 4 of cost of \"world\", and the grant allows 2.5;", asked: 2, recorded: 3},
		{name: "bytes of a request", module: "ask", ask: ok, limits: graph.Limits{Bytes: 6}, code: failure.CapabilityDenied, reason: "limit_used_up", says: "7 of bytes", recorded: 1},
		{name: "bytes of an answer", module: "ask", ask: ok, limits: graph.Limits{Bytes: 8}, code: failure.CapabilityDenied, reason: "limit_used_up", says: "9 of bytes", asked: 1, recorded: 1},
		{name: "large answer", module: "ask", ask: built(document.String(strings.Repeat("x", document.DefaultBytes))), code: failure.CapabilityError, reason: "answer_too_large", says: "at most 16777216 are allowed", asked: 1, recorded: 1},
		{name: "deep answer", module: "ask", ask: built(deep), code: failure.CapabilityError, reason: "answer_too_large", says: "513 levels of nesting", asked: 1, recorded: 1},
		{name: "budget", module: "ask3", ask: ok, budget: 1, code: failure.Budget, reason: "budget_used_up", asked: 1, recorded: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			w := world{schema: c.schema, ask: func(ctx context.Context, call capability.Call) (capability.Answer, error) {
				asked++
				return c.ask(ctx, call)
			}}
			l := &ledger{budget: c.budget}
			o, err := ask(t, granted(t, "module = '"+c.module+".wasm'", w, c.limits), l, func(r *invoke.Request) {
				if c.input != "" {
					r.Input = document.MustParse(c.input)
				}
			})
			if err != nil || o.Failure == nil {
				t.Fatalf("%s, %v", o.Output, err)
			}
			f := o.Failure
			if f.Code != c.code || f.Reason != c.reason || f.Retryable != c.retryable || f.RetryAfter != c.after || !strings.Contains(f.Message, c.says) {
				t.Errorf("%+v", f)
			}
			if asked != c.asked || len(l.facts) != c.recorded {
				t.Errorf("asked %d times, recorded %d times", asked, len(l.facts))
			}
			last := l.facts[len(l.facts)-1]
			if last.Failure == nil || last.Failure.Reason != c.reason {
				t.Errorf("recorded: %+v", last)
			}
			if c.name == "busy" && last.Usage.InputTokens != 2 {
				t.Errorf("usage of a call that failed: %+v", last.Usage)
			}
		})
	}
}

// A node without a grant hears which line to write.
func TestNotGranted(t *testing.T) {
	l := &ledger{}
	o, err := ask(t, link(t, "module = 'ask.wasm'"), l, nil)
	if err != nil || o.Failure == nil || o.Failure.Code != failure.CapabilityDenied || o.Failure.Reason != "not_granted" ||
		!strings.Contains(o.Failure.Message, "[nodes.a.grants.world]") || len(l.facts) != 1 {
		t.Fatalf("%+v, %v, %+v", o.Failure, err, l.facts)
	}
}

// A node that asks without end is ended by its cap of host calls.
func TestMillionCalls(t *testing.T) {
	asked := 0
	w := world{ask: func(context.Context, capability.Call) (capability.Answer, error) {
		asked++
		return capability.Answer{Document: document.Null()}, nil
	}}
	o, err := ask(t, granted(t, "module = 'askmuch.wasm'", w, graph.Limits{}), &ledger{}, nil)
	if err != nil || o.Failure == nil || o.Failure.Code != failure.Trap || asked != 10_000 {
		t.Errorf("%+v, %v, asked %d times", o.Failure, err, asked)
	}
}

// The key stays the same over attempts, and changes with what must change it.
func TestKey(t *testing.T) {
	keys := func(change func(*invoke.Request)) []string {
		var seen []string
		w := world{ask: func(_ context.Context, c capability.Call) (capability.Answer, error) {
			seen = append(seen, c.Key)
			return capability.Answer{Document: document.Null()}, nil
		}}
		if _, err := ask(t, granted(t, "module = 'ask3.wasm'", w, graph.Limits{}), &ledger{}, change); err != nil {
			t.Fatal(err)
		}
		return seen
	}
	first := keys(nil)
	if len(first) != 3 || first[0] == first[1] || first[1] == first[2] {
		t.Fatalf("equal requests of one attempt: %v", first)
	}
	if again := keys(func(r *invoke.Request) { r.Number = 2; r.Input = document.MustParse(`{ "q": 1.0 }`) }); again[0] != first[0] || again[2] != first[2] {
		t.Error("the key of another attempt, after a timeout say, is another one")
	}
	for name, change := range map[string]func(*invoke.Request){
		"run":      func(r *invoke.Request) { r.Scope.Run = "r2" },
		"step":     func(r *invoke.Request) { r.Step = "a[2]" },
		"rejected": func(r *invoke.Request) { r.Rejected = 1 },
		"request":  func(r *invoke.Request) { r.Input = document.MustParse(`{"q":2}`) },
	} {
		if other := keys(change); other[0] == first[0] {
			t.Errorf("another %s has the same key", name)
		}
	}
}

// The calls of a batch are under way at once; what is recorded and answered has
// the order of the list.
func TestBatch(t *testing.T) {
	var waiting sync.WaitGroup
	waiting.Add(3)
	w := world{ask: func(_ context.Context, c capability.Call) (capability.Answer, error) {
		waiting.Done()
		waiting.Wait() // all three are here
		if string(c.Request.Bytes()) == `{"n":2}` {
			return capability.Answer{}, &capability.Error{Reason: "lost", Message: "gone", Retryable: true}
		}
		return capability.Answer{Document: c.Request}, nil
	}}
	l := &ledger{}
	p := granted(t, "module = 'batch.wasm'", w, graph.Limits{Calls: 3})
	o, err := ask(t, p, l, func(r *invoke.Request) {
		r.Input = document.MustParse(`[{"capability":"world","method":"ask","payload":{"n":1}},{"capability":"world","method":"ask","payload":{"n":2}},
			{"capability":"world","method":"ask","payload":{"n":3}},{"capability":"world","method":"ask","payload":{}},{"capability":"mars","method":"ask"}]`)
	})
	if err != nil || o.Failure != nil {
		t.Fatal(o.Failure, err)
	}
	var got []struct {
		Answer  json.RawMessage
		Failure *struct{ Code, Reason string }
	}
	if err := json.Unmarshal(o.Output.Bytes(), &got); err != nil || len(got) != 5 {
		t.Fatalf("%s, %v", o.Output, err)
	}
	if string(got[0].Answer) != `{"n":1}` || string(got[2].Answer) != `{"n":3}` || got[1].Failure.Reason != "lost" ||
		got[3].Failure.Reason != "limit_used_up" || got[4].Failure.Reason != "not_granted" {
		t.Errorf("%s", o.Output)
	}
	for i, f := range l.facts {
		if f.Ordinal != i+1 {
			t.Errorf("recorded %d. call %d", i+1, f.Ordinal)
		}
	}
	if len(l.facts) != 5 || l.admitted != 3 {
		t.Errorf("%d recorded, %d admitted", len(l.facts), l.admitted)
	}
	for _, text := range []string{`{}`, `[]`, `[1]`, `[{"capability":"node","method":"batch"}]`, `[` + strings.Repeat(`{},`, 64) + `{}]`} {
		o, err := ask(t, p, l, func(r *invoke.Request) { r.Input = document.MustParse(text) })
		if err != nil || o.Failure == nil || o.Failure.Reason != "invalid_request" {
			t.Errorf("%.20s: %+v, %v", text, o.Failure, err)
		}
	}
}

// The answers of a batch are bounded together, call by call.
func TestBatchTooLarge(t *testing.T) {
	w := world{ask: answers(`"`+strings.Repeat("x", 40_000)+`"`, capability.Usage{})}
	l := &ledger{}
	one := `{"capability":"world","method":"ask","payload":{}}`
	o, err := newInvoker(t, invoke.Limits{DocumentBytes: 100_000}).Invoke(t.Context(), granted(t, "module = 'batch.wasm'", w, graph.Limits{}), invoke.Request{
		Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Input: document.MustParse("[" + one + "," + one + "," + one + "]"), Calls: l,
	})
	if err != nil || o.Failure != nil || len(l.facts) != 3 {
		t.Fatalf("%+v, %v, %d recorded", o.Failure, err, len(l.facts))
	}
	if l.facts[0].Failure != nil || l.facts[1].Failure != nil || l.facts[2].Failure == nil || l.facts[2].Failure.Reason != "answer_too_large" {
		t.Errorf("%+v", l.facts)
	}
}

// notebook is an opener that stores what it was asked.
type notebook struct{ world }

type page struct{ writes []capability.Write }

func (notebook) Open(context.Context, capability.Caller) (capability.Session, error) {
	return &page{}, nil
}

func (p *page) Call(_ context.Context, c capability.Call) (capability.Answer, error) {
	p.writes = append(p.writes, capability.Write{Space: "s", Key: fmt.Sprint(c.Caller.Ordinal), Value: c.Request})
	return capability.Answer{Document: document.Int(int64(len(p.writes)))}, nil
}

func (p *page) Writes() []capability.Write { return p.writes }

// What a session writes goes with the success of its attempt, or nowhere.
func TestSession(t *testing.T) {
	l := &ledger{}
	o, err := ask(t, granted(t, "module = 'store.wasm'", notebook{}, graph.Limits{}), l, nil)
	if err != nil || o.Failure != nil || len(o.Stored) != 2 || o.Stored[1].Key != "2" || string(o.Output.Bytes()) != "2" {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = ask(t, granted(t, "module = 'store.wasm'\noutput_schema = {const = 1}", notebook{}, graph.Limits{}), l, nil)
	if err != nil || o.Failure == nil || o.Failure.Code != failure.InvalidOutput || !o.Failure.Retryable || o.Stored != nil {
		t.Errorf("%+v, %v", o, err)
	}
}

// A capability that panics breaks the run, not the process, also in a batch.
func TestPanic(t *testing.T) {
	w := world{ask: func(context.Context, capability.Call) (capability.Answer, error) { panic("oh top-secret-value") }}
	set, err := secret.Resolve(t.Context(), known("top-secret-value"), []secret.Reference{{Name: "t", Env: "T"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for module, input := range map[string]string{"ask": `{}`, "batch": `[{"capability":"world","method":"ask","payload":{}}]`} {
		l := &ledger{}
		_, err := ask(t, granted(t, "module = '"+module+".wasm'", w, graph.Limits{}), l, func(r *invoke.Request) {
			r.Input, r.Scope.Redact = document.MustParse(input), secret.Redact(set)
		})
		if err == nil || !strings.Contains(err.Error(), `capability "world": panic: oh [secret:t]`) || len(l.facts) != 0 {
			t.Errorf("%s: %v", module, err)
		}
	}
}

// known resolves every secret to itself.
type known string

func (k known) Resolve(context.Context, secret.Reference) (string, error) { return string(k), nil }

// An answer that cannot be recorded is not seen; an end of the attempt in the
// middle of a call is no error of chainrun.
func TestCallsThatEnd(t *testing.T) {
	w := world{ask: answers(`{}`, capability.Usage{})}
	broken := errors.New("the disk is full")
	if _, err := ask(t, granted(t, "module = 'ask.wasm'", w, graph.Limits{}), &ledger{broken: broken}, nil); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	slow := world{ask: func(ctx context.Context, _ capability.Call) (capability.Answer, error) {
		<-ctx.Done()
		return capability.Answer{Document: document.Null()}, nil // too late
	}}
	l := &ledger{}
	o, err := ask(t, granted(t, "module = 'ask.wasm'\ntimeout = '20ms'", slow, graph.Limits{}), l, nil)
	if err != nil || o.Failure == nil || o.Failure.Code != failure.Timeout {
		t.Errorf("%+v, %v", o.Failure, err)
	}
	// It may have reached the world: it counts, and a cassette has it.
	if len(l.facts) != 1 || l.facts[0].Failure == nil || l.facts[0].Failure.Code != failure.Timeout || l.facts[0].Usage.Calls != 1 || !l.facts[0].Answer.IsZero() {
		t.Fatalf("%+v", l.facts)
	}
	again := &ledger{}
	o, err = ask(t, granted(t, "module = 'ask.wasm'", world{}, graph.Limits{}), again, func(r *invoke.Request) { r.Scope.Answers = taped(t, l.facts...) })
	if err != nil || o.Failure == nil || o.Failure.Code != failure.Timeout || !o.Failure.Retryable || len(again.facts) != 1 {
		t.Errorf("from a cassette: %+v, %v", o.Failure, err)
	}
}

// All calls of a batch that the attempt's time did not last for are recorded.
func TestBatchThatEnds(t *testing.T) {
	w := world{ask: func(ctx context.Context, _ capability.Call) (capability.Answer, error) {
		<-ctx.Done()
		return capability.Answer{}, ctx.Err()
	}}
	batch := func(r *invoke.Request) {
		r.Input = document.MustParse(`[{"capability":"world","method":"ask","payload":{"n":1}},{"capability":"world","method":"ask","payload":{"n":2}}]`)
	}
	l := &ledger{}
	o, err := ask(t, granted(t, "module = 'batch.wasm'\ntimeout = '20ms'", w, graph.Limits{}), l, batch)
	if err != nil || o.Failure == nil || o.Failure.Code != failure.Timeout || len(l.facts) != 2 {
		t.Fatalf("%+v, %v, %+v", o.Failure, err, l.facts)
	}
	again := &ledger{}
	o, err = ask(t, granted(t, "module = 'batch.wasm'", world{}, graph.Limits{}), again, func(r *invoke.Request) {
		batch(r)
		r.Scope.Answers = taped(t, l.facts...)
	})
	if err != nil || o.Failure == nil || o.Failure.Code != failure.Timeout || len(again.facts) != 2 {
		t.Errorf("from a cassette: %+v, %v, %+v", o.Failure, err, again.facts)
	}
}

// taped is a cassette of these calls.
func taped(t *testing.T, facts ...event.CapabilityAnswered) *cassette.Cassette {
	t.Helper()
	var b strings.Builder
	tape := cassette.NewWriter(&b, "g")
	for _, f := range facts {
		tape.Observe(event.Event{Body: f})
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := cassette.Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A session answers one at a time, in the order of the list, also in a batch.
func TestBatchOfASession(t *testing.T) {
	p := granted(t, "module = 'batch.wasm'", notebook{}, graph.Limits{})
	one := `{"capability":"world","method":"ask","payload":{}}`
	o, err := ask(t, p, &ledger{}, func(r *invoke.Request) {
		r.Input = document.MustParse(`[` + strings.Repeat(one+",", 63) + one + `]`)
	})
	if err != nil || o.Failure != nil || len(o.Stored) != 64 {
		t.Fatalf("%d stored, %v, %v", len(o.Stored), o.Failure, err)
	}
	for i, s := range o.Stored {
		if s.Key != fmt.Sprint(i+1) {
			t.Errorf("%d. is call %s", i+1, s.Key)
		}
	}
}

// A batch is answered from a cassette as it was by the world: what its calls used
// up counts only for what comes after it.
func TestBatchFromCassette(t *testing.T) {
	w := world{ask: answers(`{"long":"answer"}`, capability.Usage{OutputTokens: 100})}
	one := `{"capability":"world","method":"ask","payload":{}}`
	batch := func(r *invoke.Request) { r.Input = document.MustParse(`[` + one + `,` + one + `]`) }
	limits := graph.Limits{Tokens: 100, Bytes: 30}
	l := &ledger{}
	live, err := ask(t, granted(t, "module = 'batch.wasm'", w, limits), l, batch)
	if err != nil || live.Failure != nil || !strings.Contains(live.Output.String(), `{"answer":{"long":"answer"}},{"failure":`) {
		t.Fatalf("%+v, %v", live, err)
	}
	again := &ledger{}
	played, err := ask(t, granted(t, "module = 'batch.wasm'", w, limits), again, func(r *invoke.Request) {
		batch(r)
		r.Scope.Answers = taped(t, l.facts...)
	})
	if err != nil || played.Output.String() != live.Output.String() || played.Fuel != live.Fuel {
		t.Errorf("%v\n%s\n%s", err, live.Output, played.Output)
	}
}

// What a capability says that it used cannot be so much that it is nothing.
func TestHugeUsage(t *testing.T) {
	w := world{ask: answers(`{}`, capability.Usage{InputTokens: math.MaxInt64, OutputTokens: math.MaxInt64, Cost: math.MaxInt64})}
	l := &ledger{}
	o, err := ask(t, granted(t, "module = 'ask3.wasm'", w, graph.Limits{Tokens: 10}), l, nil)
	if err != nil || o.Failure == nil || o.Failure.Reason != "limit_used_up" || len(l.facts) != 2 {
		t.Errorf("%+v, %v, %d calls", o.Failure, err, len(l.facts))
	}
}

// A recorded run answers instead of the world, and ends where it is another one.
func TestAnswers(t *testing.T) {
	var b strings.Builder
	tape := cassette.NewWriter(&b, "g")
	tape.Observe(event.Event{Body: event.CapabilityAnswered{
		Attempt: event.Attempt{Step: "a", Number: 1}, Ordinal: 1, Capability: "world", Method: "ask",
		Request: document.MustParse(`{"q":1}`), Answer: document.MustParse(`"recorded"`), Usage: event.Usage{Calls: 1, OutputTokens: 3},
	}})
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	recorded, err := cassette.Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	w := world{ask: func(context.Context, capability.Call) (capability.Answer, error) {
		t.Error("the world was asked")
		return capability.Answer{}, nil
	}}
	play := func(module string, l *ledger) (event.Outcome, error) {
		return ask(t, granted(t, "module = '"+module+"'", w, graph.Limits{}), l, func(r *invoke.Request) { r.Scope.Answers = recorded })
	}
	l := &ledger{}
	o, err := play("ask.wasm", l)
	if err != nil || o.Failure != nil || string(o.Output.Bytes()) != `"recorded"` || l.facts[0].Usage.OutputTokens != 3 {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err = play("ask3.wasm", l); err == nil {
		t.Error("a call that was not recorded was answered")
	} else if _, ok := errors.AsType[*cassette.DivergedError](err); !ok {
		t.Error(err)
	}
}

// canned answers all calls alike.
type canned failure.Code

func (c canned) Answer(asked event.CapabilityAnswered) (event.CapabilityAnswered, error) {
	asked.Failure = &failure.Failure{Code: failure.Code(c)}
	return asked, nil
}

// An attempt that was canceled in a call when that was recorded waits there for
// what cancels it again, and does not diverge.
func TestRecordedCancellation(t *testing.T) {
	l := &ledger{}
	o, err := ask(t, granted(t, "module = 'ask.wasm'\ntimeout = '20ms'", world{}, graph.Limits{}), l, func(r *invoke.Request) {
		r.Scope.Answers = canned(failure.Canceled)
	})
	if err != nil || o.Failure == nil || o.Failure.Code != failure.Timeout || len(l.facts) != 0 {
		t.Errorf("%+v, %v, %+v", o.Failure, err, l.facts)
	}
}
