package local

import (
	"context"
	"sync"
)

// gate bounds how many runs are under way. Those beyond wait outside, first come
// first served, with nothing of theirs in memory but their caller.
type gate struct {
	most int

	mu    sync.Mutex
	under int
	queue []chan struct{} // closed when its run may come in
}

// enter waits for a place. Where ctx is done first, the run comes in all the
// same: it has nothing to do but to end.
func (g *gate) enter(ctx context.Context) {
	g.mu.Lock()
	if g.under < g.most && len(g.queue) == 0 {
		g.under++
		g.mu.Unlock()
		return
	}
	turn := make(chan struct{})
	g.queue = append(g.queue, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, c := range g.queue {
		if c == turn {
			g.queue = append(g.queue[:i:i], g.queue[i+1:]...)
			g.under++ // beyond the bound, for a moment
			return
		}
	}
	// Its turn has come meanwhile.
}

// leave gives a place back.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.under--
	for g.under < g.most && len(g.queue) > 0 {
		g.under++
		close(g.queue[0])
		g.queue = g.queue[1:]
	}
}

// again takes a place for a run that has rested. It does not wait: what is asked
// of a run that is known must not depend on those that are not.
func (g *gate) again() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.under++
}
