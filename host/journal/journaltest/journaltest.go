// Package journaltest is the suite that every store of journals must pass.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
)

// Run tests the store that open gives. Each call of open must give an empty
// journal, and close it, where it needs to be, when its test ends. What a
// [journal.Pinner], [journal.Values], [journal.Cacher] and [journal.Importer] promise
// is tested where it is one, and else skipped.
func Run(t *testing.T, open func(t *testing.T) journal.Journal) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, journal.Journal){
		"EventsComeBackAsTheyWere": eventsComeBack,
		"OrderIsKept":              orderIsKept,
		"AppendIsAllOrNothing":     allOrNothing,
		"GapsAreRefused":           gapsAreRefused,
		"ARunStartsOnce":           startsOnce,
		"NothingFollowsTheEnd":     nothingFollows,
		"RunsAreKeptApart":         keptApart,
		"UnknownRun":               unknownRun,
		"AppendingNothing":         appendingNothing,
		"SliceIsNotKept":           sliceIsNotKept,
		"ContextThatIsDone":        contextDone,
		"ReadingCanStop":           readingStops,
		"ReadersSeeWholeAppends":   wholeAppends,
		"ManyRunsAtOnce":           manyRuns,
		"OneWriterWins":            oneWriter,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
	t.Run("SourcesComeBackAsTheyWere", func(t *testing.T) {
		p, ok := open(t).(journal.Pinner)
		if !ok {
			t.Skip("the store does not keep what runs were made of: it is no journal.Pinner")
		}
		sourcesComeBack(t, p)
	})
	for name, test := range map[string]func(*testing.T, journal.Values){
		"ValuesComeBackAsTheyWere":   valuesComeBack,
		"ValuesAreListedInOrder":     valuesListed,
		"ValuesAreDeleted":           valuesDeleted,
		"TheLastWriteHolds":          lastWriteHolds,
		"AdditionsAddUp":             additionsAddUp,
		"AdditionsUponAnything":      additionsUponAnything,
		"AdditionsAreLikeAModel":     additionsLikeAModel,
		"AdditionsOfManyRunsAtOnce":  additionsOfManyRuns,
		"ValuesComeWithTheirAppend":  valuesWithAppend,
		"ValuesOutliveTheirRun":      valuesOutlive,
		"ValuesAreLikeAMap":          valuesLikeAMap,
		"ValuesOfManyRunsAtOnce":     valuesOfManyRuns,
		"ReadersSeeWholeStores":      wholeStores,
		"ValuesAndAContextThatEnded": valuesContextDone,
	} {
		t.Run(name, func(t *testing.T) {
			v, ok := open(t).(journal.Values)
			if !ok {
				t.Skip("the store keeps no values: it is no journal.Values")
			}
			test(t, v)
		})
	}
	for name, test := range map[string]func(*testing.T, journal.Cacher){
		"OutputsAreFoundAgain":    cacheFinds,
		"WhatIsNotFoundAgain":     cacheDoesNotFind,
		"OutputsOfManyRunsAtOnce": cacheOfManyRuns,
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := open(t).(journal.Cacher)
			if !ok {
				t.Skip("the store does not find outputs again: it is no journal.Cacher")
			}
			test(t, c)
		})
	}
	for name, test := range map[string]func(*testing.T, journal.Importer){
		"ImportedRunsAreLikeOthers": importedRuns,
		"ImportIsAllOrNothing":      importIsAllOrNothing,
		"ImportedRunsAreStrangers":  importedStrangers,
	} {
		t.Run(name, func(t *testing.T) {
			i, ok := open(t).(journal.Importer)
			if !ok {
				t.Skip("the store takes no runs in: it is no journal.Importer")
			}
			test(t, i)
		})
	}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC)

// start is the first event of a run.
func start(run string) event.Event {
	return event.Event{Run: run, Seq: 1, Time: epoch, Body: event.RunStarted{
		Graph: "g", Plan: "sha256:0", Input: document.Array(document.String(run)), Seed: event.Seed{1, 2, 3},
	}}
}

// next is a further event of a run.
func next(run string, seq uint64) event.Event {
	return event.Event{Run: run, Seq: seq, Time: epoch.Add(time.Duration(seq) * time.Microsecond), Body: event.TimerFired{Timer: fmt.Sprint("t", seq)}}
}

func end(run string, seq uint64) event.Event {
	return event.Event{Run: run, Seq: seq, Time: epoch, Body: event.RunFinished{Status: event.Done, Output: document.Null()}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read gives a run's events, encoded.
func read(t *testing.T, j journal.Journal, run string) []string {
	t.Helper()
	list, err := tryRead(t.Context(), j, run)
	must(t, err)
	return list
}

func tryRead(ctx context.Context, j journal.Journal, run string) (list []string, err error) {
	for e, err := range j.Events(ctx, run) {
		if err != nil {
			return list, err
		}
		b, err := event.Encode(e)
		if err != nil {
			return list, err
		}
		list = append(list, string(b))
	}
	return list, nil
}

func encoded(t *testing.T, events ...event.Event) (list []string) {
	t.Helper()
	for _, e := range events {
		b, err := event.Encode(e)
		must(t, err)
		list = append(list, string(b))
	}
	return list
}

func expect(t *testing.T, j journal.Journal, run string, events ...event.Event) {
	t.Helper()
	if got, want := read(t, j, run), encoded(t, events...); !slices.Equal(got, want) {
		t.Errorf("run %q has\n%v\nwant\n%v", run, got, want)
	}
}

func runs(t *testing.T, j journal.Journal) (list []string) {
	t.Helper()
	for run, err := range j.Runs(t.Context()) {
		must(t, err)
		list = append(list, run)
	}
	return list
}

func eventsComeBack(t *testing.T, j journal.Journal) {
	t.Helper()
	a := event.Attempt{Step: "a[1]", Node: "a", Number: 1}
	f := failure.Failure{Code: failure.NodeError, Reason: "r", Message: "m", Retryable: true, RetryAfter: time.Second, Violations: []failure.Violation{{Pointer: "/x"}}}
	bodies := []event.Body{
		event.AttemptStarted{Attempt: a},
		event.AttemptFailed{Attempt: a, Failure: f, Fuel: 3},
		event.AttemptFailed{Attempt: a, Failure: f, Output: document.MustParse("{ \"n\":\n1.0 }"), Fuel: 1 << 63},
		event.AttemptSucceeded{Attempt: a, Output: document.Null(), Fuel: 5},
		event.StepSkipped{Step: "b", Node: "b"},
		event.StepFailed{Step: "c", Node: "c", Failure: f},
		event.TimerFired{Timer: "t"},
		event.CancelRequested{Reason: "enough"},
		event.RunFinished{Status: event.Canceled, Failure: &f},
	}
	events := []event.Event{start("r")}
	for i, b := range bodies {
		events = append(events, event.Event{Run: "r", Seq: uint64(i + 2), Time: epoch, Body: b})
	}
	must(t, j.Append(t.Context(), events...))
	expect(t, j, "r", events...)
}

func orderIsKept(t *testing.T, j journal.Journal) {
	t.Helper()
	events := []event.Event{start("r")}
	must(t, j.Append(t.Context(), events...))
	for i := range uint64(50) {
		batch := []event.Event{next("r", 2*i+2), next("r", 2*i+3)}
		must(t, j.Append(t.Context(), batch...))
		events = append(events, batch...)
	}
	expect(t, j, "r", events...)
}

func allOrNothing(t *testing.T, j journal.Journal) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), next("r", 2)))
	for _, batch := range [][]event.Event{
		{next("r", 3), next("r", 5)},
		{next("r", 3), next("other", 4)},
		{next("r", 3), {Run: "r", Seq: 4, Time: epoch}},
		{next("r", 3), end("r", 4), next("r", 5)},
		{next("r", 3), start("r")},
	} {
		if err := j.Append(t.Context(), batch...); err == nil {
			t.Errorf("%v was stored", batch)
		}
	}
	expect(t, j, "r", start("r"), next("r", 2))
	if got := runs(t, j); !slices.Equal(got, []string{"r"}) {
		t.Errorf("runs: %v", got)
	}
}

func gapsAreRefused(t *testing.T, j journal.Journal) {
	t.Helper()
	var gap *journal.SequenceError
	if err := j.Append(t.Context(), next("r", 2)); !errors.As(err, &gap) || gap.Want != 1 || gap.Got != 2 || gap.Run != "r" {
		t.Errorf("the first event is number 2: %v", err)
	}
	must(t, j.Append(t.Context(), start("r")))
	for _, seq := range []uint64{0, 1, 3, 1 << 63} {
		e := next("r", seq)
		if err := j.Append(t.Context(), e); !errors.As(err, &gap) || gap.Want != 2 || gap.Got != seq {
			t.Errorf("event %d after 1: %v", seq, err)
		}
	}
	must(t, j.Append(t.Context(), next("r", 2)))
	if err := j.Append(t.Context(), next("r", 2)); !errors.As(err, &gap) {
		t.Errorf("the same event again: %v", err)
	}
	expect(t, j, "r", start("r"), next("r", 2))
}

func startsOnce(t *testing.T, j journal.Journal) {
	t.Helper()
	if err := j.Append(t.Context(), next("r", 1)); err == nil {
		t.Error("a run began with a timer")
	}
	again := start("r")
	again.Seq = 2
	if err := j.Append(t.Context(), start("r"), again); err == nil {
		t.Error("a run started twice")
	}
	if got := runs(t, j); len(got) > 0 {
		t.Errorf("runs: %v", got)
	}
}

func nothingFollows(t *testing.T, j journal.Journal) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), end("r", 2)))
	if err := j.Append(t.Context(), next("r", 3)); !errors.Is(err, journal.ErrFinished) {
		t.Errorf("got %v", err)
	}
	expect(t, j, "r", start("r"), end("r", 2))
}

func keptApart(t *testing.T, j journal.Journal) {
	t.Helper()
	names := []string{"b", "a", "", "é/%\x00'\"", "B"}
	for _, run := range names {
		err := j.Append(t.Context(), start(run))
		if run == "" {
			if !errors.Is(err, journal.ErrNotOneRun) {
				t.Errorf("a run without a name: %v", err)
			}
			continue
		}
		must(t, err)
	}
	must(t, j.Append(t.Context(), next("a", 2)))
	expect(t, j, "b", start("b"))
	expect(t, j, "a", start("a"), next("a", 2))
	if got, want := runs(t, j), []string{"b", "a", names[3], "B"}; !slices.Equal(got, want) {
		t.Errorf("runs %q, want %q", got, want)
	}
	if err := j.Append(t.Context(), next("a", 3), next("b", 2)); !errors.Is(err, journal.ErrNotOneRun) {
		t.Errorf("an append to two runs: %v", err)
	}
}

func unknownRun(t *testing.T, j journal.Journal) {
	t.Helper()
	n := 0
	for _, err := range j.Events(t.Context(), "nobody") {
		if n++; !errors.Is(err, journal.ErrUnknownRun) {
			t.Errorf("got %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d elements", n)
	}
}

func appendingNothing(t *testing.T, j journal.Journal) {
	t.Helper()
	must(t, j.Append(t.Context()))
	if got := runs(t, j); len(got) > 0 {
		t.Errorf("runs: %v", got)
	}
}

func sliceIsNotKept(t *testing.T, j journal.Journal) {
	t.Helper()
	batch := []event.Event{start("r"), next("r", 2)}
	must(t, j.Append(t.Context(), batch...))
	batch[1] = next("r", 99)
	expect(t, j, "r", start("r"), next("r", 2))
}

func contextDone(t *testing.T, j journal.Journal) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r")))
	cause := errors.New("no more")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := j.Append(ctx, next("r", 2)); !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	if _, err := tryRead(ctx, j, "r"); !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("events: %v", err)
	}
	for _, err := range j.Runs(ctx) {
		if !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
			t.Errorf("runs: %v", err)
		}
	}
	expect(t, j, "r", start("r"))
}

func readingStops(t *testing.T, j journal.Journal) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), next("r", 2), next("r", 3)))
	for e, err := range j.Events(t.Context(), "r") {
		must(t, err)
		if e.Seq == 2 {
			break
		}
	}
	for _, err := range j.Runs(t.Context()) {
		must(t, err)
		break
	}
	must(t, j.Append(t.Context(), next("r", 4)))
	// One may append while one reads; what comes later is not seen.
	n := uint64(0)
	for e, err := range j.Events(t.Context(), "r") {
		must(t, err)
		if n = e.Seq; n == 1 {
			must(t, j.Append(t.Context(), next("r", 5)))
		}
	}
	if n != 4 {
		t.Errorf("saw %d events, 4 were there", n)
	}
}

func wholeAppends(t *testing.T, j journal.Journal) {
	t.Helper()
	const batches, size = 60, 5
	must(t, j.Append(t.Context(), start("r")))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				list, err := tryRead(t.Context(), j, "r")
				if err != nil || (len(list)-1)%size != 0 {
					t.Errorf("saw %d events: %v", len(list), err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for b := range uint64(batches) {
		var batch []event.Event
		for i := range uint64(size) {
			batch = append(batch, next("r", 2+b*size+i))
		}
		must(t, j.Append(t.Context(), batch...))
	}
	close(done)
	wg.Wait()
}

func manyRuns(t *testing.T, j journal.Journal) {
	t.Helper()
	const count, length = 40, 25
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			run := fmt.Sprint("r", i)
			err := j.Append(t.Context(), start(run))
			for seq := uint64(2); err == nil && seq <= length; seq++ {
				err = j.Append(t.Context(), next(run, seq))
			}
			if err != nil {
				t.Errorf("run %s: %v", run, err)
			}
		})
	}
	wg.Wait()
	if n := len(runs(t, j)); n != count {
		t.Errorf("%d runs", n)
	}
	for i := range count {
		if n := len(read(t, j, fmt.Sprint("r", i))); n != length {
			t.Errorf("run %d has %d events", i, n)
		}
	}
}

func oneWriter(t *testing.T, j journal.Journal) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r")))
	const writers = 8
	won := make([]bool, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			e := next("r", 2)
			e.Body = event.TimerFired{Timer: strconv.Itoa(i)}
			var gap *journal.SequenceError
			err := j.Append(t.Context(), e)
			if won[i] = err == nil; !won[i] && !errors.As(err, &gap) {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	if n != 1 || len(read(t, j, "r")) != 2 {
		t.Errorf("%d of %d writers of event 2 have won", n, writers)
	}
}
