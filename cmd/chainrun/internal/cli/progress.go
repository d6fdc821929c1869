package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/chainrun/chainrun/host/event"
)

// progress shows a run while it goes on, on stderr. Its methods are safe for
// concurrent use; close may be called more than once.
type progress interface {
	event(e event.Event)
	line(text string) // something that a node logged, or a warning
	close()
}

// newProgress picks what fits the flags and the terminal.
func (a *app) newProgress(f runFlags) progress {
	switch {
	case f.events:
		return &eventLines{w: a.Err}
	case f.quiet:
		return &plain{w: a.Err, quiet: true}
	case isTerminal(a.Err) && os.Getenv("TERM") != "dumb":
		return newLive(a.Err)
	}
	return &plain{w: a.Err}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// eventLines writes every event as one line of JSON.
type eventLines struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *eventLines) event(e event.Event) {
	text, err := event.Line(e)
	if err != nil {
		text = fmt.Appendf(nil, `{"type":"error","message":%q}`, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.w.Write(append(text, '\n'))
}

func (p *eventLines) line(string) {}
func (p *eventLines) close()      {}

// plain writes a line for each attempt that ended: for pipes, files and CI.
type plain struct {
	mu    sync.Mutex
	w     io.Writer
	quiet bool
	steps tracker
}

func (p *plain) event(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ended := p.steps.apply(e)
	if p.quiet || !ended {
		return
	}
	fmt.Fprintln(p.w, s.describe())
}

func (p *plain) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.w, text)
}

func (p *plain) close() {}

// shown is what is known of one step while the run goes on.
type shown struct {
	step     string
	attempt  int
	status   string // "running", "done", "failed", "waiting to try again", "skipped"
	code     string
	fuel     uint64
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
	if s.fuel > 0 {
		facts = append(facts, "fuel "+thousands(s.fuel))
	}
	if s.status != "skipped" {
		facts = append(facts, short(s.duration))
	}
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	return text
}

// tracker follows the steps of a run through its events.
type tracker struct {
	order []*shown
	steps map[string]*shown
}

// apply gives the step that an event is about, and whether the event ended an
// attempt of it; nil for events about the run.
func (t *tracker) apply(e event.Event) (*shown, bool) {
	switch b := e.Body.(type) {
	case event.AttemptStarted:
		s := t.step(b.Step, e.Time)
		s.attempt, s.status, s.code = b.Number, "running", ""
		return s, false
	case event.AttemptSucceeded:
		s := t.step(b.Step, e.Time)
		s.status, s.fuel, s.duration = "done", s.fuel+b.Fuel, e.Time.Sub(s.began)
		return s, true
	case event.AttemptFailed:
		s := t.step(b.Step, e.Time)
		s.status, s.code = "failed", string(b.Failure.Code)
		s.fuel, s.duration = s.fuel+b.Fuel, e.Time.Sub(s.began)
		return s, true
	case event.StepFailed:
		s := t.step(b.Step, e.Time)
		s.status, s.code, s.duration = "failed", string(b.Failure.Code), e.Time.Sub(s.began)
		return s, true
	case event.StepSkipped:
		s := t.step(b.Step, e.Time)
		s.status = "skipped"
		return s, true
	case event.RunStarted, event.RunFinished, event.TimerFired, event.CancelRequested:
	}
	return nil, false
}

func (t *tracker) step(id string, now time.Time) *shown {
	if s, ok := t.steps[id]; ok {
		return s
	}
	if t.steps == nil {
		t.steps = map[string]*shown{}
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
