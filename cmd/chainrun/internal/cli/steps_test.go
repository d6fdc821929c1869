package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
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
