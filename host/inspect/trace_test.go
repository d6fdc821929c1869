package inspect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
)

// story of a trace, a line a source.
func tell(t *testing.T, g *graph.Graph, events []event.Event, pointer string) string {
	t.Helper()
	traced, err := inspect.Trace(g, slices.Values(events), pointer)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if traced.Common {
		b.WriteString("common\n")
	}
	for _, s := range traced.Sources {
		fmt.Fprintf(&b, "%s%s %s%s%s", strings.Repeat("  ", s.Depth), s.Place, s.Step, s.Capability, s.Pointers)
		if s.Made {
			b.WriteString(" made")
		}
		if s.LedBy != nil {
			fmt.Fprintf(&b, " led by %v of %d", s.LedBy, s.Leading)
		}
		if s.Again {
			b.WriteString(" again")
		}
		b.WriteByte('\n')
	}
	if traced.Truncated {
		b.WriteString("truncated\n")
	}
	return b.String()
}

func TestTrace(t *testing.T) {
	g, events := films.run(t)
	for pointer, want := range map[string]string{
		// Through a subgraph, a loop, a foreach, to the answer of a call.
		"/report/best": `output sub[/report/best]
  output sub/last[/report/best]
    output sub/inner[/best]
      output judge[2][/films/0]
        output judge[1][/films/0]
          output look[/0]
            output look#0[]
              answer look#0fetch[/body]
`,
		// From the state: the step that wrote it. From there on it was made.
		"/report/words/0": `output sub[/report/words/0]
  output sub/last[/report/words/0]
    output sub/inner[/words/0]
      state sub[/seen/0]
        output judge[1][/word] made led by [list look] of 2
`,
		"/report/town": `output sub[/report/town]
  output sub/last[/report/town]
    output sub/inner[/more/town] made led by [list look judge[1] judge[2]] of 4
`,
		"/report/stars": `output sub[/report/stars]
  output sub/last[/report/stars]
    output sub/inner[/more/stars] made led by [list look judge[1] judge[2]] of 4
`,
		"/report/ok": "common\noutput sub[] made led by [list look judge[1] judge[2] sub/inner sub/last] of 6\n",
	} {
		got := tell(t, g, events, pointer)
		if got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", pointer, got, want)
		}
	}
}

// TestTraceOfEverythingElse: what else a value can be found in.
func TestTraceOfEverythingElse(t *testing.T) {
	const pair = "version = 1\nchain = [\"a\", \"b\"]\n[nodes.a]\nmodule = \"a.wasm\"\n[nodes.b]\nmodule = \"b.wasm\"\n"
	gives := func(outputs map[string]string) func(stepper.Invoke) event.Outcome {
		return func(c stepper.Invoke) event.Outcome {
			if text, ok := outputs[c.Step]; ok {
				return success(text)
			}
			return event.Outcome{Failure: &failure.Failure{Code: failure.NodeError, Reason: "why", Message: "the till is empty"}}
		}
	}
	for name, c := range map[string]struct {
		play
		pointer, want string
	}{
		"the run's input": {
			play{graph: pair, input: `{"x":["long ago"]}`, nodes: gives(map[string]string{"a": `{"y":"long ago"}`, "b": `"long ago"`})},
			"",
			"output b[]\n  output a[/y]\n    run_input [/x/0]\n",
		},
		"config": {
			play{graph: pair + "config = { motto = \"per aspera\" }\n", nodes: gives(map[string]string{"a": `{}`, "b": `["per aspera"]`})},
			"/0",
			"output b[/0]\n  config b[/motto]\n",
		},
		"a signal": {
			play{
				graph: "version = 1\nchain = [\"ask\", \"b\"]\n[nodes.ask]\nwait = true\n[nodes.b]\nmodule = \"b.wasm\"\n",
				nodes: gives(map[string]string{"b": `"approved"`}), signals: map[string]string{"ask": `{"says":"approved"}`},
			},
			"",
			"output b[]\n  output ask[/says]\n    signal ask[/says]\n",
		},
		"a failure": {
			play{
				graph: strings.Replace(pair, `chain = ["a", "b"]`, "", 1) + "[[edges]]\nfrom = \"a\"\nto = \"b\"\non = \"error\"\n",
				nodes: gives(map[string]string{"b": `{"sorry":"the till is empty"}`}),
			},
			"/b/sorry",
			"output b[/sorry]\n  failure a[/message] made\n",
		},
		"what a failed step was given": {
			play{
				graph: strings.Replace(pair, `chain = ["a", "b"]`, "", 1) + "[[edges]]\nfrom = \"a\"\nto = \"b\"\non = \"error\"\n",
				input: `{"order":4711}`, nodes: gives(map[string]string{"b": `{"order":4711.0}`}),
			},
			"/b/order",
			"output b[/order]\n  run_input [/order]\n",
		},
		"an object keyed by node": {
			play{
				graph: strings.Replace(pair, `chain = ["a", "b"]`, "", 1), nodes: gives(map[string]string{"a": `"alpha"`, "b": `["beta"]`}),
			},
			"/b/0",
			"output b[/0] made\n",
		},
		"all of it": {
			play{
				graph: strings.Replace(pair, `chain = ["a", "b"]`, "", 1), nodes: gives(map[string]string{"a": `"alpha"`, "b": `["beta"]`}),
			},
			"",
			"graph [] made led by [a b] of 2\n",
		},
		"the graph's own value": {
			play{graph: pair + "[output]\nvalue = \"{'got': output.y, 'asked': run.input.x}\"\n", input: `{"x":"question"}`, nodes: gives(map[string]string{"a": `{}`, "b": `{"y":"answer"}`})},
			"/asked",
			"graph []\n  run_input [/x]\n",
		},
		"the graph's own value, from a step": {
			play{graph: pair + "[output]\nvalue = \"{'got': output.y, 'asked': run.input.x}\"\n", input: `{"x":"question"}`, nodes: gives(map[string]string{"a": `{}`, "b": `{"y":"answer"}`})},
			"/got",
			"graph []\n  output b[/y] made led by [a] of 1\n",
		},
		"a loop that was left in a later turn": {
			play{
				graph: `version = 1
chain = ["look", "check", "report"]
[nodes.look]
module = "a.wasm"
[nodes.check]
module = "a.wasm"
[nodes.mend]
module = "a.wasm"
[nodes.report]
module = "a.wasm"
[[edges]]
from = "check"
to = "mend"
on = "error"
[[edges]]
from = "mend"
to = "check"
`,
				nodes: gives(map[string]string{"look": `{}`, "mend[1]": `"mended"`, "check[2]": `["mended"]`, "report": `{"was":"mended","by":"nobody"}`}),
			},
			"/was",
			"output report[/was]\n  output check[2][/0]\n    output mend[1][] made led by [look check[1]] of 2\n",
		},
		"a list of elements": {
			play{
				graph: "version = 1\n[nodes.a]\nmodule = \"a.wasm\"\nforeach = \"input\"\n", input: `["x1","x2"]`,
				nodes: gives(map[string]string{"a#0": `"first"`, "a#1": `"second"`}),
			},
			"",
			"output a[] made led by [a#0 a#1] of 2\n",
		},
		"an element": {
			play{
				graph: "version = 1\n[nodes.a]\nmodule = \"a.wasm\"\nforeach = \"input\"\n", input: `["x1","x23"]`,
				nodes: gives(map[string]string{"a#0": `"first"`, "a#1": `"x23"`}),
			},
			"/1",
			"output a[/1]\n  output a#1[]\n    run_input [/1]\n",
		},
	} {
		g, events := c.run(t)
		if got := tell(t, g, events, c.pointer); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, c.want)
		}
	}
}

func TestPointersThatLeadNowhere(t *testing.T) {
	g, events := films.run(t)
	var wrong *inspect.PointerError
	if _, err := inspect.Trace(g, slices.Values(events), "/report/bets"); !errors.As(err, &wrong) || wrong.Known != "/report" {
		t.Errorf("%v", err)
	}
	for _, pointer := range []string{"report", "/report/words/2", "/report/words/01", "/report/words/-1", "/report/ok/x", "/"} {
		if _, err := inspect.Trace(g, slices.Values(events), pointer); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", pointer, err)
		}
	}
	if _, err := inspect.Trace(g, slices.Values(events[:4]), ""); !errors.As(err, &wrong) {
		t.Errorf("a run without an output: %v", err)
	}
}

// TestTraceIsBounded: a value that stands everywhere does not take for ever.
func TestTraceIsBounded(t *testing.T) {
	p := play{
		graph: "version = 1\nmax_steps = 9000\n[nodes.a]\nmodule = \"a.wasm\"\nmax_visits = 9000\n[[edges]]\nfrom = \"a\"\nto = \"a\"\nwhen = \"output.n < 3000\"\n",
	}
	n := 0
	p.nodes = func(stepper.Invoke) event.Outcome {
		n++
		return event.Outcome{Output: document.Object(document.Field{Key: "n", Value: document.Int(int64(n))}, document.Field{Key: "same", Value: document.String("forever")})}
	}
	g, events := p.run(t)
	traced, err := inspect.Trace(g, slices.Values(events), "/same")
	if err != nil || !traced.Truncated || len(traced.Sources) != 1000 {
		t.Errorf("%v, %d sources", err, len(traced.Sources))
	}
}
