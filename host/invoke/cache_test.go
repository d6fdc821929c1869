package invoke_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
)

// shelf is a cache.
type shelf struct {
	kept map[string]event.AttemptSucceeded
	hits int
	err  error
}

func (s *shelf) Cached(_ context.Context, key string) (event.AttemptSucceeded, event.Origin, bool, error) {
	if s.err != nil {
		return event.AttemptSucceeded{}, event.Origin{}, false, s.err
	}
	made, found := s.kept[key]
	if found {
		s.hits++
	}
	return made, event.Origin{Run: "before", Attempt: made.Attempt}, found, nil
}

// attempt makes one, and keeps what comes of it.
func (s *shelf) attempt(t *testing.T, limits invoke.Limits, keys, input string, change func(*invoke.Request)) event.Outcome {
	t.Helper()
	r := invoke.Request{
		Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Input: document.MustParse(input),
		Time: time.Unix(1_700_000_000, 0), Scope: invoke.Scope{Run: "r1", Cache: s},
	}
	if change != nil {
		change(&r)
	}
	o, err := newInvoker(t, limits).Invoke(t.Context(), link(t, keys), r)
	if err != nil {
		t.Fatal(err)
	}
	if o.CacheKey != "" && o.From == nil {
		s.kept[o.CacheKey] = event.AttemptSucceeded{Attempt: r.Attempt, Output: o.Output, Fuel: o.Fuel, CacheKey: o.CacheKey}
	}
	return o
}

func newShelf() *shelf { return &shelf{kept: map[string]event.AttemptSucceeded{}} }

const cached = "module = 'echo.wasm'\ncache = true\n"

// What was made before is found again, whoever made it and when, and only where all is
// equal.
func TestCache(t *testing.T) {
	s := newShelf()
	first := s.attempt(t, invoke.Limits{}, cached, `{"q":1}`, nil)
	if first.CacheKey == "" || first.From != nil || first.Fuel == 0 {
		t.Fatalf("%+v", first)
	}
	again := s.attempt(t, invoke.Limits{}, cached+"timeout = '1s'\nmax_visits = 3\n", `{"q":1}`, func(r *invoke.Request) {
		r.Time, r.Seed, r.Number, r.Scope.Run = time.Unix(1, 0), event.Seed{1}, 2, "r2"
	})
	if again.From == nil || again.From.Run != "before" || again.Number != 2 || again.CacheKey != first.CacheKey ||
		!again.Output.Equal(first.Output) || again.Fuel != first.Fuel {
		t.Errorf("%+v", again)
	}
	for name, miss := range map[string]func() event.Outcome{
		"input": func() event.Outcome { return s.attempt(t, invoke.Limits{}, cached, `{"q":2}`, nil) },
		"space": func() event.Outcome { return s.attempt(t, invoke.Limits{}, cached, `{"q": 1}`, nil) },
		"config": func() event.Outcome {
			return s.attempt(t, invoke.Limits{}, cached+"config = {a = 1}\n", `{"q":1}`, nil)
		},
		"module": func() event.Outcome {
			return s.attempt(t, invoke.Limits{}, "module = 'answer.wasm'\ncache = true\n", `{"q":1}`, nil)
		},
		"fuel": func() event.Outcome { return s.attempt(t, invoke.Limits{}, cached+"fuel = 1000\n", `{"q":1}`, nil) },
		"memory": func() event.Outcome {
			return s.attempt(t, invoke.Limits{}, cached+"memory = '128MiB'\n", `{"q":1}`, nil)
		},
		"depth":    func() event.Outcome { return s.attempt(t, invoke.Limits{CallDepth: 9}, cached, `{"q":1}`, nil) },
		"tables":   func() event.Outcome { return s.attempt(t, invoke.Limits{TableElements: 9}, cached, `{"q":1}`, nil) },
		"calls":    func() event.Outcome { return s.attempt(t, invoke.Limits{HostCalls: 9}, cached, `{"q":1}`, nil) },
		"document": func() event.Outcome { return s.attempt(t, invoke.Limits{DocumentBytes: 99}, cached, `{"q":1}`, nil) },
		"feedback": func() event.Outcome {
			return s.attempt(t, invoke.Limits{}, cached, `{"q":1}`, func(r *invoke.Request) { r.Feedback = []failure.Violation{{Keyword: "type"}} })
		},
		"no cache": func() event.Outcome { return s.attempt(t, invoke.Limits{}, "module = 'echo.wasm'\n", `{"q":1}`, nil) },
	} {
		s.hits = 0
		if o := miss(); o.From != nil || s.hits != 0 || o.Failure != nil {
			t.Errorf("another %s: %+v", name, o)
		} else if (o.CacheKey == "") != (name == "no cache") {
			t.Errorf("another %s: key %q", name, o.CacheKey)
		}
	}
	for name, text := range map[string]string{"failed": "fail", "trapped": "trap", "is no document": "words"} {
		if o := s.attempt(t, invoke.Limits{}, "module = '"+text+".wasm'\ncache = true\n", `{}`, nil); o.CacheKey != "" || o.Failure == nil {
			t.Errorf("what %s is kept: %+v", name, o)
		}
	}
	if o := s.attempt(t, invoke.Limits{}, "module = 'ask.wasm'\ncache = true\n", `{}`, nil); o.CacheKey != "" {
		t.Errorf("what asked for what it was not granted is kept: %+v", o)
	}
}

// What cannot be used is a miss.
func TestCacheThatIsWrong(t *testing.T) {
	s := newShelf()
	first := s.attempt(t, invoke.Limits{}, cached, `{"q":1}`, nil)
	strict := s.attempt(t, invoke.Limits{}, cached+"output_schema = {type = 'string'}\n", `{"q":1}`, nil)
	if strict.Failure == nil || strict.Failure.Code != failure.InvalidOutput || strict.From != nil || strict.Fuel != first.Fuel || s.hits != 1 {
		t.Errorf("another graph's schema: %+v, %d hits", strict, s.hits)
	}
	good := s.kept[first.CacheKey]
	for name, change := range map[string]func(*event.AttemptSucceeded){
		"no output":    func(m *event.AttemptSucceeded) { m.Output = document.Document{} },
		"another key":  func(m *event.AttemptSucceeded) { m.CacheKey = "sha256:00" },
		"no execution": func(m *event.AttemptSucceeded) { m.From = &event.Origin{} },
	} {
		bad := good
		change(&bad)
		s.kept[first.CacheKey] = bad
		if o := s.attempt(t, invoke.Limits{}, cached, `{"q":1}`, nil); o.From != nil || !o.Output.Equal(first.Output) {
			t.Errorf("%s: %+v", name, o)
		}
	}
	s.err = errors.New("the store is broken")
	if o := s.attempt(t, invoke.Limits{}, cached, `{"q":1}`, nil); o.From != nil || !o.Output.Equal(first.Output) {
		t.Errorf("broken: %+v", o)
	}
	s.err, s.hits = nil, 0
	if o := s.attempt(t, invoke.Limits{}, cached, `{"q":1}`, func(r *invoke.Request) { r.Scope.Replay = true }); o.From != nil || s.hits != 0 {
		t.Errorf("a replay looks nothing up: %+v", o)
	}
}

// A node that was given a grant is no pure function, whatever its graph says.
func TestCacheOfAGrantedNode(t *testing.T) {
	p := granted(t, cached, world{}, graph.Limits{})
	if o, err := ask(t, p, &ledger{}, nil); err != nil || o.CacheKey != "" {
		t.Errorf("%+v, %v", o, err)
	}
}
