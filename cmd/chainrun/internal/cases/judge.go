package cases

// Whether a node did what is expected of it.

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/invoke"
)

// Given is what the node is given: nothing of it depends on the day or the machine.
func (c *Case) Given(node string) host.Attempt {
	return host.Attempt{
		Node: node, Input: c.Input, Feedback: c.Feedback, Time: c.Time,
		Seed:     sha256.Sum256([]byte("chainrun case seed 1\n" + c.Seed)),
		Recorded: true, Calls: c.Answers,
	}
}

// Verdict says what is wrong with what a node did; nothing: it is as expected.
type Verdict struct {
	Complaints []string `json:"complaints,omitempty"`
	// Changes are from the expected output to the one that there is, at most
	// MaxChanges; More says that there are others.
	Changes []inspect.Change `json:"changes,omitempty"`
	More    bool             `json:"more_changes,omitempty"`
}

// MaxChanges is in how many places two documents are said to differ.
const MaxChanges = 20

// Passed says whether the node did what is expected.
func (v Verdict) Passed() bool { return len(v.Complaints) == 0 }

func (v *Verdict) add(format string, args ...any) {
	v.Complaints = append(v.Complaints, fmt.Sprintf(format, args...))
}

// Judge compares what came of an attempt with what is expected. An error that is none of
// the node's is returned.
func (c *Case) Judge(done host.Attempted, err error) (Verdict, error) {
	var v Verdict
	if diverged, ok := errors.AsType[*invoke.DivergedError](err); ok {
		v.Complaints = []string{elsewhere(diverged)}
		return v, nil
	}
	if err != nil {
		return v, err
	}
	switch f := done.Failure; {
	case f != nil && !c.Fails():
		v.add("it failed: %s", f)
		if len(f.Violations) > 1 { // else the message says it all
			for _, found := range f.Violations {
				v.add("%s", found)
			}
		}
	case f != nil:
		c.failure(&v, f)
	case c.Fails():
		v.add("it succeeded, and %s is expected; its output is %s", c.expected(), brief(done.Output))
	case !c.Output.IsZero() && !c.Output.Equal(done.Output):
		v.add("another output than expected")
		v.Changes, v.More = inspect.Changes(c.Output, done.Output, MaxChanges)
	}
	if c.FuelAtMost > 0 && done.Fuel > c.FuelAtMost {
		v.add("it used fuel %d, and at most %d is expected", done.Fuel, c.FuelAtMost)
	}
	if c.MemoryAtMost > 0 && done.MemoryBytes > c.MemoryAtMost {
		v.add("it has %d bytes of memory, and at most %d are expected", done.MemoryBytes, c.MemoryAtMost)
	}
	return v, nil
}

// failure compares a failure with the one that is expected.
func (c *Case) failure(v *Verdict, f *failure.Failure) {
	if c.Code != "" && c.Code != f.Code || c.Reason != "" && c.Reason != f.Reason || !strings.Contains(f.Message, c.Message) {
		v.add("%s is expected, and it failed otherwise: %s", c.expected(), f)
	}
	if c.Retryable != nil && *c.Retryable != f.Retryable {
		v.add("retryable is %t, and %t is expected", f.Retryable, *c.Retryable)
	}
}

// expected names the failure that is expected.
func (c *Case) expected() string {
	var parts []string
	if c.Code != "" {
		parts = append(parts, fmt.Sprintf("code %q", c.Code))
	}
	if c.Reason != "" {
		parts = append(parts, fmt.Sprintf("reason %q", c.Reason))
	}
	if c.Message != "" {
		parts = append(parts, fmt.Sprintf("a message with %q", c.Message))
	}
	return "a failure with " + strings.Join(parts, ", ")
}

// elsewhere says what the node asked that the case does not expect, or the other way
// round.
func elsewhere(e *invoke.DivergedError) string {
	asked, expected := e.Diverged()
	switch {
	case asked == nil:
		return fmt.Sprintf("it ended without asking %s, for which the case has an answer (%d)", called(expected), expected.Ordinal)
	case expected == nil:
		return fmt.Sprintf("it asked %s, and the case has no answer for that: write [[case.answer]]", called(asked))
	}
	return fmt.Sprintf("it asked %s, and the case's answer %d is to %s", called(asked), expected.Ordinal, called(expected))
}

func called(c *event.CapabilityAnswered) string {
	name := c.Capability + "." + c.Method
	if c.Request.IsZero() {
		return name
	}
	return name + " with " + brief(c.Request)
}

// briefBytes is how much of a document stands in a complaint.
const briefBytes = 400

func brief(d document.Document) string {
	s := d.String()
	if len(s) > briefBytes {
		s = strings.ToValidUTF8(s[:briefBytes], "") + "…"
	}
	return s
}
