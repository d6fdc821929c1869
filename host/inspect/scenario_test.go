package inspect_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

// TestEveryScenario: of each run of the corpus every step can be looked at, an output
// can be traced, and a run is equal to itself.
func TestEveryScenario(t *testing.T) {
	all, err := scenario.All()
	if err != nil {
		t.Fatal(err)
	}
	steps, traced := 0, 0
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := s.Graph()
				if err != nil {
					t.Fatal(err)
				}
				var events []event.Event
				session := driver.Session{
					Plan: &plan.Plan{Graph: g}, Run: "r", Started: event.RunStarted{Input: s.Script.Input},
					Observe: []driver.Observer{func(e event.Event) { events = append(events, e) }},
				}
				_, err = local.New(local.Config{Invoker: player{s.Script}, Journal: memory.New(), Parallel: 8}).Carry(t.Context(), session)
				if err != nil && !errors.Is(err, driver.ErrWaiting) {
					t.Fatal(err)
				}
				v := inspect.Fold(g, slices.Values(events))
				for _, step := range v.Steps {
					steps++
					d := detail(t, g, events, step.Step)
					switch {
					case d.Doubt != "":
						t.Errorf("%s: %s", step.Step, d.Doubt)
					case d.Status != step.Status || d.Attempts != step.Attempts || d.Fuel != step.Fuel:
						t.Errorf("%+v, the run says %+v", d.Step, step)
					case step.Status == inspect.StepDone && (d.Input.IsZero() || d.Output.IsZero()):
						t.Errorf("%s: is given %s, gives %s", step.Step, d.Input, d.Output)
					case step.Status == inspect.StepDone && d.Before.IsZero() != d.After.IsZero():
						t.Errorf("%s: the state is %s, then %s", step.Step, d.Before, d.After)
					}
				}
				if v.Status == string(event.Done) {
					traced++
					found, err := inspect.Trace(g, slices.Values(events), "")
					if err != nil || found.Truncated || len(found.Sources) == 0 && strings.Contains(v.Output.String(), `"`) {
						t.Errorf("%v: %+v", err, found)
					}
				}
				if d := inspect.Diff(subject(g, events), subject(g, events)); !d.Equal || d.First != nil {
					t.Errorf("%+v", d)
				}
			})
		})
	}
	if steps < 100 || traced < 20 {
		t.Errorf("only %d steps and %d outputs were looked at", steps, traced)
	}
}
