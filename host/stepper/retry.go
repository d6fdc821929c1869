package stepper

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// again decides whether a failed step is tried again, and when.
func (m *Machine) again(s *step, f failure.Failure, now time.Time) (time.Time, bool) {
	if s.overdue || !f.Code.Routable() {
		return time.Time{}, false
	}
	rule, ok := ruleFor(s.node.Retry, f)
	if !ok || s.attempt >= rule.MaxAttempts {
		return time.Time{}, false
	}
	wait := max(interval(rule, s.attempt, m.jitter(s)), f.RetryAfter)
	due := now.Add(wait)
	if rule.MaxElapsed > 0 && due.Sub(s.began) > rule.MaxElapsed {
		return time.Time{}, false
	}
	return due, true
}

// ruleFor finds the rule that says how a failure is tried again: the first that
// lists its code. One that lists none covers the codes that are tried again by
// default; what is not listed keeps its default.
func ruleFor(rules []graph.RetryRule, f failure.Failure) (graph.RetryRule, bool) {
	for _, r := range rules {
		if slices.Contains(r.On, f.Code) || len(r.On) == 0 && f.Retryable {
			return r, true
		}
	}
	return graph.DefaultRetry(), f.Retryable
}

// interval is the wait after the attempt with this number, from 1: the
// exponential interval, moved within its share of jitter by draw, in [0, 1).
// Whole microseconds, as all times of a run.
func interval(r graph.RetryRule, attempt int, draw float64) time.Duration {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(r.InitialInterval),
		backoff.WithMultiplier(r.Multiplier),
		backoff.WithMaxInterval(r.MaxInterval),
		backoff.WithRandomizationFactor(0),
		backoff.WithMaxElapsedTime(0),
		backoff.WithClockProvider(stopped{}),
	)
	base := b.NextBackOff()
	for range attempt - 1 {
		next := b.NextBackOff()
		if next == base {
			break // it has come to its end
		}
		base = next
	}
	// The conversions forbid fused multiplication, which would give another
	// result on another machine.
	share := float64(float64(base) * r.Jitter)
	wait := float64(float64(base)-share) + float64(2*share*draw)
	if math.IsNaN(wait) || wait <= 0 {
		return 0
	}
	if wait > math.MaxInt64/2 {
		return math.MaxInt64 / 2
	}
	return time.Duration(wait).Truncate(time.Microsecond)
}

// stopped is a clock for the intervals, which only their arithmetic is wanted of.
type stopped struct{}

// Now implements [backoff.Clock].
func (stopped) Now() time.Time { return time.Time{} }

// jitter draws a number in [0, 1) for the wait after the attempt under way.
func (m *Machine) jitter(s *step) float64 {
	h := derive("retry", m.seed, s.id, s.attempt)
	return float64(binary.BigEndian.Uint64(h[:])>>11) / (1 << 53)
}

// attemptSeed is the randomness of a node in one attempt.
func attemptSeed(seed event.Seed, step string, attempt int) event.Seed {
	return derive("attempt", seed, step, attempt)
}

// derive makes independent randomness for one purpose, step and attempt.
func derive(purpose string, seed event.Seed, step string, attempt int) event.Seed {
	b := append(make([]byte, 0, 128), "chainrun "+purpose+" 1\x00"...)
	b = append(b, seed[:]...)
	b = strconv.AppendInt(b, int64(attempt), 10)
	b = append(append(b, 0), step...)
	return sha256.Sum256(b)
}
