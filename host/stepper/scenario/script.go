package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/stepper"
)

// Script is what happens from outside in a run. A line of it is one of
//
//	input JSON                  the run's input; {} else
//	cancel @TIME                somebody asks the run to stop
//	signal STEP @TIME = JSON    somebody answers a step that waits
//	WHO = JSON                  the output
//	WHO ! {"code": …}           the failure, as package failure writes it
//
// with WHO a node, a step ("check[2]") or an attempt of a step ("check[2] 1"),
// the closest counts, and "@TIME" before = or ! where it takes longer than
// 1 ms. A node of which nothing is said gives its input back.
type Script struct {
	Input document.Document
	// CancelAt is when the run is asked to stop, after its start; 0: never.
	CancelAt time.Duration

	// Signals are what is sent to steps that wait, in the order of the script.
	Signals []Signal

	answers map[string]answer
}

// Signal is an answer that comes at a time after the run's start.
type Signal struct {
	Step     string
	Document document.Document
	At       time.Duration
}

// CancelReason is what is said when the run is asked to stop.
const CancelReason = "enough"

type answer struct {
	outcome event.Outcome
	took    time.Duration
}

func parseScript(text string) (*Script, error) {
	s := &Script{Input: document.Object(), answers: map[string]answer{}}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.read(line); err != nil {
			return nil, fmt.Errorf("script: %q: %w", line, err)
		}
	}
	return s, nil
}

func (s *Script) read(line string) (err error) {
	if rest, ok := strings.CutPrefix(line, "input "); ok {
		s.Input, err = document.Parse([]byte(rest), document.Limits{})
		return err
	}
	i := strings.IndexAny(line, "=!")
	if i < 0 {
		i = len(line)
	}
	who, at, timed := strings.Cut(line[:i], "@")
	who = strings.TrimSpace(who)
	a := answer{took: time.Millisecond}
	if timed {
		if a.took, err = time.ParseDuration(strings.TrimSpace(at)); err != nil {
			return err
		}
	}
	switch {
	case who == "cancel" && timed && i == len(line):
		s.CancelAt = a.took
		return nil
	case i == len(line):
		return errors.New("it says nothing")
	case line[i] == '!':
		a.outcome.Failure = &failure.Failure{}
		err = json.Unmarshal([]byte(line[i+1:]), a.outcome.Failure)
	default:
		a.outcome.Output, err = document.Parse([]byte(line[i+1:]), document.Limits{})
	}
	if step, ok := strings.CutPrefix(who, "signal "); ok {
		s.Signals = append(s.Signals, Signal{Step: step, Document: a.outcome.Output, At: a.took})
		return err
	}
	s.answers[who] = a
	return err
}

// Invoke gives what comes of an attempt, and how long it takes.
func (s *Script) Invoke(c stepper.Invoke) (event.Outcome, time.Duration) {
	a := answer{event.Outcome{Output: c.Input, Fuel: 1}, time.Millisecond}
	for _, who := range []string{c.Node, c.Step, attempt(c.Attempt)} {
		if said, ok := s.answers[who]; ok {
			a = said
		}
	}
	a.outcome.Attempt = c.Attempt
	return a.outcome, a.took
}

func attempt(a event.Attempt) string { return fmt.Sprintf("%s %d", a.Step, a.Number) }
