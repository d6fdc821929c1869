package inspect_test

import (
	"context"
	"fmt"
	"slices"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/memory"
)

// A run is looked at long after its end, from the journal alone: its graph comes from
// there, too. Here people are the nodes: one writes, the other approves.
func Example() {
	ctx := context.Background()
	journal := memory.New()
	h, err := host.New(host.WithJournal(journal))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = h.Close() }()
	g, err := h.LoadFS(fstest.MapFS{"graph.toml": {Data: []byte(`version = 1
chain = ["write", "approve"]
[nodes.write]
wait = true
[nodes.approve]
wait = true
[output]
value = "{'letter': output.letter, 'to': run.input.name}"
`)}}, "graph.toml")
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := h.Start(ctx, g, map[string]any{"name": "Ada"}, host.WithRunID("letter"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range []string{"write", "approve"} {
		if err := run.Signal(ctx, step, map[string]any{"letter": "Dear Ada", "ok": true}); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := run.Wait(); err != nil {
		fmt.Println(err)
		return
	}

	// From here on the journal is enough.
	drawn, err := host.Pinned(ctx, journal, "letter")
	if err != nil {
		fmt.Println(err)
		return
	}
	var events []event.Event
	for e, err := range journal.Events(ctx, "letter") {
		if err != nil {
			fmt.Println(err)
			return
		}
		events = append(events, e)
	}
	view := inspect.Fold(drawn, slices.Values(events))
	fmt.Println(view.Status, len(view.Steps), "steps")

	step, err := inspect.Detail(drawn, slices.Values(events), "approve")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("approve came from", step.CameFrom, "and was given", step.Input)

	traced, err := inspect.Trace(drawn, slices.Values(events), "/to")
	if err != nil {
		fmt.Println(err)
		return
	}
	last := traced.Sources[len(traced.Sources)-1]
	fmt.Println(traced.Value, "stands in", last.Place, last.Pointers)
	// Output:
	// done 2 steps
	// approve came from [write] and was given {"letter":"Dear Ada","ok":true}
	// "Ada" stands in run_input [/name]
}
