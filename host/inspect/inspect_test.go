package inspect_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// loop is the graph draft → check → publish with an edge back.
func loop(t *testing.T) *graph.Graph {
	t.Helper()
	word := func(s string) graph.Word { return graph.Word{Text: s} }
	src := &graph.Source{File: "t.toml", Chain: []graph.Word{word("draft"), word("check"), word("publish")}}
	// Another order in the file than in the graph.
	for _, name := range []string{"publish", "draft", "check"} {
		src.Nodes = append(src.Nodes, graph.NodeSource{Name: name, Module: name + ".wasm"})
	}
	src.Edges = []graph.EdgeSource{{From: word("check"), To: word("draft"), When: graph.Expression{Text: "!output.ok"}}}
	g, found := graph.Build(src, nil)
	if found.Failed() {
		t.Fatal(found)
	}
	return g
}

// story makes events of bodies, a second apart.
func story(bodies ...event.Body) (events []event.Event) {
	for i, b := range bodies {
		events = append(events, event.Event{Run: "r1", Seq: uint64(i + 1), Time: epoch.Add(time.Duration(i) * time.Second), Body: b})
	}
	return events
}

func attempt(step string, n int) event.Attempt {
	node, _, _ := strings.Cut(step, "[")
	return event.Attempt{Step: step, Node: node, Number: n}
}

func began(step string, n int) event.Body { return event.AttemptStarted{Attempt: attempt(step, n)} }

func gave(step string, n int, output string, fuel uint64) event.Body {
	return event.AttemptSucceeded{Attempt: attempt(step, n), Output: document.MustParse(output), Fuel: fuel}
}

func broke(step string, n int, f failure.Failure, fuel uint64) event.Body {
	f.Step, f.Attempt = step, n
	return event.AttemptFailed{Attempt: attempt(step, n), Failure: f, Fuel: fuel}
}

var start = event.RunStarted{Graph: "t", Plan: "sha256:plan", Input: document.MustParse(`{"a":1}`), Seed: event.Seed{1}}

func whole() []event.Event {
	return story(start,
		began("draft[1]", 1), gave("draft[1]", 1, `1`, 10),
		began("check[1]", 1), broke("check[1]", 1, failure.Failure{Code: failure.Timeout, Message: "slow"}, 5),
		began("check[1]", 2), gave("check[1]", 2, `{"ok":false}`, 20),
		began("draft[2]", 1), gave("draft[2]", 1, `2`, 10),
		began("check[2]", 1), gave("check[2]", 1, `{"ok":true}`, 20),
		began("publish", 1), gave("publish", 1, `{"done":1.0}`, 1),
		event.RunFinished{Status: event.Done, Output: document.MustParse(`{"done":1.0}`)},
	)
}

func fold(t *testing.T, events []event.Event) inspect.View {
	t.Helper()
	return inspect.Fold(loop(t), slices.Values(events))
}

func TestViewOfARun(t *testing.T) {
	v := fold(t, whole())
	v.Digest = "sha256:…"
	got, err := json.Marshal(v)
	want := `{"run":"r1","status":"done","output":{"done":1.0},"failure":null,"steps":[` +
		`{"step":"draft[1]","node":"draft","status":"done","attempts":1,"fuel":10,"duration_ms":1000},` +
		`{"step":"check[1]","node":"check","status":"done","attempts":2,"fuel":25,"duration_ms":3000,` +
		`"failures":[{"attempt":1,"code":"timeout","message":"slow","fuel":5,"wait_ms":1000}]},` +
		`{"step":"draft[2]","node":"draft","status":"done","attempts":1,"fuel":10,"duration_ms":1000},` +
		`{"step":"check[2]","node":"check","status":"done","attempts":1,"fuel":20,"duration_ms":1000},` +
		`{"step":"publish","node":"publish","status":"done","attempts":1,"fuel":1,"duration_ms":1000}],` +
		`"fuel":66,"digest":"sha256:…","graph":"t","started":"2026-01-01T00:00:00Z","ended":"2026-01-01T00:00:13Z"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
}

// TestViewOfAnOpenRun: a view can be had at any moment.
func TestViewOfAnOpenRun(t *testing.T) {
	events := whole()
	want := []string{
		"running", "running draft[1]:running", "running draft[1]:done", "running draft[1]:done check[1]:running",
		"running draft[1]:done check[1]:failed", "running draft[1]:done check[1]:running",
	}
	for i, w := range want {
		v := fold(t, events[:i+1])
		got := v.Status
		for _, s := range v.Steps {
			got += " " + s.Step + ":" + string(s.Status)
		}
		if got != w || v.Digest != "" || v.Output.Kind() != document.KindAbsent {
			t.Errorf("after %d events: %s, digest %q; want %s", i+1, got, v.Digest, w)
		}
	}
	if v := fold(t, nil); v.Status != inspect.Running || v.Steps == nil {
		t.Errorf("no event: %+v", v)
	}
}

func TestViewOfFailures(t *testing.T) {
	f := failure.Failure{Code: failure.NodeError, Reason: "r", Message: "m", Node: "draft", Step: "draft[1]", Attempt: 1}
	v := fold(t, story(start, began("draft[1]", 1), broke("draft[1]", 1, f, 3), event.RunFinished{Status: event.Failed, Failure: &f}))
	got, err := json.Marshal(v.Failure)
	want := `{"code":"node_error","reason":"r","message":"m","node":"draft","step":"draft[1]","attempt":1}`
	if err != nil || string(got) != want || v.Steps[0].Status != inspect.StepFailed || v.Fuel != 3 {
		t.Errorf("%s, %+v", got, v)
	}
	canceled := failure.Failure{Code: failure.Canceled}
	v = fold(t, story(start, began("draft[1]", 1), event.CancelRequested{}, broke("draft[1]", 1, canceled, 3), event.RunFinished{Status: event.Canceled, Failure: &canceled}))
	if v.Status != "canceled" || v.Steps[0].Status != inspect.StepCanceled {
		t.Errorf("%+v", v)
	}
	v = fold(t, story(start, began("draft[1]", 1), gave("draft[1]", 1, "1", 1),
		event.StepFailed{Step: "check[1]", Node: "check", Failure: failure.Failure{Code: failure.ExpressionError}},
		event.StepSkipped{Step: "publish", Node: "publish"}, event.RunFinished{Status: event.Done, Output: document.Null()}))
	if v.Steps[1].Status != inspect.StepFailed || v.Steps[1].Attempts != 0 || v.Steps[2].Status != inspect.StepSkipped {
		t.Errorf("%+v", v.Steps)
	}
}

// TestDigest: what is in the lineage changes the digest, what is not does not.
func TestDigest(t *testing.T) {
	base := fold(t, whole()).Digest
	same := map[string]func([]event.Event){
		"run's id":         func(es []event.Event) { each(es, func(e *event.Event) { e.Run = "other" }) },
		"times":            func(es []event.Event) { each(es, func(e *event.Event) { e.Time = e.Time.Add(time.Hour) }) },
		"fuel of timeouts": func(es []event.Event) { es[4].Body = broke("check[1]", 1, failure.Failure{Code: failure.Timeout}, 99) },
		"our own words": func(es []event.Event) {
			es[4].Body = broke("check[1]", 1, failure.Failure{Code: failure.Timeout, Message: "x"}, 5)
		},
		"how a number is written": func(es []event.Event) {
			es[13].Body = event.RunFinished{Status: event.Done, Output: document.MustParse(`{"done":1}`)}
		},
		"graph's name": func(es []event.Event) { s := start; s.Graph = "x"; es[0].Body = s },
		"engine":       func(es []event.Event) { s := start; s.Engine = "x"; es[0].Body = s },
		"cassette":     func(es []event.Event) { s := start; s.Cassette = true; es[0].Body = s },
		"fork without changes": func(es []event.Event) {
			es[0].Body = forked(event.Forked{Run: "r0", Step: "check[1]"})
		},
		"where an outcome is from": func(es []event.Event) {
			b := gave("draft[1]", 1, `1`, 10).(event.AttemptSucceeded)
			b.From, b.CacheKey = &event.Origin{Run: "r0", Attempt: attempt("draft[1]", 1)}, "key"
			es[2].Body = b
		},
	}
	for name, change := range same {
		events := whole()
		change(events)
		if got := fold(t, events).Digest; got != base {
			t.Errorf("%s: the digest has changed", name)
		}
	}
	other := map[string]func([]event.Event){
		"plan":  func(es []event.Event) { s := start; s.Plan = "x"; es[0].Body = s },
		"seed":  func(es []event.Event) { s := start; s.Seed[3] = 1; es[0].Body = s },
		"input": func(es []event.Event) { s := start; s.Input = document.Null(); es[0].Body = s },
		"fork's input": func(es []event.Event) {
			es[0].Body = forked(event.Forked{Run: "r0", Step: "check[1]", Input: document.Null()})
		},
		"fork's state": func(es []event.Event) {
			es[0].Body = forked(event.Forked{Run: "r0", Step: "check[1]", State: []document.Field{{Key: "k", Value: document.Null()}}})
		},
		"output":       func(es []event.Event) { es[2].Body = gave("draft[1]", 1, `3`, 10) },
		"fuel":         func(es []event.Event) { es[2].Body = gave("draft[1]", 1, `1`, 11) },
		"attempts":     func(es []event.Event) { es[4].Body, es[5].Body = event.TimerFired{}, event.TimerFired{} },
		"code":         func(es []event.Event) { es[4].Body = broke("check[1]", 1, failure.Failure{Code: failure.Trap}, 0) },
		"run's output": func(es []event.Event) { es[13].Body = event.RunFinished{Status: event.Done, Output: document.Null()} },
	}
	for name, change := range other {
		events := whole()
		change(events)
		if got := fold(t, events).Digest; got == base {
			t.Errorf("%s: the digest has not changed", name)
		}
	}
	const want = "sha256:"
	if !strings.HasPrefix(base, want) || len(base) != len(want)+64 {
		t.Errorf("digest %q", base)
	}
}

// TestDigestIsForEver: version 1 of the rule gives this, on every machine.
func TestDigestIsForEver(t *testing.T) {
	const want = "sha256:c54cf37bde009e94328f71dce1c88993de146ed29fd0f53a7456e9fad26e6b4c"
	if got := fold(t, whole()).Digest; got != want {
		t.Errorf("digest %s, want %s: a new rule needs a new LineageVersion", got, want)
	}
}

func each(events []event.Event, change func(*event.Event)) {
	for i := range events {
		change(&events[i])
	}
}

func forked(f event.Forked) event.RunStarted {
	s := start
	s.Forked = &f
	return s
}

// TestDigestOfForks: forks that differ in what they change differ in their digests,
// those of different runs do not.
func TestDigestOfForks(t *testing.T) {
	digest := func(run, step, input string, state ...document.Field) string {
		f := event.Forked{Run: run, Step: step, State: state}
		if input != "" {
			f.Input = document.MustParse(input)
		}
		events := whole()
		events[0].Body = forked(f)
		return fold(t, events).Digest
	}
	k, l := document.Field{Key: "k", Value: document.Int(1)}, document.Field{Key: "l", Value: document.Int(2)}
	seen := map[string]int{}
	for i, d := range []string{
		digest("r0", "check[1]", ""), digest("r0", "check[1]", "1"), digest("r0", "check[2]", "1"), digest("r0", "check[1]", "2"),
		digest("r0", "check[1]", "", k), digest("r0", "check[1]", "1", k), digest("r0", "check[1]", "", k, l), digest("r0", "check[1]", "", l),
		digest("r0", "check[1]", "", document.Field{Key: "k", Value: document.Int(2)}),
	} {
		if j, is := seen[d]; is {
			t.Errorf("forks %d and %d have one digest", j, i)
		}
		seen[d] = i
	}
	if digest("r0", "check[1]", "1", k, l) != digest("r9", "check[1]", "1.0", l, k) {
		t.Error("the digest tells which run it is a fork of, or how it was written")
	}
}
