package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/event"
)

// shown is what is known of one step while the run goes on.
type shown struct {
	step     string
	attempt  int
	elements int    // of a foreach, that are done
	status   string // "running", "done", "failed", "waiting to try again", "skipped"
	code     string
	from     string // where the outcome is from; "": made here
	mixed    bool   // of a foreach: what is inside is not all from there
	fuel     uint64
	calls    int64  // of capabilities
	tokens   int64  // of input and output
	words    string // the last that were heard of an answer under way
	began    time.Time
	duration time.Duration
}

func (s *shown) describe() string {
	text := fmt.Sprintf("%s: %s", s.step, s.status)
	if s.code != "" {
		text += ": " + s.code
	}
	var facts []string
	if s.attempt > 1 {
		facts = append(facts, fmt.Sprintf("attempt %d", s.attempt))
	}
	if s.elements > 0 {
		facts = append(facts, count(s.elements, "element"))
	}
	if s.from != "" {
		facts = append(facts, s.from)
	}
	facts = append(facts, s.asked()...)
	if s.fuel > 0 {
		facts = append(facts, "fuel "+thousands(s.fuel))
	}
	if s.status != "skipped" && !s.tookNoTime() {
		facts = append(facts, short(s.duration))
	}
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	return text
}

// asked says what a step has asked of capabilities.
func (s *shown) asked() []string {
	var facts []string
	if s.calls > 0 {
		facts = append(facts, count(int(s.calls), "call"))
	}
	if s.tokens > 0 {
		facts = append(facts, thousands(uint64(s.tokens))+" tokens")
	}
	return facts
}

// heardWords is how much of an answer under way is shown.
const heardWords = 40

// hear takes a part of an answer: the text of a model.
func (t *tracker) hear(p event.Partial) {
	id, _, _ := strings.Cut(p.Step, "#")
	s := t.steps[id]
	if s == nil {
		return
	}
	for _, f := range p.Document.Fields() {
		if text, err := f.Value.Value(); err == nil && f.Key == "text" {
			if text, ok := text.(string); ok {
				heard := []rune(s.words + strings.NewReplacer("\n", " ", "\t", " ").Replace(printable(text)))
				s.words = string(heard[max(0, len(heard)-heardWords):])
			}
		}
	}
}

// tracker follows the steps of a run through its events.
type tracker struct {
	order []*shown
	steps map[string]*shown
}

// apply gives the step that an event is about, and whether the event ended an
// attempt of it; nil for events about the run.
func (t *tracker) apply(e event.Event) (*shown, bool) {
	if s, ok := t.element(e); ok {
		return s, false
	}
	switch b := e.Body.(type) {
	case event.AttemptStarted:
		s := t.step(b.Step, e.Time)
		s.attempt, s.status, s.code, s.words, s.from = b.Number, "running", "", "", ""
		return s, false
	case event.CapabilityAnswered:
		s := t.step(b.Step, e.Time)
		s.add(b.Usage)
		return s, false
	case event.AttemptSucceeded:
		s := t.step(b.Step, e.Time)
		s.status, s.fuel, s.duration = "done", s.fuel+b.Fuel, e.Time.Sub(s.began)
		s.from = cameFrom(b.From, b.CacheKey)
		return s, true
	case event.AttemptFailed:
		s := t.step(b.Step, e.Time)
		s.status, s.code = "failed", string(b.Failure.Code)
		s.fuel, s.duration = s.fuel+b.Fuel, e.Time.Sub(s.began)
		s.from = cameFrom(b.From, "")
		return s, true
	case event.StepFailed:
		s := t.step(b.Step, e.Time)
		s.status, s.code, s.duration = "failed", string(b.Failure.Code), e.Time.Sub(s.began)
		return s, true
	case event.StepSucceeded:
		s := t.step(b.Step, e.Time)
		s.status, s.duration = "done", e.Time.Sub(s.began)
		return s, true
	case event.StepSkipped:
		s := t.step(b.Step, e.Time)
		s.status = "skipped"
		return s, true
	case event.RunStarted, event.RunFinished, event.TimerFired, event.CancelRequested, event.RunResumed, event.SignalReceived:
		// What a signal leads to is an event of its own.
	}
	return nil, false
}

// element counts an event about an element of a foreach, or about what is inside
// of one, on the foreach's own row: there may be a hundred thousand of them.
func (t *tracker) element(e event.Event) (*shown, bool) {
	var id string
	var fuel uint64
	done := false
	switch b := e.Body.(type) {
	case event.AttemptStarted:
		id = b.Step
	case event.AttemptSucceeded:
		id, fuel, done = b.Step, b.Fuel, true
	case event.AttemptFailed:
		id, fuel = b.Step, b.Fuel
	case event.StepSucceeded:
		id, done = b.Step, true
	case event.StepFailed:
		id = b.Step
	case event.StepSkipped:
		id = b.Step
	case event.CapabilityAnswered:
		if foreach, _, ok := strings.Cut(b.Step, "#"); ok {
			s := t.step(foreach, e.Time)
			s.add(b.Usage)
			return s, true
		}
	case event.RunStarted, event.RunFinished, event.TimerFired, event.CancelRequested, event.RunResumed, event.SignalReceived:
	}
	foreach, element, ok := strings.Cut(id, "#")
	if !ok {
		return nil, false
	}
	s := t.step(foreach, e.Time)
	s.status = "running"
	s.fuel += fuel
	switch b := e.Body.(type) {
	case event.AttemptSucceeded:
		s.inside(cameFrom(b.From, b.CacheKey))
	case event.AttemptFailed:
		s.inside(cameFrom(b.From, ""))
	default:
	}
	if done && !strings.ContainsAny(element, "#/") {
		s.elements++
	}
	return s, true
}

// cameFrom says where an outcome is from that was not made by executing the node.
func cameFrom(from *event.Origin, cacheKey string) string {
	switch {
	case from == nil:
		return ""
	case cacheKey != "":
		return "from the cache"
	}
	return "taken over from run " + printable(from.Run)
}

// inside notes where an outcome inside of a foreach is from. The foreach is from there
// if all are.
func (s *shown) inside(from string) {
	switch {
	case s.mixed:
	case from == "" || s.from != "" && s.from != from:
		s.mixed, s.from = true, ""
	default:
		s.from = from
	}
}

// tookNoTime reports whether all that is known of a step's time is when that was read
// which somebody else had made.
func (s *shown) tookNoTime() bool { return s.from != "" && s.attempt == 1 }

// add counts a call that was answered.
func (s *shown) add(u event.Usage) {
	s.calls += u.Calls
	s.tokens += u.InputTokens + u.OutputTokens
	s.words = ""
}

func (t *tracker) step(id string, now time.Time) *shown {
	if s, ok := t.steps[id]; ok {
		return s
	}
	if t.steps == nil {
		t.steps = map[string]*shown{}
	}
	// A subgraph has no event when it begins: its first step shows it.
	if i := strings.LastIndexByte(id, '/'); i > 0 {
		if around := t.step(id[:i], now); around.status == "" {
			around.status = "running"
		}
	}
	s := &shown{step: id, began: now}
	t.steps[id] = s
	t.order = append(t.order, s)
	return s
}

// thousands writes 1234567 as 1,234,567.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// short rounds a duration to what a person reads.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
