package stepper

import (
	"encoding/hex"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

func TestIntervalsGrowToTheirEnd(t *testing.T) {
	second := time.Second
	for _, c := range []struct {
		rule graph.RetryRule
		want []time.Duration
	}{
		{graph.RetryRule{InitialInterval: second, MaxInterval: 5 * second, Multiplier: 2}, []time.Duration{second, 2 * second, 4 * second, 5 * second, 5 * second}},
		{graph.RetryRule{InitialInterval: second, MaxInterval: 5 * second, Multiplier: 1}, []time.Duration{second, second, second}},
		{graph.RetryRule{InitialInterval: 0, MaxInterval: 5 * second, Multiplier: 2}, []time.Duration{0, 0, 0}},
		{graph.RetryRule{InitialInterval: 9 * second, MaxInterval: 5 * second, Multiplier: 2}, []time.Duration{9 * second, 5 * second, 5 * second}},
		{graph.RetryRule{InitialInterval: 1500, MaxInterval: second, Multiplier: 1.5}, []time.Duration{1000, 2000, 3000, 5000}},
	} {
		for i, want := range c.want {
			if got := interval(c.rule, i+1, 0.5); got != want {
				t.Errorf("%+v: after attempt %d: %s, want %s", c.rule, i+1, got, want)
			}
		}
	}
	// A million attempts cost no more than it takes to come to the end.
	if got := interval(graph.RetryRule{InitialInterval: 1, MaxInterval: second, Multiplier: 2}, 1_000_000, 0.5); got != second {
		t.Errorf("after a million attempts: %s", got)
	}
}

// TestJitterStaysInItsShare: an interval is moved by no more than its share of
// jitter, and as far as that.
func TestJitterStaysInItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := graph.RetryRule{
			InitialInterval: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "initial")),
			MaxInterval:     time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "max")),
			Multiplier:      rapid.Float64Range(1, 1000).Draw(t, "multiplier"),
		}
		attempt := rapid.IntRange(1, 50).Draw(t, "attempt")
		plain := interval(r, attempt, 0.5)
		r.Jitter = rapid.Float64Range(0, 1).Draw(t, "jitter")
		got := interval(r, attempt, rapid.Float64Range(0, 1).Draw(t, "draw"))
		low, high := float64(plain)*(1-r.Jitter), float64(plain)*(1+r.Jitter)
		const slack = float64(3 * time.Microsecond) // whole microseconds
		if got < 0 || float64(got) < low-slack || float64(got) > high+slack {
			t.Fatalf("%s is not within %v of %s", got, r.Jitter, plain)
		}
	})
	r := graph.RetryRule{InitialInterval: time.Second, MaxInterval: time.Second, Multiplier: 2, Jitter: 0.5}
	if least, most := interval(r, 1, 0), interval(r, 1, 0.999999999); least != 500*time.Millisecond || most != 1499999*time.Microsecond {
		t.Errorf("from %s to %s", least, most)
	}
}

func TestFirstRuleThatListsTheCodeApplies(t *testing.T) {
	rule := func(n int, on ...failure.Code) graph.RetryRule { return graph.RetryRule{MaxAttempts: n, On: on} }
	rules := []graph.RetryRule{rule(1, failure.Trap), rule(2), rule(3, failure.Trap, failure.Timeout, failure.NodeError)}
	for _, c := range []struct {
		code      failure.Code
		retryable bool
		rules     []graph.RetryRule
		want      int // max_attempts of the rule; 0: not tried again
	}{
		{failure.Trap, false, rules, 1},
		{failure.Timeout, true, rules, 2},
		{failure.NodeError, false, rules, 3},
		{failure.NodeError, true, rules, 2},
		{failure.FuelExhausted, false, rules, 0},
		{failure.FuelExhausted, false, nil, 0},
		{failure.CapabilityError, true, rules[:1], graph.DefaultMaxAttempts},
	} {
		r, ok := ruleFor(c.rules, failure.Failure{Code: c.code, Retryable: c.retryable})
		if ok != (c.want > 0) || ok && r.MaxAttempts != c.want {
			t.Errorf("%s, retryable %v: %+v, %v; want max_attempts %d", c.code, c.retryable, r, ok, c.want)
		}
	}
}

// TestSeedsAreForEver: what is drawn for an attempt is part of what replays, so
// it must never change.
func TestSeedsAreForEver(t *testing.T) {
	seed := event.Seed{1, 2, 3}
	const want = "dde344b4d57e82c1374ef5f8a7cc2717bced33695b58d62ebee1bfa978e910c9"
	if got := attemptSeed(seed, "check[2]", 3); hex.EncodeToString(got[:]) != want {
		t.Errorf("seed %x, want %s", got[:], want)
	}
	other := map[event.Seed]bool{attemptSeed(seed, "check[2]", 3): true}
	for _, s := range []event.Seed{
		attemptSeed(seed, "check[2]", 4), attemptSeed(seed, "check[3]", 3), attemptSeed(event.Seed{1}, "check[2]", 3),
		derive("retry", seed, "check[2]", 3), attemptSeed(seed, "1check[2]", 3), attemptSeed(seed, "heck[2]", 3),
	} {
		if other[s] {
			t.Errorf("% x comes twice", s[:])
		}
		other[s] = true
	}
}
