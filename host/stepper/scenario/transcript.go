package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/stepper"
)

// Transcript writes down what happened: the events, and below each the commands
// that applying it gave, at its place in commands. Without commands it is what
// [Facts] leaves of a whole one.
func Transcript(events []event.Event, commands [][]stepper.Command) string {
	var b strings.Builder
	for i, e := range events {
		fmt.Fprintf(&b, "%-8s %s\n", e.Time.Sub(events[0].Time).Round(time.Millisecond), fact(e.Body))
		if i >= len(commands) {
			continue
		}
		for _, c := range commands[i] {
			if text := asked(c, events[0].Time); text != "" {
				fmt.Fprintf(&b, "%-8s   %s\n", "", text)
			}
		}
	}
	return exprText.ReplaceAllString(b.String(), "no such key")
}

// exprText is how package expr words an error, which is its own affair.
var exprText = regexp.MustCompile(`no such key: \\?"missing\\?"( in [a-z.]+)?( \(column \d+\))?`)

// Facts leaves the events of a transcript.
func Facts(transcript string) string {
	var b strings.Builder
	for line := range strings.Lines(transcript) {
		if !strings.HasPrefix(line, " ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// fact writes an event so that a person reads it.
func fact(body event.Body) string {
	switch b := body.(type) {
	case event.RunStarted:
		return fmt.Sprintf("run started with %s%s", b.Input, forked(b.Forked))
	case event.AttemptStarted:
		return attempt(b.Attempt) + " started"
	case event.AttemptSucceeded:
		return fmt.Sprintf("%s gave %s%s", attempt(b.Attempt), b.Output, from(b.From))
	case event.AttemptFailed:
		text := fmt.Sprintf("%s failed: %s%s", attempt(b.Attempt), reason(b.Failure), from(b.From))
		if !b.Output.IsZero() {
			text += fmt.Sprintf(" (it gave %s)", b.Output)
		}
		return text
	case event.StepSkipped:
		return b.Step + " skipped"
	case event.StepFailed:
		return fmt.Sprintf("%s failed without an attempt: %s", b.Step, reason(b.Failure))
	case event.StepSucceeded:
		return b.Step + " succeeded"
	case event.CapabilityAnswered:
		text := fmt.Sprintf("%s asked %s.%s", attempt(b.Attempt), b.Capability, b.Method)
		if b.Failure != nil {
			text += ": " + reason(*b.Failure)
		}
		return text + usage(b.Usage)
	case event.SignalReceived:
		return fmt.Sprintf("signal for %s: %s", b.Step, b.Document)
	case event.TimerFired:
		return "timer " + b.Timer
	case event.CancelRequested:
		return "cancel requested: " + b.Reason
	case event.RunResumed:
		return "run resumed"
	case event.RunFinished:
		if f := b.Failure; f != nil && f.Step != "" {
			return fmt.Sprintf("run %s: %s: %s", b.Status, f.Step, reason(*f))
		} else if f != nil {
			return fmt.Sprintf("run %s: %s", b.Status, reason(*f))
		}
		return fmt.Sprintf("run %s with %s", b.Status, b.Output)
	}
	return fmt.Sprintf("%T", body)
}

// forked writes what a fork changes.
func forked(f *event.Forked) string {
	if f == nil {
		return ""
	}
	text := ", a fork"
	if f.Step != "" {
		text += " from " + f.Step
	}
	if !f.Input.IsZero() {
		text += ", which is given " + f.Input.String()
	}
	var state strings.Builder
	for _, v := range f.State {
		fmt.Fprintf(&state, ", before it %s is %s", v.Key, v.Value)
	}
	return text + state.String()
}

// from writes what an outcome was taken over from.
func from(o *event.Origin) string {
	if o == nil {
		return ""
	}
	return " (taken over from attempt " + attempt(o.Attempt) + ")"
}

// usage writes what is more than nothing.
func usage(u event.Usage) string {
	var b strings.Builder
	part := func(n int64, text string) {
		if n != 0 {
			b.WriteString(", " + text)
		}
	}
	part(u.Calls, fmt.Sprintf("%d calls", u.Calls))
	part(u.Bytes, fmt.Sprintf("%d bytes", u.Bytes))
	part(u.Tokens(), fmt.Sprintf("%d+%d tokens", u.InputTokens, u.OutputTokens))
	part(u.Cost, "cost "+event.CostText(u.Cost))
	return b.String()
}

func reason(f failure.Failure) string {
	var b strings.Builder
	b.WriteString(string(f.Code))
	if f.Message != "" {
		b.WriteString(", " + f.Message)
	}
	for _, v := range f.Violations {
		b.WriteString("; " + v.Pointer + " " + v.Message)
	}
	return b.String()
}

// asked writes a command; a Record, which is the next event, as nothing.
func asked(c stepper.Command, start time.Time) string {
	switch c := c.(type) {
	case stepper.Invoke:
		var b strings.Builder
		fmt.Fprintf(&b, "call %s with %s", attempt(c.Attempt), c.Input)
		for _, v := range c.Feedback {
			b.WriteString(" feedback " + v.Pointer + " " + v.Message)
		}
		for _, u := range c.Used {
			fmt.Fprintf(&b, "; used of %s%s", u.Capability, usage(u.Usage))
		}
		if c.Rejected > 0 {
			fmt.Fprintf(&b, "; rejected %d", c.Rejected)
		}
		return b.String()
	case stepper.Wake:
		return fmt.Sprintf("wake %s at %s", c.Timer, c.At.Sub(start).Round(time.Millisecond))
	case stepper.Abort:
		return fmt.Sprintf("abort %s (%s)", attempt(c.Attempt), c.Cause)
	case stepper.Record:
	}
	return ""
}
