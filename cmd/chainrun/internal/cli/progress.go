package cli

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/charmbracelet/x/term"

	"github.com/chainrun/chainrun/host/event"
)

// progress shows a run while it goes on, on stderr. Its methods are safe for
// concurrent use; close may be called more than once.
type progress interface {
	event(e event.Event)
	past(e event.Event) // one that was recorded before the run was resumed
	partial(p event.Partial)
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

func (p *eventLines) partial(part event.Partial) {
	text, err := event.PartialLine(part)
	if err != nil {
		return // it is only a part; the whole comes as an event
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.w.Write(append(text, '\n'))
}

func (p *eventLines) past(event.Event) {}
func (p *eventLines) line(string)      {}
func (p *eventLines) close()           {}

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

func (p *plain) past(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps.apply(e)
}

func (p *plain) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.w, text)
}

func (p *plain) partial(event.Partial) {}
func (p *plain) close()                {}
