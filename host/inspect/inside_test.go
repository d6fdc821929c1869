package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

// player does what a scenario says.
type player struct{ script *scenario.Script }

func (p player) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	o, took := p.script.Invoke(c)
	select {
	case <-time.After(took):
	case <-ctx.Done():
	}
	return o, nil
}

// TestViewOfWhatIsInside: elements are a count in their step; a subgraph's steps
// are steps; what waits is waiting, and so is a run of which only that is left.
func TestViewOfWhatIsInside(t *testing.T) {
	all, err := scenario.All()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"foreach":          "done: list[1] done 1/0; score[1] done 3/1 of 3; report done 1/1",
		"foreach_fails":    "done: a failed 6/3 of 6; b skipped 0/0; sorry done 1/1",
		"foreach_retry":    "done: a done 4/1 of 3",
		"foreach_empty":    "done: a done 0/0; b done 1/1",
		"foreach_subgraph": "done: sub done 5/3 of 3; after done 1/1",
		"subgraph_fails":   "done: sub failed 0/0; sub/a failed 1/0; sub/b canceled 1/0; never skipped 0/0; sorry done 1/1",
		"wait_deadline":    "done: sub failed 0/0; sub/inner canceled 1/0; each failed 2/0 of 2; sorry done 1/1",
		"wait_canceled":    "waiting: ask waiting 2/0 of 2; sub waiting 0/0; sub/inner waiting 1/0; own waiting 1/0",
		"wait":             "waiting: draft done 1/1; approve waiting 1/0",
		"wait_beside":      "waiting: ask waiting 2/0 of 2; work done 1/0",
	} {
		i := slices.IndexFunc(all, func(s *scenario.Scenario) bool { return s.Name == name })
		if i < 0 {
			t.Errorf("no scenario %s", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := all[i].Graph()
				if err != nil {
					t.Fatal(err)
				}
				var events []event.Event
				s := driver.Session{
					Plan: &plan.Plan{Graph: g}, Run: "r", Started: event.RunStarted{Input: all[i].Script.Input},
					Observe: []driver.Observer{func(e event.Event) { events = append(events, e) }},
				}
				if name == "wait_deadline" { // somebody might answer, and nobody does
					s.Signals = make(chan driver.Signal)
				}
				_, err = local.New(local.Config{Invoker: player{all[i].Script}, Journal: memory.New(), Parallel: 8}).Carry(t.Context(), s)
				if err != nil && !errors.Is(err, driver.ErrWaiting) {
					t.Fatal(err)
				}
				v := inspect.Fold(g, slices.Values(events))
				var steps []string
				for _, s := range v.Steps {
					text := fmt.Sprintf("%s %s %d/%d", s.Step, s.Status, s.Attempts, s.Fuel)
					if s.Elements > 0 {
						text += fmt.Sprintf(" of %d", s.Elements)
					}
					steps = append(steps, text)
				}
				if got := v.Status + ": " + strings.Join(steps, "; "); got != want {
					t.Errorf("%s: got  %s\nwant %s", name, got, want)
				}
			})
		})
	}
}
