package graph

import (
	"fmt"
	"time"

	"github.com/chainrun/chainrun/host/failure"
)

// What a node or a rule gets where its author wrote nothing.
const (
	DefaultFuel            = 10_000_000_000 // instructions of an attempt
	DefaultMemoryBytes     = 256 << 20
	DefaultTimeout         = 30 * time.Second
	DefaultMaxVisits       = 100
	DefaultMaxSteps        = 10_000
	DefaultMaxAttempts     = 3
	DefaultInitialInterval = 500 * time.Millisecond
	DefaultMaxInterval     = 30 * time.Second
	DefaultMultiplier      = 2.0
	DefaultJitter          = 0.5
)

// DefaultRetry is the rule for the codes that no rule of a node lists: those
// that are tried again by default are, in this way.
func DefaultRetry() RetryRule {
	return RetryRule{
		MaxAttempts: DefaultMaxAttempts, InitialInterval: DefaultInitialInterval,
		MaxInterval: DefaultMaxInterval, Multiplier: DefaultMultiplier, Jitter: DefaultJitter,
	}
}

// The ranges of what an author may write.
const (
	pageBytes      = 64 << 10 // the least memory: one WebAssembly page
	maxMemoryBytes = 4 << 30  // the most that a 32-bit memory can have
	maxCount       = 1_000_000_000
	maxFuel        = 1 << 62
	maxMultiplier  = 1000
	maxDuration    = 10 * 365 * 24 * time.Hour
)

// count checks a whole number from 1. label names the key in full.
func (b *builder) count(v int64, keys Positions, key, label string, table Position, most, fallback int64) int64 {
	if v == 0 && !has(keys, key) {
		return fallback
	}
	if v < 1 || v > most {
		b.complain(at(keys, key, table), CodeBadValue, fmt.Sprintf("%s: %d is out of range", label, v), fmt.Sprintf("allowed: 1 to %d", most))
		return fallback
	}
	return v
}

// bytes checks a size.
func (b *builder) bytes(v int64, keys Positions, key, label string, table Position, fallback int64) int64 {
	if v == 0 && !has(keys, key) {
		return fallback
	}
	if v < pageBytes || v > maxMemoryBytes {
		b.complain(at(keys, key, table), CodeBadValue, fmt.Sprintf("%s: %d bytes is out of range", label, v), "allowed: 64KiB to 4GiB")
		return fallback
	}
	return v
}

// duration checks a time that must be longer than nothing.
func (b *builder) duration(v time.Duration, keys Positions, key, label string, table Position, fallback time.Duration) time.Duration {
	if v == 0 && !has(keys, key) {
		return fallback
	}
	if v <= 0 || v > maxDuration {
		hint := "it must be longer than 0s"
		if v > 0 {
			hint = "at most ten years are allowed"
		} else if fallback == 0 {
			hint += "; leave it out for no bound"
		}
		b.complain(at(keys, key, table), CodeBadValue, fmt.Sprintf("%s: %v is out of range", label, v), hint)
		return fallback
	}
	return v
}

// retry checks the rules of a node, in their order.
func (b *builder) retry(rules []RetrySource, owner string) []RetryRule {
	list := make([]RetryRule, 0, len(rules))
	earlier := map[failure.Code]int{}
	general := -1
	for i, s := range rules {
		label := fmt.Sprintf("%s: retry[%d].", owner, i)
		r := RetryRule{
			On:          b.codes(s.On, label+"on", refuseRetry),
			MaxAttempts: int(b.count(s.MaxAttempts, s.Keys, "max_attempts", label+"max_attempts", s.At, maxCount, DefaultMaxAttempts)),
			MaxInterval: b.duration(s.MaxInterval, s.Keys, "max_interval", label+"max_interval", s.At, DefaultMaxInterval),
			MaxElapsed:  b.duration(s.MaxElapsed, s.Keys, "max_elapsed", label+"max_elapsed", s.At, 0),
			Multiplier:  DefaultMultiplier, Jitter: DefaultJitter, InitialInterval: DefaultInitialInterval, At: s.At,
		}
		if v := s.InitialInterval; v != nil {
			r.InitialInterval = *v
			if *v < 0 || *v > maxDuration {
				b.complain(at(s.Keys, "initial_interval", s.At), CodeBadValue, fmt.Sprintf("%sinitial_interval: %v is out of range", label, *v), "0s tries again at once")
				r.InitialInterval = DefaultInitialInterval
			}
		}
		if s.MaxInterval == 0 {
			r.MaxInterval = max(r.MaxInterval, r.InitialInterval)
		} else if s.InitialInterval == nil {
			r.InitialInterval = min(r.InitialInterval, r.MaxInterval)
		} else if s.MaxInterval > 0 && *s.InitialInterval > s.MaxInterval {
			b.complain(at(s.Keys, "max_interval", s.At), CodeBadValue,
				fmt.Sprintf("%smax_interval: %v is less than initial_interval, %v", label, s.MaxInterval, *s.InitialInterval), "make it at least as long")
		}
		if s.Multiplier != 0 || has(s.Keys, "multiplier") {
			r.Multiplier = s.Multiplier
			if !(s.Multiplier >= 1 && s.Multiplier <= maxMultiplier) {
				b.complain(at(s.Keys, "multiplier", s.At), CodeBadValue, fmt.Sprintf("%smultiplier: %v is out of range", label, s.Multiplier), fmt.Sprintf("allowed: 1 to %d", maxMultiplier))
				r.Multiplier = DefaultMultiplier
			}
		}
		if s.Jitter != nil {
			r.Jitter = *s.Jitter
			if !(r.Jitter >= 0 && r.Jitter <= 1) {
				b.complain(at(s.Keys, "jitter", s.At), CodeBadValue, fmt.Sprintf("%sjitter: %v is out of range", label, r.Jitter), "allowed: 0 to 1, the share of an interval that is drawn")
				r.Jitter = DefaultJitter
			}
		}
		if len(s.On) == 0 && has(s.Keys, "on") {
			b.complain(s.Keys["on"], CodeBadValue, label+"on: the list is empty", "leave it out for the codes that are tried again by default")
		}
		b.deadRule(s, r, label, earlier, &general, i)
		list = append(list, r)
	}
	return list
}

// deadRule complains about a rule that never applies, because the rules before
// it list all its codes.
func (b *builder) deadRule(s RetrySource, r RetryRule, label string, earlier map[failure.Code]int, general *int, i int) {
	by := -1
	switch {
	case len(s.On) == 0:
		by = *general
		if by < 0 {
			*general = i
		}
	case len(r.On) > 0:
		left := false
		for _, c := range r.On {
			if j, ok := earlier[c]; ok {
				by = j
			} else {
				left = true
				earlier[c] = i
			}
		}
		if left {
			by = -1
		}
	}
	if by >= 0 {
		b.complain(s.At, CodeDuplicate, fmt.Sprintf("%son: the rule never applies: retry[%d] covers the same", label, by), "the first rule for a code applies: remove one of the two")
	}
}

// refuseRetry says why a retry rule cannot name a code.
func refuseRetry(c failure.Code) string {
	switch {
	case !c.Routable():
		return "stops the run as a whole and is never tried again"
	case c == failure.MaxVisits:
		return "comes before any attempt, so there is nothing to try again"
	}
	return ""
}
