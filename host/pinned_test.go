package host_test

import (
	"context"
	"errors"
	"testing"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
)

// TestPinned: the graph comes from the journal alone, and needs none of its modules.
func TestPinned(t *testing.T) {
	ctx := t.Context()
	j := memory.New()
	begin := func(run string, made *journal.Sources) {
		t.Helper()
		if err := j.Begin(ctx, made, event.Event{Run: run, Seq: 1, Body: event.RunStarted{Graph: "g"}}); err != nil {
			t.Fatal(err)
		}
	}
	sources := func(text string) *journal.Sources {
		t.Helper()
		made, err := journal.NewSources([]journal.Source{
			{Kind: journal.SourceGraph, Name: "/gone/g.toml", Content: []byte(text)},
			{Kind: journal.SourceFile, Name: "in.json", Content: []byte(`{"type":"object"}`)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	begin("whole", sources("version = 1\n[nodes.a]\nmodule = \"a.wasm\"\ninput_schema = \"in.json\"\n"))
	begin("bare", nil)
	begin("odd", sources("version = 1\n[nodes.a]\nmodule = \"a.wasm\"\ninput_schema = \"other.json\"\n"))

	g, err := host.Pinned(ctx, j, "whole")
	if err != nil || g.Node("a") == nil || g.Node("a").In.Schema == nil || g.Name != "g" {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := host.Pinned(ctx, j, "bare"); !errors.Is(err, host.ErrNotPinned) {
		t.Errorf("nothing is kept: %v", err)
	}
	var found graph.Diagnostics
	if _, err := host.Pinned(ctx, j, "odd"); !errors.As(err, &found) {
		t.Errorf("a schema is missing: %v", err)
	}
	if _, err := host.Pinned(ctx, j, "nobody"); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("no such run: %v", err)
	}
	if _, err := host.Pinned(ctx, onlyJournal{j}, "whole"); !errors.Is(err, host.ErrNotPinned) {
		t.Errorf("a journal that pins nothing: %v", err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := host.Pinned(over, j, "whole"); !errors.Is(err, context.Canceled) {
		t.Errorf("the context is done: %v", err)
	}
}

// onlyJournal hides what else a journal can do.
type onlyJournal struct{ journal.Journal }
