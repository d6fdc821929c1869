package simulate

// What must be the same.

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/reference"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

// Schedules is how many orders of completion a case is carried out in.
const Schedules = 4

// MismatchError is a case in which something is not as the reference has it.
type MismatchError struct {
	Case     *Case
	Schedule uint64
	Text     string // what differs
	Events   []event.Event
	Want     *reference.Result // nil where the reference had no part in it
}

// Error says how to see it again.
func (m *MismatchError) Error() string {
	return fmt.Sprintf("seed %d, schedule %d: %s", m.Case.Seed, m.Schedule, m.Text)
}

// Transcript is the whole case for a reader: the graph file, what the reference
// says, what happened.
func (m *MismatchError) Transcript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v%s\n\n%s", m, m.Case.forkText(), m.Case.files())
	if m.Want != nil {
		fmt.Fprintf(&b, "-- reference --\n%s", Describe(m.Want))
	}
	fmt.Fprintf(&b, "-- stepper, schedule %d --\n%s", m.Schedule, scenario.Transcript(m.Events, nil))
	return b.String()
}

// Describe writes a result of the reference in the way of a transcript.
func Describe(r *reference.Result) string {
	var b strings.Builder
	for _, s := range r.Steps {
		for i, a := range s.Attempts {
			fmt.Fprintf(&b, "%s %d with %s", s.ID, i+1, a.Input)
			if a.Failure != nil {
				fmt.Fprintf(&b, " failed: %s, %s\n", a.Failure.Code, a.Failure.Message)
			} else {
				fmt.Fprintf(&b, " gave %s\n", a.Output)
			}
		}
		for _, f := range s.Failures {
			fmt.Fprintf(&b, "%s failed without an attempt: %s\n", s.ID, f.Code)
		}
		if s.Status == reference.Skipped {
			fmt.Fprintf(&b, "%s skipped\n", s.ID)
		}
	}
	if r.Failure != nil {
		fmt.Fprintf(&b, "run failed: %s: %s %s\n", r.Failure.Step, r.Failure.Code, r.Failure.Message)
	} else {
		fmt.Fprintf(&b, "run done with %s\n", r.Output)
	}
	return b.String()
}

// Check carries the case out in every way. The error is a *[MismatchError] where the
// stepper and the reference disagree.
func (c *Case) Check() error {
	if err := c.unfit(); err != nil {
		return err
	}
	want, err := c.work()
	if err != nil {
		return err
	}
	if want.Clash != "" {
		return &MismatchError{Case: c, Text: "Build let it pass, but " + want.Clash, Want: want}
	}
	for schedule := range uint64(Schedules) {
		w := &world{Case: c, graph: c.Graph, schedule: schedule}
		if schedule == Schedules-1 {
			w.crashes = 3
		}
		var text string
		if err := w.run(); err != nil {
			text = err.Error()
		} else {
			text = cmp.Or(c.differs(want, w.events, w.inputs), c.sameUse(w.events, w.inputs))
		}
		if schedule == 0 && text == "" {
			text = c.checkBudget(want, Spent(w.events))
		}
		if text != "" {
			return &MismatchError{Case: c, Schedule: schedule, Text: text, Events: w.events, Want: want}
		}
	}
	if err := c.checkStopped(); err != nil {
		return err
	}
	return c.checkFork(want)
}

// Compare holds the events of a run of the case, by whatever driver, to the
// reference. The error is as that of [Case.Check].
func (c *Case) Compare(events []event.Event) error {
	want, err := c.work()
	if err != nil {
		return err
	}
	if text := c.differs(want, events, nil); text != "" {
		return &MismatchError{Case: c, Text: text, Events: events, Want: want}
	}
	return nil
}

// checkBudget carries the case out with budgets. What they end is over at once, and
// its set of steps is outside the promise; what they do not end is as without them.
func (c *Case) checkBudget(want *reference.Result, spent event.Usage) string {
	undo := c.Limit(spent)
	if undo == nil {
		return ""
	}
	defer undo()
	w, err := c.limited()
	if err != nil {
		return "with budgets: " + err.Error()
	}
	text, stopped := c.Budgets(w.events)
	if text == "" {
		text = c.sameUse(w.events, w.inputs)
	}
	if text == "" && !stopped {
		text = c.differs(want, w.events, w.inputs)
	}
	if text != "" {
		text = "with budgets: " + text + "\n" + scenario.Transcript(w.events, nil)
	}
	return text
}

func (c *Case) limited() (*world, error) {
	w := &world{Case: c, graph: c.Graph, schedule: Schedules + 1, crashes: 2}
	return w, w.run()
}

// Limited gives the events of a run with budgets; none where nothing is called.
func (c *Case) Limited() ([]event.Event, error) {
	free := &world{Case: c, graph: c.Graph}
	if err := free.run(); err != nil {
		return nil, err
	}
	undo := c.Limit(Spent(free.events))
	if undo == nil {
		return nil, nil
	}
	defer undo()
	w, err := c.limited()
	return w.events, err
}

// checkStopped carries the case out with an end from outside: their set of steps
// is outside the promise, but the run must end, and at once.
func (c *Case) checkStopped() error {
	const schedule = Schedules
	r := hash("stop", strconv.FormatUint(c.Seed, 10))
	after := time.Duration(r/8%20_000+1) * time.Millisecond
	w := &world{Case: c, graph: c.Graph, schedule: schedule}
	code := failure.Canceled
	switch r % 8 {
	case 0:
		w.cancelAt = after
	case 1:
		code = failure.Deadline
		limited := *c.Graph
		limited.Deadline = after
		w.graph = &limited
	default:
		return nil
	}
	text := ""
	if err := w.run(); err != nil {
		text = err.Error()
	} else if end, ok := w.events[len(w.events)-1].Body.(event.RunFinished); !ok {
		text = "the last event is no end"
	} else if took := w.events[len(w.events)-1].Time.Sub(epoch); took > after {
		text = fmt.Sprintf("it ended after %v, not at %v", took, after)
	} else if stopped := end.Failure != nil && end.Failure.Code == code; stopped && took != after {
		text = fmt.Sprintf("it was stopped after %v, not at %v", took, after)
	} else if stopped && (end.Status == event.Canceled) != (code == failure.Canceled) {
		text = "the run is " + string(end.Status)
	}
	if text != "" {
		return &MismatchError{Case: c, Schedule: schedule, Text: text, Events: w.events}
	}
	return nil
}

// differs says what a run has otherwise than the reference; "": nothing. inputs
// are what its attempts were called with; nil: not known.
func (c *Case) differs(want *reference.Result, events []event.Event, inputs map[event.Attempt]stepper.Invoke) string {
	got := inspect.Fold(c.Graph, slices.Values(events))
	end, ok := events[len(events)-1].Body.(event.RunFinished)
	if !ok {
		return "the last event is no end"
	}
	if limited(events) || limited(facts(want, c.Started())) {
		return "" // a subgraph was stopped at once
	}
	if end.Failure != nil && end.Failure.Code == failure.MaxSteps {
		if want.Failure == nil || want.Failure.Code != failure.MaxSteps && parallel(c.Graph) == "" {
			return "max_steps, and not in the reference"
		}
		return "" // "their set of steps is outside the promise"
	}
	return cmp.Or(sameEnd(want, got), c.sameSteps(want, events, got), c.sameInputs(want, inputs), c.sameDigest(want, got))
}

// limited reports whether a subgraph met its max_steps.
func limited(events []event.Event) bool {
	return slices.ContainsFunc(events, func(e event.Event) bool {
		f, ok := e.Body.(event.StepFailed)
		return ok && f.Failure.Code == failure.MaxSteps
	})
}

// parallel gives a node that another may run beside; "" where there is none. A
// run of one step at a time meets max_steps where the reference does.
func parallel(g *graph.Graph) string {
	for _, n := range g.Nodes {
		if len(n.Outgoing) > 1 {
			return n.Name
		}
	}
	if len(g.Start) > 1 {
		return g.Start[1].Name
	}
	return ""
}

func sameEnd(want *reference.Result, got inspect.View) string {
	switch {
	case (want.Failure == nil) != (got.Failure == nil):
		return fmt.Sprintf("the run's failure is %v, not %v", got.Failure, want.Failure)
	case want.Failure != nil && (want.Failure.Code != got.Failure.Code || want.Failure.Step != got.Failure.Step ||
		want.Failure.Node != got.Failure.Node || want.Failure.Attempt != got.Failure.Attempt):
		return fmt.Sprintf("the run's failure is %+v, not %+v", *got.Failure, *want.Failure)
	case want.Failure == nil && !worded(want.Output).Equal(worded(got.Output)):
		return fmt.Sprintf("the run's output is %s, not %s", got.Output, want.Output)
	case (want.Failure == nil) != (got.Status == string(event.Done)):
		return "the run is " + got.Status
	}
	return ""
}

// sameSteps compares what became of each step; after one that failed its run,
// subgraph or foreach there may be more than in the reference, because they had
// begun at the same time.
func (c *Case) sameSteps(want *reference.Result, events []event.Event, got inspect.View) string {
	facts := facts(want, c.Started())
	wanted, seen := outcomes(facts), outcomes(events)
	status := map[string]reference.Status{}
	for _, s := range want.Steps {
		status[s.ID] = s.Status
		if !slices.Equal(wanted[s.ID], seen[s.ID]) {
			return fmt.Sprintf("of step %s is known %q; it should be %q", s.ID, seen[s.ID], wanted[s.ID])
		}
	}
	for id := range seen {
		if status[id] == "" && want.Failure == nil && !within(id, func(around string) bool { return status[around] == reference.Failed }) {
			return "there is a step " + id
		}
	}
	for _, s := range got.Steps {
		if is := status[s.Step]; is != "" && string(is) != string(s.Status) {
			return fmt.Sprintf("the step %s is %s; it should be %s", s.Step, s.Status, is)
		}
	}
	return ""
}

// within asks for each step that a step is inside of.
func within(id string, is func(string) bool) bool {
	for i := range id {
		if (id[i] == '#' || id[i] == '/') && is(id[:i]) {
			return true
		}
	}
	return false
}

// outcomes are what the events say of each step.
func outcomes(events []event.Event) map[string][]string {
	list := map[string][]string{}
	add := func(step, format string, args ...any) { list[step] = append(list[step], fmt.Sprintf(format, args...)) }
	for _, e := range events {
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			add(b.Step, "%s %d gave %s, fuel %d", b.Node, b.Number, b.Output.Canonical(), b.Fuel)
		case event.AttemptFailed:
			add(b.Step, "%s %d failed: %s %s, fuel %d, gave %s", b.Node, b.Number, b.Failure.Code, b.Failure.Reason, b.Fuel, b.Output)
		case event.StepFailed:
			add(b.Step, "%s failed: %s of %s", b.Node, b.Failure.Code, b.Failure.Step)
		case event.StepSucceeded:
			add(b.Step, "%s succeeded", b.Node)
		case event.StepSkipped:
			add(b.Step, "%s skipped", b.Node)
		default:
			// Not outcomes of steps.
		}
	}
	return list
}

func (c *Case) sameInputs(want *reference.Result, inputs map[event.Attempt]stepper.Invoke) string {
	if inputs == nil {
		return ""
	}
	for _, s := range want.Steps {
		for i, a := range s.Attempts {
			call, ok := inputs[event.Attempt{Step: s.ID, Node: s.Node, Number: i + 1}]
			if c.waits[s.Node] {
				continue
			}
			if !ok {
				return fmt.Sprintf("attempt %d of %s was not called", i+1, s.ID)
			}
			if !worded(call.Input).Equal(worded(a.Input)) {
				return fmt.Sprintf("%s was given %s, not %s", s.ID, call.Input, a.Input)
			}
			if !reflect.DeepEqual(call.Feedback, a.Feedback) && len(call.Feedback)+len(a.Feedback) > 0 {
				return fmt.Sprintf("attempt %d of %s was told %v, not %v", i+1, s.ID, call.Feedback, a.Feedback)
			}
		}
	}
	return ""
}

func (c *Case) sameDigest(want *reference.Result, got inspect.View) string {
	if strings.Contains(want.Output.String(), `"violations"`) {
		return "" // texts of failures, which the reference words otherwise
	}
	if digest := inspect.Fold(c.Graph, slices.Values(facts(want, c.Started()))).Digest; digest != got.Digest {
		return fmt.Sprintf("the digest is %s, not %s", got.Digest, digest)
	}
	return ""
}

// facts are the events that a run of one step at a time would have.
func facts(r *reference.Result, started event.RunStarted) (events []event.Event) {
	add := func(b event.Body) {
		events = append(events, event.Event{Run: "run", Seq: uint64(len(events) + 1), Time: epoch, Body: b})
	}
	add(started)
	for _, s := range r.Steps {
		for i, a := range s.Attempts {
			attempt := event.Attempt{Step: s.ID, Node: s.Node, Number: i + 1}
			add(event.AttemptStarted{Attempt: attempt})
			if a.Failure != nil {
				add(event.AttemptFailed{Attempt: attempt, Failure: *a.Failure, Output: a.Output, Fuel: a.Fuel})
			} else {
				add(event.AttemptSucceeded{Attempt: attempt, Output: a.Output, Fuel: a.Fuel})
			}
		}
		if len(s.Attempts) == 0 && !s.Output.IsZero() {
			add(event.StepSucceeded{Step: s.ID, Node: s.Node})
		}
		for _, f := range s.Failures {
			add(event.StepFailed{Step: s.ID, Node: s.Node, Failure: f})
		}
		if s.Status == reference.Skipped {
			add(event.StepSkipped{Step: s.ID, Node: s.Node})
		}
	}
	finished := event.RunFinished{Status: event.Done, Output: r.Output, Failure: r.Failure}
	if r.Failure != nil {
		finished.Status, finished.Output = event.Failed, document.Document{}
	}
	add(finished)
	return events
}

// Transcript is the graphs of the case and what the reference says of it.
func (c *Case) Transcript() string {
	want, err := c.work()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("seed %d, input %s%s\n%s-- reference --\n%s", c.Seed, c.Input, c.forkText(), c.files(), Describe(want))
}

// files are the graph and the subgraphs that it names, as files.
func (c *Case) files() string {
	var b strings.Builder
	write := func(name string, src *graph.Source) {
		text, err := graphfile.Format(src)
		fmt.Fprintf(&b, "-- %s --\n%s", name, text)
		if err != nil {
			fmt.Fprintf(&b, "(%v)\n", err)
		}
	}
	write("graph.toml", c.Source)
	for _, name := range slices.Sorted(maps.Keys(c.subs)) {
		if strings.Contains(b.String(), strconv.Quote(name)) {
			write(name, c.subs[name])
		}
	}
	return b.String()
}
