// Package host runs graphs of sandboxed WebAssembly modules inside a Go program.
//
//	h, err := host.New()
//	g, err := h.Load("graph.toml")
//	run, err := h.Run(ctx, g, map[string]any{"name": "world"})
//	fmt.Println(run.Status(), run.Output())
//
// An error means that chainrun could not do its work, or was asked for something
// impossible: [graph.Diagnostics] for a graph that is wrong, [InputError] for an
// input that breaks its schema. A run that failed is no error: it has a status
// and a [failure.Failure].
//
// A [Host] holds compiled modules and bounds how many steps run at once; make
// one for the whole program, and close it at the end.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// Host loads and runs graphs. Safe for concurrent use.
type Host struct {
	engine   *sandbox.Engine
	invoker  *invoke.Invoker
	replayer *invoke.Invoker // whose nodes log to nobody
	parallel int
	driver   *local.Driver
	journal  journal.Journal
	limits   document.Limits
	offered  []offered
	offers   plan.Offers
	secrets  secret.Resolver
	modules  shelves
	logger   *slog.Logger
	forget   func(run string) // after a run has ended
	running  sync.Map         // ids of the runs under way
	mail     mail
}

// New makes a host. Close it when the last run has ended.
func New(options ...Option) (*Host, error) {
	c := config{logger: slog.New(slog.DiscardHandler), parallel: runtime.GOMAXPROCS(0)}
	for _, o := range options {
		o(&c)
	}
	if c.parallel < 1 {
		return nil, fmt.Errorf("host: WithParallel(%d): at least one step must be able to run", c.parallel)
	}
	forget := func(string) {}
	if c.journal == nil {
		// Nobody else can read this one, and a Run holds its own events: what
		// has ended need not be kept.
		m := memory.New()
		c.journal, forget = m, m.Forget
	}
	offers, err := newOffers(c.offered)
	if err != nil {
		return nil, err
	}
	modules, err := newShelves(c.modules)
	if err != nil {
		return nil, err
	}
	engine, err := sandbox.New(context.Background(), sandbox.Config{CacheDir: c.cacheDir, Interpreter: c.interpreter})
	if err != nil {
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	h := &Host{
		engine: engine, journal: c.journal, forget: forget, limits: document.Limits{Bytes: c.limits.DocumentBytes, Depth: c.limits.DocumentDepth},
		offered: c.offered, offers: offers, secrets: c.secrets, modules: modules, logger: c.logger,
	}
	h.mail.logger = c.logger
	h.mail.box, _ = c.journal.(journal.Mailbox) // else nothing is ever sent
	h.invoker, h.replayer, h.parallel = invoke.New(engine, c.limits, nodeLog(c.logger)), invoke.New(engine, c.limits, nil), c.parallel
	h.driver = local.New(local.Config{Invoker: invoker{Invoker: h.invoker}, Journal: c.journal, Parallel: c.parallel, Runs: c.runs})
	return h, nil
}

// Close frees the compiled modules and closes the capabilities. No run may be
// under way.
func (h *Host) Close() error {
	err := closeOffers(h.offered)
	if failed := h.engine.Close(context.Background()); failed != nil {
		err = errors.Join(err, fmt.Errorf("closing the sandbox: %w", failed))
	}
	return err
}

// invoker lets the driver meet the invoker: neither knows the other.
type invoker struct {
	*invoke.Invoker
	scope invoke.Scope
}

// Invoke implements driver.Invoker.
func (v invoker) Invoke(ctx context.Context, p *plan.Plan, c stepper.Invoke, calls driver.Calls) (_ event.Outcome, err error) {
	defer guard(&err)
	var used map[string]event.Usage
	for _, u := range c.Used {
		if used == nil {
			used = make(map[string]event.Usage, len(c.Used))
		}
		used[u.Capability] = u.Usage
	}
	return v.Invoker.Invoke(ctx, p, invoke.Request{
		Attempt: c.Attempt, Time: c.Time, Seed: c.Seed, Input: c.Input, Feedback: c.Feedback,
		Used: used, Rejected: c.Rejected, Scope: v.scope, Calls: calls,
	})
}

// nodeLog hands what nodes log to l, with the attempt that it came from.
func nodeLog(l *slog.Logger) invoke.Log {
	return func(a event.Attempt, r sandbox.LogRecord) {
		level := slog.LevelInfo
		if err := level.UnmarshalText([]byte(r.Level)); err != nil {
			level = slog.LevelInfo
		}
		attrs := []slog.Attr{slog.String("step", a.Step), slog.Int("attempt", a.Number)}
		if own := nodeAttrs(r.Attrs); len(own) > 0 {
			// In a group: a node must not pass for another step.
			attrs = append(attrs, slog.GroupAttrs("attrs", own...))
		}
		l.LogAttrs(context.Background(), level, r.Message, attrs...)
	}
}

// nodeAttrs are the attributes that a node logged: a JSON object that a stranger
// wrote, in the order of its keys so that equal records look equal.
func nodeAttrs(text json.RawMessage) []slog.Attr {
	var members map[string]any
	if len(text) == 0 || json.Unmarshal(text, &members) != nil {
		return nil
	}
	var attrs []slog.Attr
	for _, key := range slices.Sorted(maps.Keys(members)) {
		value := slog.AnyValue(members[key])
		switch v := members[key].(type) {
		case map[string]any, []any:
			text, err := json.Marshal(v)
			if err != nil {
				continue
			}
			value = slog.StringValue(string(text))
		}
		attrs = append(attrs, slog.Attr{Key: key, Value: value})
	}
	return attrs
}

// ErrInterrupted is the cause to cancel a run's context with in order to stop it
// where it is, instead of canceling it: nothing more is journaled.
var ErrInterrupted = driver.ErrInterrupted
