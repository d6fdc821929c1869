package sqlite

// Runs on disks that fail: random graphs, carried out by the real driver and recorded
// in the real store, on a disk that is made up.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/simulate"
)

const someSeeds = 1000

// enoughTime is after how long the long tests try nothing more: a machine that is busy
// with other things tries less.
const enoughTime = 90 * time.Second

var (
	diskSeeds = flag.Int("disk-seeds", someSeeds, "how many seeds TestFailingDisks tries")
	diskSeed  = flag.Uint64("disk-seed", 0, "the one seed that TestFailingDisks tries")
)

// maxTroubles is how often runs are disturbed: an attempt survives so many.
const maxTroubles = stepper.MaxInterruptions - 1

// misfortune is a world of a few runs in one store.
type misfortune struct {
	t     *testing.T
	seed  uint64
	luck  *rand.Rand
	path  string // of the store; another one after each power cut
	disk  *madeUpDisk
	store *Store
	runs  []*sufferer

	troubles int
	reopened bool // the store was, since the runs were looked at
}

// sufferer is a run, and what is known of it.
type sufferer struct {
	*simulate.Case
	id string

	mu   sync.Mutex
	told []event.Event // that the store has acknowledged
	// What it was asked to append after them, and said no. None of it is there; yet the
	// disk may have what it has refused, and show it after a power cut, as long as
	// nothing was stored in its place.
	tried [][]event.Event
	over  bool
}

// journalOf is the store as one run sees it.
type journalOf struct {
	*Store
	r *sufferer
}

func (j journalOf) Append(ctx context.Context, events ...event.Event) error {
	err := j.Store.Append(ctx, events...)
	j.r.mu.Lock()
	defer j.r.mu.Unlock()
	if err == nil {
		j.r.told, j.r.tried = append(j.r.told, events...), nil
	} else {
		j.r.tried = append(j.r.tried, events)
	}
	return err
}

// fatalf fails with the seed.
func (m *misfortune) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("seed %d, after %d troubles: %s", m.seed, m.troubles, fmt.Sprintf(format, args...))
}

// plan makes what happens to the disk next.
func (m *misfortune) plan() {
	d := m.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble, d.struck = trouble{}, 0
	if m.troubles >= maxTroubles {
		return
	}
	soon := 1 + m.luck.IntN([]int{8, 30, 100, 400}[m.luck.IntN(4)])
	switch m.luck.IntN(5) {
	case 0, 1:
		d.cut = soon
	case 2:
		d.sync = 1 + soon/8
	case 3:
		d.full = d.used() + m.luck.Int64N(1<<16)
	default:
		d.refuse = map[int]refusal{}
		for range 1 + m.luck.IntN(4) {
			d.refuse[soon] = refusal(m.luck.IntN(3))
			soon += 1 + m.luck.IntN(20)
		}
	}
	if m.luck.IntN(3) == 0 { // it does not stop at this
		d.cut = soon + m.luck.IntN(200)
	}
}

// calm ends what the disk does, if it has power.
func (m *misfortune) calm() (struck int) {
	d := m.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble = trouble{}
	return d.struck
}

// open opens the store, sooner or later.
func (m *misfortune) open() {
	for {
		vfs.Register(m.disk.name(m.seed), m.disk)
		s, err := Open(m.t.Context(), m.path, Options{vfs: m.disk.name(m.seed)})
		if err == nil {
			m.store, m.reopened = s, true
			// Often, so that much of what is written goes on while the log is emptied.
			if err = s.writer.c.Exec(fmt.Sprint("PRAGMA wal_autocheckpoint = ", []int{1, 8, 40, 1000}[m.luck.IntN(4)])); err == nil {
				return
			}
		}
		if m.disk.struck == 0 {
			m.fatalf("opening: %v", err)
		}
		m.suffer()
	}
}

// suffer brings the disk back after it has failed somebody.
func (m *misfortune) suffer() {
	m.calm()
	dead := m.disk.dead
	if m.store != nil && (dead || m.store.writer.broken != nil || m.luck.IntN(3) == 0) {
		_ = m.store.Close() // on a disk without power it cannot be closed well
		m.store = nil
	}
	if m.store == nil && (dead || m.luck.IntN(2) == 0) {
		vfs.Unregister(m.disk.name(m.seed))
		m.disk = m.disk.powerCycle()
		m.path = filepath.Join(filepath.Dir(m.path), "next", "runs.db")
	}
}

func (d *madeUpDisk) name(seed uint64) string { return fmt.Sprint("made-up-", seed) }

// look holds what the store has of a run against what is known of it: each append is
// whole or not there.
func (m *misfortune) look(r *sufferer) error {
	var got []event.Event
	for e, err := range m.store.Events(m.t.Context(), r.id) {
		if errors.Is(err, journal.ErrUnknownRun) {
			break
		}
		if err != nil {
			return err
		}
		got = append(got, e)
	}
	known := r.told
	if len(got) > len(r.told) && m.reopened {
		for _, tried := range r.tried {
			if with := append(slices.Clip(known), tried...); isPrefix(with, got) {
				known = with
				break
			}
		}
	}
	if len(got) != len(known) || !isPrefix(known, got) {
		m.fatalf("%s has %d events, %d were acknowledged and %d times more tried: %v", r.id, len(got), len(r.told), len(r.tried), m.reopened)
	}
	if len(known) > len(r.told) {
		r.told, r.tried = known, nil
	}
	return nil
}

// carry carries a run out to its end, or until the store fails it.
func (m *misfortune) carry(r *sufferer, parallel int) error {
	d := local.New(local.Config{Invoker: simulated{r.Case, uint64(parallel)}, Journal: journalOf{m.store, r}, Parallel: parallel})
	s := driver.Session{Run: r.id, Plan: &plan.Plan{Graph: r.Graph, Digest: r.Started().Plan}}
	var senders sync.WaitGroup
	over := make(chan struct{})
	signals := make(chan driver.Signal)
	see := func(e event.Event) {
		b, ok := e.Body.(event.AttemptStarted)
		if !ok || !r.Waits(b.Node) {
			return
		}
		senders.Go(func() {
			timer := time.NewTimer(r.Took(uint64(parallel), b.Attempt))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-over:
				return
			}
			select {
			case signals <- driver.Signal{Step: b.Step, Document: r.Answer(b.Step), Done: func(error) {}}:
			case <-over:
			}
		})
	}
	s.Signals, s.Observe = signals, []driver.Observer{see}
	if s.Started = r.Started(); len(r.told) > 0 {
		past := r.told
		s.Past = func(yield func(event.Event, error) bool) {
			for _, e := range past {
				if !yield(e, nil) {
					return
				}
			}
		}
		for _, e := range past {
			see(e) // a signal that nobody took is sent again
		}
	}
	_, err := d.Carry(m.t.Context(), s)
	close(over)
	senders.Wait()
	return err
}

// simulated does what the nodes of a case do.
type simulated struct {
	*simulate.Case
	schedule uint64
}

// Invoke implements driver.Invoker.
func (v simulated) Invoke(ctx context.Context, _ *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	begin := time.Now()
	until := func(d time.Duration) error {
		timer := time.NewTimer(time.Until(begin.Add(d)))
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for i, call := range v.Calls(v.schedule, c.Attempt) {
		if i < len(calls.Answered()) {
			continue
		}
		if err := until(call.Answered); err != nil {
			return event.Outcome{}, err
		}
		if call.Lost {
			continue
		}
		if err := calls.Record(ctx, call.Fact); err != nil {
			return event.Outcome{}, err
		}
	}
	o := v.Nodes(c.Attempt, c.Input, c.Feedback)
	if err := until(v.Took(v.schedule, c.Attempt)); err != nil {
		o = event.Outcome{Attempt: c.Attempt, Failure: &failure.Failure{Code: failure.Canceled, Message: err.Error()}}
	}
	return o, nil
}

// live brings all runs to their end, whatever the disk does.
func (m *misfortune) live() {
	parallel := []int{1, 3, 100}[m.luck.IntN(3)]
	m.plan()
	for {
		if m.store == nil {
			m.open()
		}
		errs := make([]error, len(m.runs))
		for i, r := range m.runs {
			errs[i] = m.look(r)
		}
		failed := errors.Join(errs...) != nil
		if !failed {
			m.reopened = false
			var wg sync.WaitGroup
			for i, r := range m.runs {
				if !r.over {
					wg.Go(func() {
						errs[i] = m.carry(r, parallel)
						r.over = errs[i] == nil
					})
				}
			}
			wg.Wait()
			failed = errors.Join(errs...) != nil
		}
		for _, err := range errs {
			if err != nil {
				m.clear(err)
			}
		}
		if !failed {
			break
		}
		if m.disk.struck == 0 {
			m.fatalf("the disk has done nothing, but %v", errors.Join(errs...))
		}
		m.troubles++
		m.suffer()
		m.plan()
	}
	m.calm()
	if m.store.writer.broken != nil || m.disk.dead { // by a synchronization at the end
		m.suffer()
		m.open()
	}
	for _, r := range m.runs {
		if err := m.look(r); err != nil {
			m.fatalf("%s: %v", r.id, err)
		}
		if err := r.Compare(r.told); err != nil {
			m.fatalf("%v", err)
		}
		if text := repeated(r.told); text != "" {
			m.fatalf("%s: %s", r.id, text)
		}
	}
	if err := m.store.Verify(m.t.Context(), func(e *CorruptError) { m.fatalf("%v", e) }); err != nil {
		m.fatalf("%v", err)
	}
	if err := m.store.Close(); err != nil {
		m.fatalf("closing: %v", err)
	}
	vfs.Unregister(m.disk.name(m.seed))
}

// clear sees that an error says what the disk's matter is.
func (m *misfortune) clear(err error) {
	switch {
	case errors.Is(err, ErrBroken), errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN):
	case errors.Is(err, sqlite3.FULL) && strings.Contains(err.Error(), "full"):
	default:
		m.fatalf("a disk that fails is told as %v", err)
	}
}

// Random graphs on disks that fail: whatever was acknowledged is there when the store
// is opened again, each append is whole or not there, all runs come to what the
// reference says, with the digest that it says, and nothing that was committed is
// executed again.
func TestFailingDisks(t *testing.T) {
	first, last := uint64(1), uint64(scaled(*diskSeeds))
	if *diskSeed > 0 {
		first, last = *diskSeed, *diskSeed
	}
	begin := time.Now()
	var mu sync.Mutex
	seeds, events, struck := 0, 0, map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		const shards = 4
		for shard := range uint64(shards) {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := first + shard; seed <= last && (*diskSeeds != someSeeds || time.Since(begin) < enoughTime); seed += shards {
					m := unfortunate(t, seed)
					mu.Lock()
					seeds++
					for _, r := range m.runs {
						events += len(r.told)
					}
					for what, n := range m.disk.struckBy {
						struck[what] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d seeds: %d events; what the disk has refused, or failed at: %v", seeds, events, struck)
	if len(struck) < 2 && *diskSeed == 0 {
		t.Errorf("only these troubles: %v", struck)
	}
}

// unfortunate lives a seed through.
func unfortunate(t *testing.T, seed uint64) *misfortune {
	t.Helper()
	m := &misfortune{seed: seed, luck: rand.New(rand.NewPCG(seed, 77)), path: filepath.Join(t.TempDir(), "runs.db")}
	m.disk = newMadeUpDisk(rand.New(rand.NewPCG(seed, 78)))
	for i := range 1 + m.luck.IntN(3) {
		c, err := simulate.New(seed*3 + uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		m.runs = append(m.runs, &sufferer{Case: c, id: fmt.Sprint("run", i)})
	}
	synctest.Test(t, func(t *testing.T) {
		m.t = t
		m.live()
	})
	return m
}

// repeated says which step was begun or committed twice; "": none.
func repeated(events []event.Event) string {
	began, over := map[event.Attempt]bool{}, map[string]bool{}
	for i, e := range events {
		if e.Seq != uint64(i+1) {
			return fmt.Sprintf("event %d has number %d", i+1, e.Seq)
		}
		switch b := e.Body.(type) {
		case event.AttemptStarted:
			if began[b.Attempt] || over[b.Step] {
				return fmt.Sprintf("attempt %v began twice, or after its step was over", b.Attempt)
			}
			began[b.Attempt] = true
		case event.AttemptSucceeded:
			if over[b.Step] {
				return fmt.Sprintf("step %s was committed twice", b.Step)
			}
			over[b.Step] = true
		default:
		}
	}
	return ""
}

// isPrefix says whether the events begin with these.
func isPrefix(part, whole []event.Event) bool {
	for i, e := range part {
		a, err := event.Encode(e)
		if err != nil || i >= len(whole) {
			return false
		}
		if b, err := event.Encode(whole[i]); err != nil || string(a) != string(b) {
			return false
		}
	}
	return true
}
