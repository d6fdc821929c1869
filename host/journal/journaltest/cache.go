package journaltest

// The part of the suite for stores that find outputs again and take runs in.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
)

// succeeds is a success that can be found under a key ("": that cannot).
func succeeds(run string, seq uint64, step, key, output string) event.Event {
	return event.Event{Run: run, Seq: seq, Time: epoch, Body: event.AttemptSucceeded{
		Attempt: event.Attempt{Step: step, Node: "n", Number: 2}, Output: document.MustParse(output), Fuel: 7, CacheKey: key,
	}}
}

// takenOver is a success that was found.
func takenOver(run string, seq uint64, step, key, output, from string) event.Event {
	e := succeeds(run, seq, step, key, output)
	done, _ := e.Body.(event.AttemptSucceeded)
	done.From = &event.Origin{Run: from, Attempt: done.Attempt}
	e.Body = done
	return e
}

// expectCached: by is "run step output", "" for none.
func expectCached(t *testing.T, j journal.Cacher, key, by string) {
	t.Helper()
	done, origin, found, err := j.Cached(t.Context(), key)
	must(t, err)
	got := ""
	if found {
		got = fmt.Sprint(origin.Run, " ", origin.Step, " ", done.Output)
		if done.CacheKey != key || done.From != nil || origin.Attempt != done.Attempt || done.Number != 2 || done.Node != "n" || done.Fuel != 7 {
			t.Errorf("under %q is %+v of %+v", key, done, origin)
		}
	} else if origin != (event.Origin{}) || !done.Output.IsZero() {
		t.Errorf("under %q is nothing, and yet %+v of %+v", key, done, origin)
	}
	if got != by {
		t.Errorf("under %q is %.60q, want %.60q", key, got, by)
	}
}

func cacheFinds(t *testing.T, j journal.Cacher) {
	t.Helper()
	large := `"` + strings.Repeat("l", 5000) + `"`
	must(t, j.Append(t.Context(), start("a"), succeeds("a", 2, "x", "k1", "[ 1,\n2 ]"), succeeds("a", 3, "y", "k2", large), succeeds("a", 4, "z", "", `3`)))
	expectCached(t, j, "k1", "a x [ 1,\n2 ]")
	expectCached(t, j, "k2", "a y "+large)
	expectCached(t, j, "", "")
	expectCached(t, j, "k", "")
	expectCached(t, j, "K1", "")
	// The first one stays, in its run and in others.
	must(t, j.Append(t.Context(), succeeds("a", 5, "x[2]", "k1", `5`)))
	must(t, j.Append(t.Context(), start("b"), succeeds("b", 2, "x", "k1", `6`), succeeds("b", 3, "x", "k3", `7`), end("b", 4)))
	expectCached(t, j, "k1", "a x [ 1,\n2 ]")
	expectCached(t, j, "k3", "b x 7")
}

// cacheDoesNotFind: what was not executed, and what has not succeeded.
func cacheDoesNotFind(t *testing.T, j journal.Cacher) {
	t.Helper()
	must(t, j.Append(t.Context(), start("a"),
		takenOver("a", 2, "x", "k1", `1`, "elsewhere"),
		takenOver("a", 3, "y", "", `2`, "elsewhere"),
		event.Event{Run: "a", Seq: 4, Time: epoch, Body: event.AttemptFailed{Attempt: event.Attempt{Step: "z", Node: "n", Number: 1}, Failure: failure.Failure{Code: failure.Trap}}},
	))
	expectCached(t, j, "k1", "")
	expectCached(t, j, "", "")
	// An append that is refused leaves nothing.
	if err := j.Append(t.Context(), succeeds("a", 5, "x", "k2", `1`), next("a", 7)); err == nil {
		t.Error("a gap was stored")
	}
	expectCached(t, j, "k2", "")
	// One that was executed after one that was found is found.
	must(t, j.Append(t.Context(), succeeds("a", 5, "x", "k1", `3`)))
	expectCached(t, j, "k1", "a x 3")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, found, err := j.Cached(ctx, "k1"); found || !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v, %v", found, err)
	}
}

// cacheOfManyRuns: what an append has stored is found when it returns.
func cacheOfManyRuns(t *testing.T, j journal.Cacher) {
	t.Helper()
	const count, length = 12, 10
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			run := fmt.Sprint("r", i)
			err := j.Append(t.Context(), start(run))
			for n := uint64(2); err == nil && n < length; n++ {
				own, shared := fmt.Sprint(run, n), fmt.Sprint("shared", n)
				if err = j.Append(t.Context(), succeeds(run, n, "x", own, `1`)); err != nil {
					break
				}
				if _, by, found, err := j.Cached(t.Context(), own); err != nil || !found || by.Run != run {
					t.Errorf("%s: %v, %v, %v", own, by, found, err)
				}
				_, _, _, err = j.Cached(t.Context(), shared)
			}
			if err == nil {
				err = j.Append(t.Context(), succeeds(run, length, "y", "shared", `1`))
			}
			if err != nil {
				t.Errorf("run %s: %v", run, err)
			}
		})
	}
	wg.Wait()
	if _, by, found, err := j.Cached(t.Context(), "shared"); err != nil || !found || by.Step != "y" {
		t.Errorf("%v, %v, %v", by, found, err)
	}
}

func importedRuns(t *testing.T, j journal.Importer) {
	t.Helper()
	large := `"` + strings.Repeat("l", 5000) + `"`
	whole := []event.Event{start("a"), succeeds("a", 2, "x", "", "[ 1,\r\n2 ]"), succeeds("a", 3, "y", "", large), end("a", 4)}
	open := []event.Event{start("b"), next("b", 2)}
	made, err := journal.NewSources([]journal.Source{{Kind: journal.SourceGraph, Name: "g", Content: []byte("version = 1\n")}})
	must(t, err)
	batch := slices.Clone(whole)
	must(t, j.Import(t.Context(), made, batch))
	batch[1] = next("a", 99)
	must(t, j.Import(t.Context(), nil, open))
	expect(t, j, "a", whole...)
	expect(t, j, "b", open...)
	if got := runs(t, j); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("runs: %v", got)
	}
	if p, ok := j.(journal.Pinner); ok {
		if got, err := p.Sources(t.Context(), "a"); err != nil || got == nil || got.Digest != made.Digest || string(got.Files[0].Content) != "version = 1\n" {
			t.Errorf("made of %+v: %v", got, err)
		}
		if got, err := p.Sources(t.Context(), "b"); err != nil || got != nil {
			t.Errorf("made of %+v: %v", got, err)
		}
	}
	// A run like others: one that has not finished goes on.
	must(t, j.Append(t.Context(), next("b", 3), end("b", 4)))
	if err := j.Append(t.Context(), next("a", 5)); !errors.Is(err, journal.ErrFinished) {
		t.Errorf("after the end: %v", err)
	}
	for _, run := range [][]event.Event{whole, open, {start("b")}} {
		if err := j.Import(t.Context(), nil, run); !errors.Is(err, journal.ErrRunExists) {
			t.Errorf("a run that is there: %v", err)
		}
	}
	expect(t, j, "a", whole...)
}

func importIsAllOrNothing(t *testing.T, j journal.Importer) {
	t.Helper()
	var gap *journal.SequenceError
	for name, events := range map[string][]event.Event{
		"nothing":       nil,
		"no name":       {start("")},
		"no beginning":  {next("a", 1)},
		"a late start":  {next("a", 2)},
		"a gap":         {start("a"), next("a", 3)},
		"two runs":      {start("a"), next("b", 2)},
		"after the end": {start("a"), end("a", 2), next("a", 3)},
		"no body":       {start("a"), {Run: "a", Seq: 2, Time: epoch}},
	} {
		err := j.Import(t.Context(), nil, events)
		if err == nil || errors.Is(err, journal.ErrRunExists) {
			t.Errorf("%s: %v", name, err)
		}
		if (name == "a gap" || name == "a late start") && !errors.As(err, &gap) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Import(ctx, nil, []event.Event{start("a")}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
	if got := runs(t, j); len(got) > 0 {
		t.Errorf("runs: %v", got)
	}
}

// importedStrangers: what comes from elsewhere is neither kept nor found.
func importedStrangers(t *testing.T, j journal.Importer) {
	t.Helper()
	must(t, j.Import(t.Context(), nil, []event.Event{start("a"), succeeds("a", 2, "x", "k", `1`), stores("a", 3, "s", "key", `1`)}))
	if v, ok := j.(journal.Values); ok {
		expectValue(t, v, "s", "key", "")
		expectSize(t, v, "s", 0, 0)
	}
	c, ok := j.(journal.Cacher)
	if !ok {
		return
	}
	expectCached(t, c, "k", "")
	// What it executes here is its own.
	must(t, j.Append(t.Context(), succeeds("a", 4, "y", "k", `2`)))
	expectCached(t, c, "k", "a y 2")
}
