package inspect_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
)

func detail(t *testing.T, g *graph.Graph, events []event.Event, step string) inspect.StepDetail {
	t.Helper()
	d, err := inspect.Detail(g, slices.Values(events), step)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDetail(t *testing.T) {
	g, events := films.run(t)
	d := detail(t, g, events, "judge[2]")
	got, err := json.Marshal(d)
	want := `{"run":"r1","step":"judge[2]","node":"judge","status":"done","attempts":2,"fuel":12,"duration_ms":3000,` +
		`"failures":[{"attempt":1,"code":"invalid_output","message":"the output breaks its schema","violations":[{"pointer":"/again","keyword":"type","message":"expected boolean","found":"1"}],"fuel":5,"wait_ms":1000}],"repaired":2,` +
		`"came_from":["judge[1]"],"input":{"again":true,"word":"so far so good","films":[{"id":"tt0017136","title":"Metropolis"}]},` +
		`"output":{"again":false,"word":"very good","films":[{"title":"Metropolis","id":"tt0017136"},{"title":"Nosferatu"}]},` +
		`"state_before":{"seen":["so far so good"]},"state_after":{"seen":["so far so good","very good"]},` +
		`"tries":[{"attempt":1,"status":"failed","started":"2026-01-01T00:00:07Z","duration_ms":1000,"fuel":5,` +
		`"failure":{"code":"invalid_output","message":"the output breaks its schema","node":"judge","step":"judge[2]","attempt":1,"violations":[{"pointer":"/again","keyword":"type","message":"expected boolean","found":"1"}],"retryable":true},"output":{"again":1}},` +
		`{"attempt":2,"status":"done","started":"2026-01-01T00:00:09Z","duration_ms":1000,"fuel":7,"wait_ms":1000,` +
		`"feedback":[{"pointer":"/again","keyword":"type","message":"expected boolean","found":"1"}],` +
		`"output":{"again":false,"word":"very good","films":[{"title":"Metropolis","id":"tt0017136"},{"title":"Nosferatu"}]}}]}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
}

// TestDetailOfWhatIsInside: elements, and steps with others inside, have their documents, too.
func TestDetailOfWhatIsInside(t *testing.T) {
	g, events := films.run(t)
	for _, c := range []struct{ step, input, output, before string }{
		{"look", `[{"id":"tt0017136"},{"id":"tt0021749"},{"id":"tt0013442"}]`, `[{"title":"Metropolis","id":"tt0017136"},{"title":"M, eine Stadt","id":"tt0021749"},{"title":"Nosferatu","house":"the old cinema"}]`, `{"seen":[]}`},
		{"look#2", `{"id":"tt0013442"}`, `{"title":"Nosferatu","house":"the old cinema"}`, `{"seen":[]}`},
		{"sub", `{"films":[{"id":"tt0017136","title":"Metropolis"},{"title":"Nosferatu"}],"seen":["so far so good","very good"]}`, `{"report":{"best":{"title":"Metropolis","id":"tt0017136"},"words":["so far so good","very good"],"town":"Berlin","stars":4.5,"ok":true}}`, `{"seen":["so far so good","very good"]}`},
		{"sub/inner", `{"films":[{"id":"tt0017136","title":"Metropolis"},{"title":"Nosferatu"}],"seen":["so far so good","very good"]}`, `{"best":{"id":"tt0017136","title":"Metropolis"},"words":["so far so good","very good"],"more":{"town":"Berlin","stars":4.50}}`, ``},
	} {
		d := detail(t, g, events, c.step)
		if got := d.Input.String(); got != c.input {
			t.Errorf("%s is given %s, want %s", c.step, got, c.input)
		}
		if got := d.Output.String(); got != c.output {
			t.Errorf("%s gave %s, want %s", c.step, got, c.output)
		}
		if got := d.Before.String(); got != c.before {
			t.Errorf("%s saw the state %s, want %s", c.step, got, c.before)
		}
	}
	look := detail(t, g, events, "look")
	if look.Elements != 3 || look.Usage.Calls != 3 || len(look.Tries) != 0 || look.Config.String() != `{"house":"the old cinema"}` {
		t.Errorf("%+v", look)
	}
	call := detail(t, g, events, "look#0").Tries[0].Calls
	if len(call) != 1 || call[0].Capability != "fetch" || call[0].DurationMS != 20 || call[0].Request.IsZero() || call[0].Answer.IsZero() {
		t.Errorf("%+v", call)
	}
}

// TestDetailIsKnownWithoutAGraph: what the events say is there.
func TestDetailIsKnownWithoutAGraph(t *testing.T) {
	g, events := films.run(t)
	d := detail(t, nil, events, "judge[2]")
	if d.Doubt == "" || !d.Input.IsZero() || d.Output.IsZero() || len(d.Tries) != 2 || d.Status != inspect.StepDone {
		t.Errorf("%+v", d)
	}
	// A fact is missing from here on.
	damaged := slices.Delete(slices.Clone(events), 3, 4)
	if d := detail(t, g, damaged, "judge[2]"); d.Doubt == "" || d.Output.IsZero() {
		t.Errorf("%+v", d)
	}
}

func TestUnknownStep(t *testing.T) {
	g, events := films.run(t)
	for step, want := range map[string]string{"judge": "judge[1]", "judge[3]": "judge[1]", "lok": "look", "sub/iner": "sub/inner", "somethingelse": ""} {
		_, err := inspect.Detail(g, slices.Values(events), step)
		var unknown *inspect.UnknownStepError
		if !errors.As(err, &unknown) {
			t.Fatalf("%s: %v", step, err)
		}
		if first := append(unknown.Nearest, "")[0]; first != want || unknown.Run != "r1" {
			t.Errorf("%s: %v, want %q first", step, err, want)
		}
	}
}

// TestWaitingAndInterrupted: a step that waits, and one in the middle of which the host
// has stopped.
func TestWaitingAndInterrupted(t *testing.T) {
	p := play{
		graph: "version = 1\nchain = [\"work\", \"ask\"]\n[nodes.work]\nmodule = \"w.wasm\"\n[nodes.ask]\nwait = true\n",
		nodes: func(stepper.Invoke) event.Outcome { return success(`{"question":"yes or no"}`) },
		stops: 2,
	}
	g, events := p.run(t)
	v := inspect.Fold(g, slices.Values(events))
	if v.Status != inspect.Waiting || !slices.Equal(v.Waits, []string{"ask"}) || v.Resumed != 2 || v.Steps[0].Interrupted != 2 || v.Steps[1].Interrupted != 0 {
		t.Errorf("%+v", v)
	}
	if d := detail(t, g, events, "work"); d.Tries[0].Interrupted != 2 {
		t.Errorf("%+v", d)
	}
	d := detail(t, g, events, "ask")
	if d.Status != inspect.StepWaiting || d.Tries[0].Status != inspect.StepWaiting || d.Input.String() != `{"question":"yes or no"}` || !slices.Equal(d.CameFrom, []string{"work"}) {
		t.Errorf("%+v", d)
	}
	p.signals = map[string]string{"ask": `"yes"`}
	g, events = p.run(t)
	if d := detail(t, g, events, "ask"); d.Output.String() != `"yes"` || d.Tries[0].Signal.String() != `"yes"` {
		t.Errorf("%+v", d)
	}
}

// TestTakenOver: what was not executed says where it comes from.
func TestTakenOver(t *testing.T) {
	p := play{
		graph: "version = 1\nchain = [\"a\", \"b\"]\n[nodes.a]\nmodule = \"a.wasm\"\n[nodes.b]\nmodule = \"b.wasm\"\n",
		nodes: func(c stepper.Invoke) event.Outcome {
			o := success(`1`)
			o.From = &event.Origin{Run: "old", Attempt: event.Attempt{Step: c.Step, Node: c.Node, Number: 2}}
			if c.Step == "b" {
				o.CacheKey = "key"
			}
			return o
		},
		started: event.RunStarted{Engine: "e 1", Forked: &event.Forked{Run: "old", Step: "b", Input: document.MustParse(`5`)}},
	}
	g, events := p.run(t)
	v := inspect.Fold(g, slices.Values(events))
	if *v.Steps[0].From != (inspect.Taken{How: inspect.FromFork, Run: "old", Step: "a", Attempt: 2}) || v.Steps[1].From.How != inspect.FromCache {
		t.Errorf("%+v", v.Steps)
	}
	if v.ForkedFrom == nil || v.ForkedFrom.Run != "old" || v.ForkedFrom.Step != "b" || !v.ForkedFrom.Input || !slices.Equal(v.Engines, []string{"e 1"}) {
		t.Errorf("%+v", v)
	}
	if d := detail(t, g, events, "b"); d.Input.String() != `5` || d.Tries[0].From.How != inspect.FromCache {
		t.Errorf("%+v", d)
	}
}
