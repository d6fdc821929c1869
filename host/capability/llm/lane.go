package llm

// This file keeps the rate and the number of requests to an account within what
// the settings say, over all graphs of a host.

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxLanes is where idle lanes are looked for and dropped.
const maxLanes = 1024

// laneKey is an account with its limits: graphs that write the same share them.
type laneKey struct {
	api, baseURL                  string
	key                           [sha256.Size]byte
	requests, tokens, concurrency int
}

// lanes are all that are in use. The zero value is ready.
type lanes struct {
	mu  sync.Mutex
	all map[laneKey]*lane
}

// lane is the way to one account. Its limits are nil where none is set.
type lane struct {
	users    int // calls that hold it; guarded by lanes.mu
	slots    chan struct{}
	requests *rate.Limiter
	tokens   *rate.Limiter
}

// enter waits until a request that needs about this many tokens may be sent.
// leave must be called, with the tokens that were used beyond it.
func (l *lanes) enter(ctx context.Context, t *target, tokens int64) (leave func(more int64), err error) {
	if t.RequestsPerMinute == 0 && t.TokensPerMinute == 0 && t.Concurrency == 0 {
		return func(int64) {}, nil
	}
	lane := l.hold(t)
	release := func() {
		l.mu.Lock()
		lane.users--
		l.mu.Unlock()
	}
	if lane.slots != nil {
		select {
		case lane.slots <- struct{}{}:
		case <-ctx.Done():
			release()
			return nil, &exchangeError{reason: "rate_limited", text: fmt.Sprintf("all %d places of the endpoint's `concurrency` stayed taken", t.Concurrency), retryable: true, err: context.Cause(ctx)}
		}
	}
	leave = func(more int64) {
		if lane.slots != nil {
			<-lane.slots
		}
		spend(lane.tokens, more)
		release()
	}
	if err := wait(ctx, lane.requests, 1, "requests_per_minute"); err != nil {
		leave(0)
		return nil, err
	}
	if err := wait(ctx, lane.tokens, tokens, "tokens_per_minute"); err != nil {
		leave(0)
		return nil, err
	}
	return leave, nil
}

func (l *lanes) hold(t *target) *lane {
	k := laneKey{
		api: t.API, baseURL: t.baseURL, key: sha256.Sum256([]byte(t.key)),
		requests: t.RequestsPerMinute, tokens: t.TokensPerMinute, concurrency: t.Concurrency,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.all[k]
	if found == nil {
		if len(l.all) >= maxLanes {
			l.drop()
		}
		found = &lane{}
		if k.concurrency > 0 {
			found.slots = make(chan struct{}, k.concurrency)
		}
		if k.requests > 0 {
			// One at a time, evenly: no minute has more than were set.
			found.requests = rate.NewLimiter(perMinute(k.requests), 1)
		}
		if k.tokens > 0 {
			found.tokens = rate.NewLimiter(perMinute(k.tokens), k.tokens)
		}
		if l.all == nil {
			l.all = map[laneKey]*lane{}
		}
		l.all[k] = found
	}
	found.users++
	return found
}

// drop forgets lanes that limit nothing at the moment.
func (l *lanes) drop() {
	full := func(r *rate.Limiter) bool { return r == nil || r.Tokens() >= float64(r.Burst()) }
	for k, lane := range l.all {
		if lane.users == 0 && full(lane.requests) && full(lane.tokens) {
			delete(l.all, k)
		}
	}
}

func perMinute(n int) rate.Limit { return rate.Limit(float64(n) / 60) }

// wait takes n out of a limiter as soon as it has them. A wait beyond the
// context's deadline fails at once and takes nothing.
func wait(ctx context.Context, r *rate.Limiter, n int64, setting string) error {
	if r == nil {
		return nil
	}
	now := time.Now()
	reserved := r.ReserveN(now, int(min(n, int64(r.Burst()))))
	delay := reserved.DelayFrom(now)
	if delay <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && now.Add(delay).After(deadline) {
		reserved.CancelAt(now)
		return &exchangeError{
			reason: "rate_limited", retryable: true, retryAfter: delay,
			text: fmt.Sprintf("the endpoint's `%s` has room in %s, after the attempt's end", setting, delay.Round(time.Millisecond)),
		}
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		reserved.Cancel()
		return context.Cause(ctx)
	}
}

// spend takes what was used without being foreseen; later calls wait for it.
func spend(r *rate.Limiter, n int64) {
	if r == nil {
		return
	}
	now := time.Now()
	// More than some bursts would stop the endpoint for minutes because of what
	// one answer says of itself.
	for n = min(n, 4*int64(r.Burst())); n > 0; n -= int64(r.Burst()) {
		r.ReserveN(now, int(min(n, int64(r.Burst()))))
	}
}
