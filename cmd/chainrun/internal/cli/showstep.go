package cli

// All of one step.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/inspect"
)

func (a *app) showStep(r *recorded, step string) error {
	d, err := inspect.Detail(r.graph, r.events(), step)
	if unknown, ok := errors.AsType[*inspect.UnknownStepError](err); ok {
		unknown.Run = r.ID
		return usagef("%w; `%s` lists the steps", unknown, commandLine(r.named, "show", quoted(r.ID)))
	}
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(d)
		return nil
	}
	p := a.newPage()
	p.fact("step", d.Step.Step)
	if d.Node != d.Step.Step {
		p.fact("node", d.Node)
	}
	fmt.Fprintf(p.w, "%-11s %s\n", "status", p.status(string(d.Status)))
	if list := facts(d.Step); len(list) > 0 {
		p.fact("took", strings.Join(list, ", "))
	}
	p.fact("came from", strings.Join(d.CameFrom, ", "))
	p.fact("not known", d.Doubt)
	if d.ElementsFailed > 0 {
		p.fact("failed", strings.Join(d.FailedElements, ", "))
	}
	p.gap()
	p.document(0, "input", d.Input)
	p.document(0, "config", d.Config)
	p.state(d.Before, d.After)
	p.document(0, "output", d.Output)
	if f := d.Failure; f != nil {
		p.fact("failure", reasons(f.Code, f.Reason, f.Message, f.Violations))
		p.violations(1, f.Violations)
		if d.Status == inspect.StepFailed {
			p.fact("what to do", advice(d.Failure))
		}
	}
	if len(d.Inside) > 0 {
		p.gap()
		p.tree(d.Inside)
	}
	for _, t := range d.Tries {
		p.gap()
		p.try(t, len(d.Tries) == 1 && t.Failure == nil)
	}
	if d.Status == inspect.StepWaiting && len(d.Tries) > 0 {
		p.gap()
		p.line(0, "to answer: "+commandLine(r.named, "signal", quoted(r.ID), quoted(d.Step.Step), "--data", "'…'"))
	}
	return nil
}

// state writes what a step saw, and which keys are others after it.
func (p page) state(before, after document.Document) {
	p.document(0, "state", before)
	was := map[string]document.Document{}
	for _, f := range before.Fields() {
		was[f.Key] = f.Value
	}
	for _, f := range after.Fields() {
		if !was[f.Key].Equal(f.Value) {
			p.document(0, cell(f.Key)+" after", f.Value)
		}
	}
}

// try writes one attempt. Where it is the only one, and succeeded, its output is the
// step's.
func (p page) try(t inspect.Try, only bool) {
	list := []string{p.status(string(t.Status))}
	if !t.Started.IsZero() {
		list = append(list, "began "+t.Started.Local().Format("15:04:05.000"))
	}
	if t.WaitMS > 0 {
		list = append(list, short(millis(t.WaitMS))+" after the one before")
	}
	if t.DurationMS > 0 {
		list = append(list, "took "+short(millis(t.DurationMS)))
	}
	if t.Fuel > 0 {
		list = append(list, thousands(t.Fuel)+" fuel")
	}
	if t.Interrupted > 0 {
		list = append(list, "interrupted "+times(t.Interrupted))
	}
	fmt.Fprintf(p.w, "%-11s %s\n", fmt.Sprintf("attempt %d", t.Attempt), strings.Join(list, ", "))
	if t.From != nil {
		p.line(1, origin(t.From))
	}
	if t.Feedback != nil {
		p.line(1, "was told why the output before was refused:")
		p.violations(2, t.Feedback)
	}
	for _, c := range t.Calls {
		p.call(c)
	}
	for _, k := range t.Kept {
		p.document(1, cell("kept "+k.Space+" "+k.Key), k.Value)
		p.document(1, cell("added to "+k.Space+" "+k.Key), k.Add)
		if k.Value.IsZero() && k.Add.IsZero() {
			p.line(1, "deleted "+k.Space+" "+k.Key)
		}
	}
	p.document(1, "signal", t.Signal)
	if f := t.Failure; f != nil {
		p.line(1, reasons(f.Code, f.Reason, f.Message, f.Violations))
		p.violations(2, f.Violations)
		p.document(1, "returned", t.Output)
	} else if !only && t.Signal.IsZero() {
		p.document(1, "output", t.Output)
	}
}

func (p page) call(c inspect.Call) {
	text := fmt.Sprintf("call %d: %s.%s", c.Ordinal, c.Capability, c.Method)
	var list []string
	if c.DurationMS > 0 {
		list = append(list, short(millis(c.DurationMS)))
	}
	if c.Usage.Bytes > 0 {
		list = append(list, thousands(uint64(c.Usage.Bytes))+" bytes")
	}
	u := c.Usage
	u.Calls = 0 // it is one
	if list = append(list, used(u)...); len(list) > 0 {
		text += " (" + strings.Join(list, ", ") + ")"
	}
	p.line(1, text)
	p.document(2, "request", c.Request)
	p.document(2, "answer", c.Answer)
	if c.Failure != nil {
		p.line(2, "failed: "+c.Failure.String())
	}
}
