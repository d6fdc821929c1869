package cli

// Where a value of the output came from.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/inspect"
)

func (a *app) showTrace(r *recorded, pointer string) error {
	t, err := inspect.Trace(r.graph, r.events(), pointer)
	if wrong, ok := errors.AsType[*inspect.PointerError](err); ok {
		return usagef("--trace %w", wrong)
	}
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(t)
		return nil
	}
	p := a.newPage()
	name := "the output"
	if pointer != "" {
		name = pointer
	}
	p.document(0, cell(name), t.Value)
	if t.Common {
		p.line(0, "This value is too common to be followed: an equal one may stand anywhere. What led to it:")
	}
	for i, s := range t.Sources {
		p.source(s, i == 0)
	}
	if t.Truncated {
		p.line(0, "… there was more to look at than is looked at")
	}
	return nil
}

// source writes one place where the value was found.
func (p page) source(s inspect.Source, first bool) {
	text := place(s)
	if len(s.Pointers) > 0 {
		var at []string
		for _, pointer := range s.Pointers {
			if pointer == "" {
				pointer = "all of it"
			}
			at = append(at, pointer)
		}
		text += ": " + strings.Join(at, ", ")
	}
	switch {
	case s.Again:
		text += " (see above)"
	case s.Made && s.Place != inspect.InGraph:
		text += " — made there: nothing that the step was given has it"
	}
	if !first {
		text = "found unchanged in " + text
	} else {
		text = "given by " + text
	}
	p.line(s.Depth+1, text)
	if s.From != nil {
		p.line(s.Depth+2, origin(s.From))
	}
	if s.Leading > 0 {
		led := "led to by "
		if s.Place == inspect.InState {
			led = "written by "
		}
		led += strings.Join(s.LedBy, ", ")
		if more := s.Leading - len(s.LedBy); more > 0 {
			led += fmt.Sprintf(" and %d more", more)
		}
		p.line(s.Depth+2, led)
	} else if s.Made && !s.Again && s.Place == inspect.InOutput {
		p.line(s.Depth+2, "nothing led to it but the run's input")
	}
}

func place(s inspect.Source) string {
	switch s.Place {
	case inspect.InOutput:
		return fmt.Sprintf("the output of %q", s.Step)
	case inspect.InFailure:
		return fmt.Sprintf("the failure of %q", s.Step)
	case inspect.InSignal:
		return fmt.Sprintf("the signal that %q waited for", s.Step)
	case inspect.InAnswer:
		return fmt.Sprintf("the answer of %s.%s to %q", s.Capability, s.Method, s.Step)
	case inspect.InState:
		return fmt.Sprintf("the state before %q", s.Step)
	case inspect.InConfig:
		return fmt.Sprintf("the config of %q", s.Node)
	case inspect.InRunInput:
		return "the run's input"
	case inspect.InGraph:
		return "the graph, of what its steps gave"
	}
	return string(s.Place)
}
