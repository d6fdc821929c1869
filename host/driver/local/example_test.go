package local_test

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// tens is an invoker whose only node is written in Go.
type tens struct{}

// Invoke implements driver.Invoker.
func (tens) Invoke(_ context.Context, _ *plan.Plan, c stepper.Invoke, _ driver.Calls) (event.Outcome, error) {
	output, err := document.Parse([]byte(c.Input.String()+"0"), document.Limits{})
	return event.Outcome{Attempt: c.Attempt, Output: output, Fuel: 1}, err
}

// A driver needs something that makes attempts and something that remembers.
// Here a Go function stands in for the sandbox.
func ExampleDriver_Run() {
	g, found := graph.Build(&graph.Source{
		File:  "tens.toml",
		Nodes: []graph.NodeSource{{Name: "once", Module: "x.wasm"}, {Name: "again", Module: "x.wasm"}},
		Chain: []graph.Word{{Text: "once"}, {Text: "again"}},
	}, nil)
	if found.Failed() {
		fmt.Println(found)
		return
	}
	d := local.New(local.Config{Invoker: tens{}, Journal: memory.New()})
	started := event.RunStarted{Graph: g.Name, Plan: "sha256:…", Input: document.MustParse("7")}
	end, err := d.Run(context.Background(), &plan.Plan{Graph: g}, "run-1", started, func(e event.Event) {
		fmt.Println(e.Seq, e.Body.Type())
	})
	fmt.Println(end.Status, end.Output, err)
	// Output:
	// 1 run_started
	// 2 attempt_started
	// 3 attempt_succeeded
	// 4 attempt_started
	// 5 attempt_succeeded
	// 6 run_finished
	// done 700 <nil>
}
