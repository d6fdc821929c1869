package fork

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
)

// What a fork gives to a step holds on in a fork of it from no step, and in no other.
func TestInherit(t *testing.T) {
	p := &plan.Plan{Graph: &graph.Graph{}}
	given := document.MustParse("1")
	for name, c := range map[string]struct {
		own, f    *event.Forked
		inherited bool
	}{
		"no fork":       {nil, &event.Forked{Step: "a", Input: given}, false},
		"same":          {&event.Forked{Run: "r", Step: "a", Input: given}, &event.Forked{Run: "s", Step: "a", Input: given}, true},
		"another value": {&event.Forked{Step: "a", Input: given}, &event.Forked{Step: "a", Input: document.MustParse("2")}, false},
		"another step":  {&event.Forked{Step: "a", Input: given}, &event.Forked{Step: "b", Input: given}, false},
		"other state": {
			&event.Forked{Step: "a", State: []document.Field{{Key: "k", Value: given}}},
			&event.Forked{Step: "a", State: []document.Field{{Key: "l", Value: given}}}, false,
		},
		"nothing given": {&event.Forked{Step: "a"}, &event.Forked{Step: "a"}, false},
	} {
		if got := (&Past{plan: p, forked: c.own}).inherited(c.f); got != c.inherited {
			t.Errorf("%s: %v", name, got)
		}
	}
	f := &event.Forked{}
	(&Past{plan: p, forked: &event.Forked{Step: "gone", Input: given}}).Inherit(f, p)
	if f.Step != "" || !f.Input.IsZero() {
		t.Errorf("a step that the graph has not was given: %+v", f)
	}
}

// A step counts as executed if any attempt of it was; what the cache gave is this run's
// own.
func TestCount(t *testing.T) {
	from := &event.Origin{Run: "other"}
	at := func(step string, number int) event.Attempt {
		return event.Attempt{Step: step, Node: "n", Number: number}
	}
	var events []event.Event
	for _, b := range []event.Body{
		event.AttemptStarted{Attempt: at("begun", 1)},
		event.AttemptSucceeded{Attempt: at("taken", 1), From: from},
		event.AttemptFailed{Attempt: at("failed", 1), From: from},
		event.AttemptSucceeded{Attempt: at("cached", 1), From: from, CacheKey: "k"},
		event.AttemptFailed{Attempt: at("twice", 1)},
		event.AttemptSucceeded{Attempt: at("twice", 2)},
		event.StepSucceeded{Step: "around"},
	} {
		events = append(events, event.Event{Body: b})
	}
	if taken, executed := Count(events); taken != 2 || executed != 2 {
		t.Errorf("%d taken over, %d executed", taken, executed)
	}
}

// A past that cannot be read, or is that of no run of the plan, is nobody's.
func TestRecallRefused(t *testing.T) {
	p := &plan.Plan{Graph: &graph.Graph{}}
	broken := errors.New("the store is gone")
	if _, err := Recall(p, "r", func(yield func(event.Event, error) bool) { yield(event.Event{}, broken) }, time.Time{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := Recall(p, "r", each([]event.Event{{Run: "r", Seq: 1, Body: event.RunFinished{}}}), time.Time{}); err == nil {
		t.Error("a run that ends before it begins")
	}
}

// What was skipped, and what is nowhere, is told apart.
func TestCheckStep(t *testing.T) {
	p := &Past{run: "r", steps: []string{"each#3/add"}, skipped: map[string]bool{"no": true}}
	for step, want := range map[string][]string{
		"each#3/add": nil, "each#3": nil, "each": nil,
		"no":     {`step "no" was skipped in run r: choose one that ran`},
		"each#4": {`run r has no step "each#4" (did you mean "each#3"?)`},
		"":       {`run r has no step ""`},
	} {
		var c complaints
		if p.checkStep(&c, step); !slices.Equal(c, want) {
			t.Errorf("%q: %q, want %q", step, c, want)
		}
	}
}
