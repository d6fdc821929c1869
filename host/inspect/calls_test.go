package inspect_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/inspect"
)

func asked(step string, n, ordinal int, u event.Usage) event.Body {
	return event.CapabilityAnswered{Attempt: attempt(step, n), Ordinal: ordinal, Capability: "llm", Method: "chat", Usage: u}
}

// withCalls is the story of whole with calls in it.
func withCalls() []event.Event {
	var bodies []event.Body
	for _, e := range whole() {
		bodies = append(bodies, e.Body)
		if b, ok := e.Body.(event.AttemptStarted); ok && b.Node == "check" {
			bodies = append(bodies,
				asked(b.Step, b.Number, 1, event.Usage{Calls: 1, Bytes: 10, InputTokens: 3, OutputTokens: 2, Cost: 1_250_000}),
				asked(b.Step, b.Number, 2, event.Usage{Calls: 1}))
		}
	}
	return story(bodies...)
}

func TestUsageOfStepsAndRun(t *testing.T) {
	v := fold(t, withCalls())
	one := event.Usage{Calls: 2, Bytes: 10, InputTokens: 3, OutputTokens: 2, Cost: 1_250_000}
	if want := one.Plus(one).Plus(one); v.Usage != want {
		t.Errorf("the run has used %+v, want %+v", v.Usage, want)
	}
	for _, s := range v.Steps {
		want := map[string]event.Usage{"check[1]": one.Plus(one), "check[2]": one}[s.Step]
		if s.Usage != want {
			t.Errorf("%s has used %+v, want %+v", s.Step, s.Usage, want)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"usage":{"calls":6,"bytes":30,"input_tokens":9,"output_tokens":6,"cost":0.00375},"digest"`,
		`"usage":{"calls":2,"bytes":10,"input_tokens":3,"output_tokens":2,"cost":0.00125}}`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("there is no %s in\n%s", want, b)
		}
	}
	if n := strings.Count(string(b), `"usage"`); n != 3 {
		t.Errorf("%d usages are shown in\n%s", n, b)
	}
	// Nobody looks for what is not there.
	if b, err := json.Marshal(fold(t, whole())); err != nil || strings.Contains(string(b), "usage") {
		t.Errorf("%s, %v", b, err)
	}
}

// TestDigestIsOverWhatNodesGave: calls and what is stored do not change it.
func TestDigestIsOverWhatNodesGave(t *testing.T) {
	stored := withCalls()
	for i, e := range stored {
		if b, ok := e.Body.(event.AttemptSucceeded); ok {
			b.Stored = []event.Stored{{Space: "s", Key: "k", Value: document.Null()}}
			stored[i].Body = b
		}
	}
	want := fold(t, whole()).Digest
	for _, events := range [][]event.Event{withCalls(), stored} {
		if got := fold(t, events).Digest; got != want {
			t.Errorf("the digest is %s, not %s", got, want)
		}
	}
}

func TestCallsOfAStep(t *testing.T) {
	of := func(step string) (list []string) {
		events := append(withCalls(), story(asked("each#1", 1, 1, event.Usage{}), asked("each#1/in", 1, 1, event.Usage{}), asked("each/in", 1, 1, event.Usage{}))...)
		for c := range inspect.Calls(slices.Values(events), step) {
			list = append(list, c.Step)
			if len(list) == 3 {
				break
			}
		}
		return list
	}
	for step, want := range map[string]string{
		"check[1]": "check[1] check[1] check[1]", "check[2]": "check[2] check[2]", "check": "", "draft[1]": "", "each": "each#1 each#1/in", "each#1": "each#1",
	} {
		if got := strings.Join(of(step), " "); got != want {
			t.Errorf("the calls of %s are %q, want %q", step, got, want)
		}
	}
}

// TestUsageOfAForeach: that of its elements, with all inside them, is the step's.
func TestUsageOfAForeach(t *testing.T) {
	g, found := graphfile.Load("graph.toml", []byte("version = 1\n[nodes]\neach = {graph = 'sub.toml', foreach = '[1, 2]'}\n"), func(string) ([]byte, error) {
		return []byte("version = 1\n[nodes]\ninner.module = 'n.wasm'\n"), nil
	})
	if found.Failed() {
		t.Fatal(found)
	}
	u := event.Usage{Calls: 1, InputTokens: 7}
	var bodies []event.Body
	bodies = append(bodies, start)
	for _, step := range []string{"each#0/inner", "each#1/inner"} {
		a := event.Attempt{Step: step, Node: "inner", Number: 1}
		bodies = append(bodies, event.AttemptStarted{Attempt: a}, event.CapabilityAnswered{Attempt: a, Ordinal: 1, Usage: u})
	}
	// It is there before the run has ended, too.
	v := inspect.Fold(g, slices.Values(story(bodies...)))
	if len(v.Steps) != 1 || v.Steps[0].Usage != u.Plus(u) || v.Usage != u.Plus(u) {
		t.Errorf("%+v", v)
	}
}

// TestDigestOfABudgetsEnd: the fuel of what was aborted is not in it.
func TestDigestOfABudgetsEnd(t *testing.T) {
	end := func(fuel uint64) string {
		f := failure.Failure{Code: failure.Budget, Message: "the run has used 3 calls"}
		finished := event.RunFinished{Status: event.Failed, Failure: &failure.Failure{Code: failure.Budget, Step: "draft[1]", Node: "draft", Attempt: 1}}
		return fold(t, story(start, began("draft[1]", 1), asked("draft[1]", 1, 1, event.Usage{Calls: 1}), broke("draft[1]", 1, f, fuel), finished)).Digest
	}
	if a, b := end(1), end(2); a != b || a == "" {
		t.Errorf("%s and %s", a, b)
	}
}
