package local_test

// Many runs of all kinds at once, stopped and carried on as it comes: whatever happens,
// all of them end, nothing is lost, and nothing is left behind.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
)

// alone fails the test where others of its bubble are left, whatever they wait for.
func alone(t *testing.T) {
	t.Helper()
	synctest.Wait()
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	var bubble []byte
	for i, one := range bytes.Split(all, []byte("\n\n")) {
		title, _, _ := bytes.Cut(one, []byte("\n"))
		if _, own, ok := bytes.Cut(title, []byte("synctest bubble ")); ok {
			own = bytes.TrimRight(own, "]:")
			if i == 0 {
				bubble = own
			} else if bytes.Equal(own, bubble) && bytes.Contains(one, []byte("driver/local.(")) {
				t.Errorf("left behind: %s", one)
			}
		}
	}
	if bubble == nil {
		t.Errorf("no bubble: %s", all)
	}
}

// kinds of runs.
var kinds = []string{
	"chain = ['a', 'b', 'c']\n[nodes]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nc.module = 'c.wasm'\n",
	"chain = ['a', 'b']\n[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\nconcurrency = 4\n[nodes.b]\nmodule = 'b.wasm'\n",
	"chain = ['r', 'b']\n[nodes.r]\nmodule = 'r.wasm'\ntimeout = '2s'\nforeach = 'input'\non_error = 'collect'\n[[nodes.r.retry]]\nmax_attempts = 4\n[nodes.b]\nmodule = 'b.wasm'\n",
	"chain = ['a', 'w', 'b']\n[nodes]\na.module = 'a.wasm'\nw.wait = true\nb.module = 'b.wasm'\n",
	"chain = ['a', 'w', 'calls']\n[nodes]\na.module = 'a.wasm'\nw.wait = true\nw.foreach = 'input'\ncalls.module = 'c.wasm'\n[nodes.b]\nmodule = 'b.wasm'\n",
	"deadline = '1m'\n[budget]\ncalls = 15\n[nodes.calls]\nmodule = 'a.wasm'\nforeach = 'input'\n[nodes.w]\nwait = true\ntimeout = '5s'\n[nodes.b]\nmodule = 'b.wasm'\ndeadline = '3s'\n",
}

// crowd is what its runs have in common.
type crowd struct {
	t       *testing.T
	round   int
	journal journal.Journal
	driver  *local.Driver

	mu    sync.Mutex
	under int // attempts
	most  int // of them, at once
}

// chance draws for a purpose: it does not depend on what happens first.
func (w *crowd) chance(purpose ...any) *rand.Rand {
	seed := fnv.New64a()
	fmt.Fprint(seed, purpose...)
	return rand.New(rand.NewPCG(seed.Sum64(), uint64(w.round)))
}

// count counts an attempt that begins (1), or ends (-1).
func (w *crowd) count(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.under += n
	w.most = max(w.most, w.under)
}

const parallel = 3

// Invoke implements [driver.Invoker].
func (w *crowd) Invoke(ctx context.Context, p *plan.Plan, c stepper.Invoke, calls driver.Calls) (event.Outcome, error) {
	w.count(1)
	defer w.count(-1)
	chance := w.chance(p.Digest, c.Attempt)
	work := func() {
		select {
		case <-time.After(time.Duration(chance.IntN(3)) * time.Duration(chance.IntN(1000)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	work()
	switch {
	case c.Node == "calls":
		for i := len(calls.Answered()) + 1; i <= 4; i++ {
			if err := call(ctx, calls, i, oneCall); err != nil {
				return event.Outcome{}, err
			}
			work()
		}
	case c.Node == "r" && chance.IntN(3) > 0:
		return event.Outcome{Failure: &failure.Failure{Code: failure.CapabilityError, Retryable: true}}, nil
	}
	if ctx.Err() != nil {
		return event.Outcome{Failure: &failure.Failure{Code: failure.Canceled}}, nil
	}
	return event.Outcome{Output: document.MustParse(`[1,2]`)}, nil
}

// carry carries one run out, in as many parts as it is stopped in.
func (w *crowd) carry(i int) {
	t, run := w.t, fmt.Sprint("run ", i)
	chance := w.chance(run)
	p := planOf(t, kinds[i%len(kinds)])
	p.Digest = run
	signals, over := make(chan driver.Signal), make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { w.signal(run, signals, over) })
	seen := uint64(0)
	see := func(e event.Event) {
		if seen++; e.Seq != seen {
			t.Errorf("%s: event %d was shown as the one of number %d", run, e.Seq, seen)
		}
	}
	s := driver.Session{
		Plan: p, Run: run, Started: event.RunStarted{Input: list(1 + chance.IntN(6))}, Signals: signals, Awaited: chance.IntN(2) == 0, Durable: see,
	}
	if slow := time.Duration(chance.IntN(300)) * time.Millisecond; chance.IntN(2) == 0 {
		s.Observe = []driver.Observer{func(e event.Event) {
			if e.Seq != seen {
				t.Errorf("%s: event %d was observed after %d", run, e.Seq, seen)
			}
			time.Sleep(slow)
		}}
	}
	for again := true; again; {
		ctx, stop := context.WithCancelCause(t.Context())
		after, cause := time.Duration(chance.IntN(10_000))*time.Millisecond, driver.ErrInterrupted
		switch chance.IntN(6) {
		case 0:
			cause = errors.New("enough")
		case 1:
			after = time.Hour
		}
		timer := time.AfterFunc(after, func() { stop(cause) })
		end, err := w.driver.Carry(ctx, s)
		again = errors.Is(err, driver.ErrInterrupted)
		if !again && (err != nil || end.Status == "") {
			t.Errorf("%s: %+v, %v", run, end, err)
		}
		s.Past = w.journal.Events(t.Context(), run)
		if again && seen == 0 { // it was stopped before it began
			s.Past = nil
		}
		timer.Stop()
		stop(nil)
	}
	close(over)
	others.Wait()
	m := stepper.New(p.Graph)
	for _, e := range stored(t, w.journal, run) {
		seen--
		if _, err := m.Apply(e); err != nil {
			t.Errorf("%s: %v", run, err)
		}
	}
	if !m.Finished() || seen != 0 {
		t.Errorf("%s: ended: %t; shown, but not in the journal: %d", run, m.Finished(), seen)
	}
}

// signal answers whatever waits, until the run is over.
func (w *crowd) signal(run string, signals chan<- driver.Signal, over <-chan struct{}) {
	chance := w.chance(run, "signals")
	var sent, told atomic.Int32
	for {
		select {
		case <-over:
			if sent.Load() != told.Load() {
				w.t.Errorf("%s: %d signals were sent, %d were told what became of them", run, sent.Load(), told.Load())
			}
			return
		case <-time.After(time.Duration(chance.IntN(2000)) * time.Millisecond):
		}
		step := "w"
		if n := chance.IntN(10); n < 6 {
			step = fmt.Sprint("w#", n)
		}
		select {
		case signals <- driver.Signal{Step: step, Document: document.Int(1), Done: func(error) { told.Add(1) }}:
			sent.Add(1)
		case <-over:
		}
	}
}

func TestCrowd(t *testing.T) {
	for _, takes := range []time.Duration{0, time.Millisecond, time.Second} {
		for round := range 3 {
			t.Run(fmt.Sprint(takes, " ", round), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &crowd{t: t, round: round, journal: disk(takes)}
					w.driver = local.New(local.Config{Journal: w.journal, Invoker: w, Parallel: parallel, Runs: 20})
					var all sync.WaitGroup
					for i := range 50 {
						all.Go(func() { w.carry(i) })
					}
					all.Wait()
					alone(t)
					if w.most != parallel {
						t.Errorf("%d attempts were under way at once", w.most)
					}
					// All places are free again.
					w.most = 0
					p := planOf(t, "[nodes.a]\nmodule = 'a.wasm'\nforeach = 'input'\n")
					if end, err := w.driver.Run(t.Context(), p, "last", event.RunStarted{Input: list(50)}); err != nil || end.Status != event.Done || w.most != parallel {
						t.Errorf("%+v, %v, %d attempts at once", end, err, w.most)
					}
				})
			})
		}
	}
}
