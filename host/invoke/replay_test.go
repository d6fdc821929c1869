package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
)

// untouchable is a capability that nobody may ask.
func untouchable(t *testing.T) world {
	t.Helper()
	return world{ask: func(context.Context, capability.Call) (capability.Answer, error) {
		t.Error("the world was asked")
		return capability.Answer{}, errors.New("asked")
	}}
}

const batchOf3 = `[{"capability":"world","method":"ask","payload":{"a":1}},{"capability":"world","method":"none"},{"capability":"other","method":"ask"}]`

// What was answered, refused, and failed, is the same in a replay, whatever the grants
// say by then, and nobody is asked.
func TestReplay(t *testing.T) {
	type setting struct {
		module, input string
		limits        graph.Limits
		grants        bool
		fails         bool
	}
	for _, s := range []setting{
		{"ask", `{"q":1}`, graph.Limits{}, true, false},
		{"ask3", `{"q":1}`, graph.Limits{}, true, false},
		{"ask3", `{"q":1}`, graph.Limits{Calls: 2}, true, false},
		{"ask3", `{"q":1}`, graph.Limits{Bytes: 20}, true, false},
		{"ask3", `{"q":1}`, graph.Limits{}, true, true},
		{"ask", `"no object"`, graph.Limits{}, true, false},
		{"ask", `{"q":1}`, graph.Limits{}, false, false},
		{"other", `{"q":1}`, graph.Limits{Methods: []string{"ask"}}, true, false},
		{"batch", batchOf3, graph.Limits{}, true, false},
		{"batch", `{"q":1}`, graph.Limits{}, true, false},
	} {
		name := fmt.Sprint(s)
		w := world{ask: func(context.Context, capability.Call) (capability.Answer, error) {
			if s.fails {
				return capability.Answer{}, &capability.Error{Reason: "busy", Message: "come back", Retryable: true, RetryAfter: time.Second}
			}
			return capability.Answer{Document: document.MustParse(`{"answer": 42}`)}, nil
		}}
		keys := "module = '" + s.module + ".wasm'"
		attempt := func(w world, l *ledger, change func(*invoke.Request)) (event.Outcome, error) {
			p := granted(t, keys, w, s.limits)
			if !s.grants {
				p.Node("a").Granted = nil
			}
			return ask(t, p, l, func(r *invoke.Request) {
				r.Input = document.MustParse(s.input)
				if change != nil {
					change(r)
				}
			})
		}
		whole := &ledger{}
		want, err := attempt(w, whole, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		replay := func(past []event.CapabilityAnswered) (event.Outcome, error) {
			return attempt(untouchable(t), &ledger{past: past, broken: errors.New("recorded")}, func(r *invoke.Request) { r.Scope.Replay = true })
		}
		if got, err := replay(whole.facts); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v; recorded %+v", name, got, err, want)
		}
		if s.grants { // nor need the capability be there
			s.grants = false
			got, err := replay(whole.facts)
			s.grants = true
			if got.Failure != nil { // which says whether another attempt may end otherwise
				got.Failure.Retryable = want.Failure.Retryable
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: without a grant: %+v, %v; recorded %+v", name, got, err, want)
			}
		}
		for i, fact := range whole.facts {
			diverged := func(how string, past []event.CapabilityAnswered, asked, recorded bool) {
				t.Helper()
				_, err := replay(past)
				d, ok := errors.AsType[*invoke.DivergedError](err)
				if !ok {
					t.Errorf("%s, call %d %s: %v", name, i, how, err)
					return
				}
				if a, r := d.Diverged(); (a != nil) != asked || (r != nil) != recorded || recorded && r.Ordinal != past[min(i, len(past)-1)].Ordinal {
					t.Errorf("%s, call %d %s: %+v, %+v", name, i, how, a, r)
				}
			}
			with := func(change func(*event.CapabilityAnswered)) []event.CapabilityAnswered {
				past := slices.Clone(whole.facts)
				change(&past[i])
				return past
			}
			diverged("cut off", whole.facts[:i], true, false)
			diverged("of another method", with(func(c *event.CapabilityAnswered) { c.Method += "x" }), true, true)
			if !fact.Request.IsZero() {
				diverged("asked otherwise", with(func(c *event.CapabilityAnswered) { c.Request = document.MustParse(`{"q":2}`) }), true, true)
			}
			if fact.Key != "" {
				diverged("under another key", with(func(c *event.CapabilityAnswered) { c.Key = "x" }), true, true)
			}
			diverged("not answered", with(func(c *event.CapabilityAnswered) { c.Failure = &failure.Failure{Code: failure.Timeout} }), true, true)
		}
		if n := len(whole.facts); n > 0 && s.module != "batch" {
			more := whole.facts[n-1]
			more.Ordinal++
			_, err := replay(append(slices.Clone(whole.facts), more))
			if d, ok := errors.AsType[*invoke.DivergedError](err); !ok {
				t.Errorf("%s: one more: %v", name, err)
			} else if a, r := d.Diverged(); a != nil || r.Ordinal != n+1 {
				t.Errorf("%s: one more: %v, %v", name, a, r)
			}
		}
	}
}

// How long a call took is known of those that were made.
func TestTook(t *testing.T) {
	w := world{ask: answers(`1`, capability.Usage{})}
	l := &ledger{}
	if _, err := ask(t, granted(t, "module = 'ask3.wasm'", w, graph.Limits{Calls: 2}), l, nil); err != nil || len(l.facts) != 3 {
		t.Fatal(err, l.facts)
	}
	for i, fact := range l.facts {
		if made := i < 2; made != (fact.Took > 0) || fact.Took%time.Microsecond != 0 {
			t.Errorf("call %d took %s", i, fact.Took)
		}
	}
	slow := world{ask: func(context.Context, capability.Call) (capability.Answer, error) {
		for began := time.Now(); time.Since(began) < 2*time.Millisecond; {
			continue
		}
		return capability.Answer{}, errors.New("no")
	}}
	l = &ledger{}
	if _, err := ask(t, granted(t, "module = 'ask.wasm'", slow, graph.Limits{}), l, nil); err != nil || l.facts[0].Took < 2*time.Millisecond {
		t.Error(err, l.facts)
	}
}
