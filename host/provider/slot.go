package provider

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

var errClosed = &capability.Error{Reason: "provider_unavailable", Message: "the host is closing its providers"}

// slot is the place of one program's process: none, one that starts, or one that
// lives. Safe for concurrent use.
type slot struct {
	name    string
	program Program
	pinned  []string // checksums, all of which the file must have
	bounds  bounds
	logger  *slog.Logger

	mu          sync.Mutex
	current     *process      // nil: none
	starting    chan struct{} // closed when a start that goes on is through; nil: none
	description *protocol.Description
	gate        gate
	last        error // why there is no process
	closed      bool
	life        context.Context    //nolint:containedctx // the slot's own: done when it is closed
	end         context.CancelFunc // ends life
	keepers     sync.WaitGroup     // one goroutine for each process, from before its start
}

func newSlot(name string, program Program, pinned []string, b bounds, logger *slog.Logger) *slot {
	s := &slot{name: name, program: program, pinned: pinned, bounds: b, logger: logger, gate: newGate(b)}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// get gives the living process, and starts one where there is none. The start
// goes on when ctx is done: others may wait for it too.
func (s *slot) get(ctx context.Context) (*process, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errClosed
		}
		if p := s.current; p != nil {
			s.mu.Unlock()
			if !p.gone() {
				return p, nil
			}
			<-p.buried
			continue
		}
		if s.starting == nil {
			if wait := s.gate.closedFor(time.Now()); wait > 0 {
				err := s.unavailable(wait)
				s.mu.Unlock()
				return nil, err
			}
			s.starting = make(chan struct{})
			s.keepers.Add(1)
			go s.keep(s.starting)
		}
		started := s.starting
		s.mu.Unlock()
		select {
		case <-started:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for provider %q to start: %w", s.name, context.Cause(ctx))
		}
		s.mu.Lock()
		if s.current == nil && s.starting == nil && s.last != nil && !s.closed {
			err := s.last
			s.mu.Unlock()
			return nil, err
		}
		s.mu.Unlock()
	}
}

// describe gives what the provider said of itself when it was first started.
func (s *slot) describe(ctx context.Context) (*protocol.Description, error) {
	s.mu.Lock()
	d := s.description
	s.mu.Unlock()
	if d != nil {
		return d, nil
	}
	if _, err := s.get(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.description, nil
}

// unavailable says why there is no process. The lock is held.
func (s *slot) unavailable(wait time.Duration) error {
	if e, ok := s.last.(*startError); ok { //nolint:errorlint // it is never wrapped
		return e.after(wait)
	}
	return &capability.Error{
		Reason:     "provider_unavailable",
		Message:    fmt.Sprintf("provider %q is not started again yet: %v", s.name, s.last),
		Retryable:  true,
		RetryAfter: wait,
	}
}

// keep starts a process and stays with it until it has ended.
func (s *slot) keep(started chan struct{}) {
	defer s.keepers.Done()
	p := newProcess(s.name, s.bounds, s.logger)
	defer context.AfterFunc(s.life, p.stop)() // also in the middle of the start
	begun := time.Now()
	description, err := p.start(s.program, s.pinned)
	if err != nil {
		p.stop()
	}

	s.mu.Lock()
	s.starting = nil
	if err != nil {
		s.last = err
		s.gate.ended(time.Now(), 0)
	} else {
		s.current = p
		if s.description == nil {
			s.description = description
		}
	}
	s.mu.Unlock()
	close(started)
	if err != nil {
		s.logger.Warn("provider did not start", slog.String("error", err.Error()))
		return
	}
	s.logger.Info("provider started", slog.String("path", s.program.Path), slog.Int("pid", p.pid()))

	<-p.ended
	p.stop() // whatever is left of it
	s.mu.Lock()
	s.current = nil
	s.last = p.obituary()
	s.gate.ended(time.Now(), time.Since(begun))
	closed, last := s.closed, s.last
	s.mu.Unlock()
	close(p.buried)
	if !closed {
		s.logger.Warn("provider ended", slog.String("error", last.Error()))
	}
}

// close ends the process and waits until it is gone.
func (s *slot) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.keepers.Wait()
}

// gate says when the next start may be.
type gate struct {
	intervals *backoff.ExponentialBackOff
	healthy   time.Duration
	until     time.Time
}

func newGate(b bounds) gate {
	return gate{healthy: b.healthy, intervals: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(b.firstInterval), backoff.WithMaxInterval(b.lastInterval),
		backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0), backoff.WithMaxElapsedTime(0),
	)}
}

// ended notes that a process which lived so long ended, or never began to live.
func (g *gate) ended(now time.Time, lived time.Duration) {
	if lived >= g.healthy {
		g.intervals.Reset()
	}
	g.until = now.Add(g.intervals.NextBackOff())
}

// closedFor is how long there is to wait.
func (g *gate) closedFor(now time.Time) time.Duration { return g.until.Sub(now) }
