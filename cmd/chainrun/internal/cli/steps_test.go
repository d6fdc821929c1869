package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// A step shows what it asked, and while it asks the last words that it hears;
// the calls of elements are those of their foreach.
func TestTrackerOfCalls(t *testing.T) {
	var tr tracker
	now := time.Unix(0, 0)
	apply := func(b event.Body) *shown {
		s, _ := tr.apply(event.Event{Time: now, Body: b})
		return s
	}
	a := event.Attempt{Step: "a", Node: "a", Number: 1}
	apply(event.AttemptStarted{Attempt: a})
	for _, words := range []string{"The answer", " is\n", strings.Repeat("x", 30) + "\x1b[2J"} {
		tr.hear(event.Partial{Attempt: a, Document: document.Object(document.Field{Key: "text", Value: document.String(words)})})
	}
	tr.hear(event.Partial{Attempt: event.Attempt{Step: "unknown"}, Document: document.String("?")})
	if got, want := tr.steps["a"].words, "er is "+strings.Repeat("x", 30)+"·[2J"; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	s := apply(event.CapabilityAnswered{Attempt: a, Usage: event.Usage{Calls: 1, InputTokens: 1000, OutputTokens: 234}})
	if s.words != "" || !strings.Contains(s.describe(), "1 call, 1,234 tokens") {
		t.Errorf("%q: %s", s.words, s.describe())
	}
	for _, step := range []string{"all#0", "all#1"} {
		apply(event.AttemptStarted{Attempt: event.Attempt{Step: step}})
		s = apply(event.CapabilityAnswered{Attempt: event.Attempt{Step: step}, Usage: event.Usage{Calls: 2}})
	}
	if s.step != "all" || s.calls != 4 {
		t.Errorf("%+v", s)
	}
}

// What was not executed says where it is from: a step by its last attempt, a foreach
// where that holds for all inside.
func TestTrackerOfTaken(t *testing.T) {
	fork, cache := &event.Origin{Run: "r\x1b1"}, &event.Origin{Run: "r2"}
	const over, cached = "taken over from run r·1", "from the cache"
	type end struct {
		step   string
		number int
		body   func(event.Attempt) event.Body
	}
	made := func(a event.Attempt) event.Body { return event.AttemptSucceeded{Attempt: a, Fuel: 7} }
	taken := func(a event.Attempt) event.Body { return event.AttemptSucceeded{Attempt: a, Fuel: 7, From: fork} }
	found := func(a event.Attempt) event.Body {
		return event.AttemptSucceeded{Attempt: a, From: cache, CacheKey: "k"}
	}
	broke := func(a event.Attempt) event.Body {
		return event.AttemptFailed{Attempt: a, Failure: failure.Failure{Code: failure.Trap}}
	}
	gone := func(a event.Attempt) event.Body {
		return event.AttemptFailed{Attempt: a, From: fork, Failure: failure.Failure{Code: failure.Trap}}
	}
	for name, c := range map[string]struct {
		ends []end
		want string
	}{
		"executed":         {[]end{{"a", 1, made}}, "a: done (fuel 7, 1s)"},
		"taken over":       {[]end{{"a", 1, taken}}, "a: done (" + over + ", fuel 7)"},
		"a failure":        {[]end{{"a", 1, gone}}, "a: failed: trap (" + over + ")"},
		"from the cache":   {[]end{{"a", 1, found}}, "a: done (" + cached + ")"},
		"at the second":    {[]end{{"a", 1, broke}, {"a", 2, found}}, "a: done (attempt 2, " + cached + ", 2s)"},
		"all elements":     {[]end{{"a#0", 1, taken}, {"a#1", 1, taken}}, "a: done (2 elements, " + over + ", fuel 14, 2s)"},
		"some elements":    {[]end{{"a#0", 1, taken}, {"a#1", 1, made}, {"a#2", 1, taken}}, "a: done (3 elements, fuel 21, 3s)"},
		"others elsewhere": {[]end{{"a#0", 1, taken}, {"a#1", 1, found}}, "a: done (2 elements, fuel 7, 2s)"},
	} {
		var tr tracker
		now := time.Unix(0, 0)
		var s *shown
		for _, e := range c.ends {
			a := event.Attempt{Step: e.step, Node: "a", Number: e.number}
			tr.apply(event.Event{Time: now, Body: event.AttemptStarted{Attempt: a}})
			now = now.Add(time.Second)
			s, _ = tr.apply(event.Event{Time: now, Body: e.body(a)})
		}
		if strings.Contains(c.ends[0].step, "#") {
			s, _ = tr.apply(event.Event{Time: now, Body: event.StepSucceeded{Step: "a"}})
		}
		if got := s.describe(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		row := newLiveModel(io.Discard).row(s)
		if strings.Contains(row, over) != strings.Contains(c.want, over) || strings.Contains(row, cached) != strings.Contains(c.want, cached) {
			t.Errorf("%s: the live view says %s", name, row)
		}
	}
}
