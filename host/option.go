package host

import (
	"log/slog"

	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/cassette"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/fork"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/host/journal"
)

// Option wires one thing into a [Host].
type Option func(*config)

// Limits are the caps that no graph sets for itself: of documents, logs, host
// calls, call depth and tables. The zero value of each means its default.
type Limits = invoke.Limits

type config struct {
	logger      *slog.Logger
	cacheDir    string
	limits      Limits
	parallel    int
	runs        int
	journal     journal.Journal
	interpreter bool
	offered     []offered
	secrets     secret.Resolver
	modules     []named
}

// WithLogger receives what nodes log, with the attributes step and attempt and
// the node's own in the group attrs. What nodes write is a stranger's: a handler
// for a terminal must escape it. Default: nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// WithCacheDir keeps compiled modules in dir, which is made if it is absent, so
// that the next process starts faster. Only dir's owner should be able to write
// there: machine code is read from it. Default: nothing is kept on disk.
func WithCacheDir(dir string) Option { return func(c *config) { c.cacheDir = dir } }

// WithLimits sets the caps that no graph sets for itself. Default: those of the
// documentation (documents of 16 MiB and depth 512, 1 MiB of log, 10,000 host
// calls, call depth 10,000).
func WithLimits(l Limits) Option { return func(c *config) { c.limits = l } }

// WithParallel bounds the steps that run at once, over all runs of the host.
// Default: the number of CPUs.
func WithParallel(steps int) Option { return func(c *config) { c.parallel = steps } }

// WithRuns bounds the runs that are under way at once; the others wait in
// [Host.Start]. Runs that rest until a signal comes do not count. Default: 1,024.
func WithRuns(runs int) Option { return func(c *config) { c.runs = runs } }

// WithJournal records runs in j, which stays the caller's to close. Default: in
// memory, as long as the run goes on.
func WithJournal(j journal.Journal) Option { return func(c *config) { c.journal = j } }

// WithInterpreter runs modules in wazero's interpreter, slower by far, instead of
// compiling them. For machines without a compiler back end, and for tests that
// compare the two. Fuel, outputs and digests are the same, but for recursion: the
// interpreter's own stack ends at some 2,000 calls, before the call depth of
// [Limits] does.
func WithInterpreter() Option { return func(c *config) { c.interpreter = true } }

// RunOption says something about one run.
type RunOption func(*runConfig)

type runConfig struct {
	id      string
	seed    *event.Seed
	observe []driver.Observer
	past    []func(event.Event)
	partial []func(event.Partial)
	answers *cassette.Cassette
	live    bool // also where they came from a cassette before
	failed  []func(FailedAttempt)
	awaited bool // somebody waits until the start is recorded
	ends    bool // somebody waits until the run has ended, or rests

	forked *event.Forked  // of a new run that is a fork
	takes  *fork.TakeOver // nil: nothing is taken over
}

// WithRunID names the run. Default: an id that sorts by time.
func WithRunID(id string) RunOption { return func(c *runConfig) { c.id = id } }

// WithSeed seeds the randomness of the run's nodes and the jitter of its
// retries. Default: derived from the plan's digest and the input, so that equal
// runs are equal.
func WithSeed(s event.Seed) RunOption { return func(c *runConfig) { c.seed = &s } }

// WithObserver is called with each event of the run, in order, after the event
// is durable. It must be quick: the run waits for it.
func WithObserver(f func(event.Event)) RunOption {
	return func(c *runConfig) { c.observe = append(c.observe, f) }
}

// WithPast is called by [Host.Resume] with each event that was recorded before, in
// order, before observers see the first new one. A new run has none.
func WithPast(f func(event.Event)) RunOption {
	return func(c *runConfig) { c.past = append(c.past, f) }
}

// WithPartials is called with the parts of capabilities' answers while they are
// made, such as the words of a model: from several goroutines at once, and
// without a promise that the whole answer comes, or is what the parts were.
func WithPartials(f func(event.Partial)) RunOption {
	return func(c *runConfig) { c.partial = append(c.partial, f) }
}

// WithCassette answers every call of a capability that a grant allows from a
// recorded run, and asks nobody. A call that was not recorded ends the run with a
// [*cassette.DivergedError].
func WithCassette(recorded *cassette.Cassette) RunOption {
	return func(c *runConfig) { c.answers = recorded }
}

// WithLive has [Host.Resume] ask the capabilities from now on, also in a run that was
// answered from a cassette. A new run does so anyway.
func WithLive() RunOption { return func(c *runConfig) { c.live = true } }
