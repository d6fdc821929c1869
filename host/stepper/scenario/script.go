package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
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
//	stop @TIME                  the host stops, and resumes the run at once
//	signal STEP @TIME = JSON    somebody answers a step that waits
//	fork STEP                   the run is a fork of another one, from this step
//	fork STEP input JSON        and what the step is given there
//	fork STEP state KEY JSON    and what the state before it holds there
//	WHO = JSON                  the output
//	WHO ! {"code": …}           the failure, as package failure writes it
//	STEP N was JSON             the fork takes over what the N-th attempt there gave
//	STEP N failed JSON          or failed with; it takes no time
//	WHO asks CAPABILITY.METHOD = USAGE
//	                            a call that is answered, and what it uses up
//	WHO asks CAPABILITY.METHOD ! {"code": …}
//	                            one that is not: it is a call, and no more
//
// with WHO a node, a step ("check[2]") or an attempt of a step ("check[2] 1"),
// the closest counts, and "@TIME" before = or ! where it takes longer than
// 1 ms. A node of which nothing is said gives its input back. An attempt asks in
// the order of the lines, "@TIME" after its start, or at once; a call takes no time.
type Script struct {
	Input document.Document
	// CancelAt is when the run is asked to stop, after its start; 0: never.
	CancelAt time.Duration

	// Stops are when the host stops, after the run's start, and resumes the run at
	// once, in the order of the script.
	Stops []time.Duration

	// Signals are what is sent to steps that wait, in the order of the script.
	Signals []Signal

	// Forked is what the run is a fork of; nil: of none.
	Forked *event.Forked

	answers map[string]answer
	calls   map[string][]Call
}

// Call is what an attempt asks of a capability.
type Call struct {
	At                 time.Duration // after the attempt's start
	Capability, Method string
	Usage              event.Usage
	Failure            *failure.Failure // nil: it is answered
}

// Answered is the fact that the call is answered; or refused, where the run's
// budget did not admit it.
func (c Call) Answered(a event.Attempt, ordinal int, admitted bool) event.CapabilityAnswered {
	e := event.CapabilityAnswered{
		Attempt: a, Ordinal: ordinal, Capability: c.Capability, Method: c.Method, Usage: c.Usage, Failure: c.Failure,
	}
	if !admitted {
		e.Usage = event.Usage{}
		e.Failure = &failure.Failure{Code: failure.Budget, Message: "no room"}
	}
	return e
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
	s := &Script{Input: document.Object(), answers: map[string]answer{}, calls: map[string][]Call{}}
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
	if words := strings.SplitN(line, " ", 5); words[0] == "fork" && len(words) > 1 && !strings.ContainsAny(words[1], "=!@") {
		return s.readFork(words[1:])
	}
	if words := strings.SplitN(line, " ", 4); len(words) == 4 && (words[2] == "was" || words[2] == "failed") {
		return s.readTaken(words)
	}
	i := strings.IndexAny(line, "=!")
	if i < 0 {
		i = len(line)
	}
	who, at, timed := strings.Cut(line[:i], "@")
	who = strings.TrimSpace(who)
	if who, what, asks := strings.Cut(who, " asks "); asks && i < len(line) {
		return s.readCall(who, what, at, line[i] == '!', line[i+1:])
	}
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
	case who == "stop" && timed && i == len(line):
		s.Stops = append(s.Stops, a.took)
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

// readFork reads "STEP", "STEP input JSON" or "STEP state KEY JSON".
func (s *Script) readFork(words []string) (err error) {
	if s.Forked == nil {
		s.Forked = &event.Forked{Run: "other"}
	}
	f := s.Forked
	f.Step = words[0]
	switch {
	case len(words) == 1:
		return nil
	case words[1] == "input" && len(words) > 2:
		f.Input, err = document.Parse([]byte(strings.Join(words[2:], " ")), document.Limits{})
		return err
	case words[1] == "state" && len(words) == 4:
		value, err := document.Parse([]byte(words[3]), document.Limits{})
		f.State = append(f.State, document.Field{Key: words[2], Value: value})
		return err
	}
	return errors.New("it forks nothing")
}

// readTaken reads "STEP N was JSON" or "STEP N failed JSON".
func (s *Script) readTaken(words []string) (err error) {
	var a answer
	from := event.Origin{Run: "other", Attempt: event.Attempt{Step: words[0]}}
	from.Node, _, _ = strings.Cut(words[0][strings.LastIndexByte(words[0], '/')+1:], "#")
	from.Node, _, _ = strings.Cut(from.Node, "[")
	if from.Number, err = strconv.Atoi(words[1]); err != nil {
		return err
	}
	a.outcome.From, a.outcome.Fuel = &from, 1
	if words[2] == "failed" {
		a.outcome.Failure = &failure.Failure{}
		err = json.Unmarshal([]byte(words[3]), a.outcome.Failure)
	} else {
		a.outcome.Output, err = document.Parse([]byte(words[3]), document.Limits{})
	}
	s.answers[words[0]] = a
	return err
}

func (s *Script) readCall(who, what, at string, fails bool, rest string) (err error) {
	c := Call{}
	c.Capability, c.Method, _ = strings.Cut(what, ".")
	if at = strings.TrimSpace(at); at != "" {
		if c.At, err = time.ParseDuration(at); err != nil {
			return err
		}
	}
	if fails {
		c.Usage.Calls, c.Failure = 1, &failure.Failure{}
		err = json.Unmarshal([]byte(rest), c.Failure)
	} else {
		err = json.Unmarshal([]byte(rest), &c.Usage)
	}
	s.calls[who] = append(s.calls[who], c)
	return err
}

// Calls gives what an attempt asks, in order.
func (s *Script) Calls(a event.Attempt) (calls []Call) {
	for _, who := range []string{a.Node, a.Step, attempt(a)} {
		if said, ok := s.calls[who]; ok {
			calls = said
		}
	}
	return calls
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
