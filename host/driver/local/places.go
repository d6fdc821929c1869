package local

import "sync"

// places bounds the attempts that are under way, over all runs. Whoever has ended one
// goes on with the next, of whichever run has waited longest: so runs take turns, and
// no order and no outcome is handed from goroutine to goroutine. One that finds nothing
// more to do ends.
type places struct {
	most int

	mu    sync.Mutex
	taken int
	queue []*run // with attempts to make, each once; none where there is room
}

// offer has an attempt of a run made.
func (p *places) offer(r *run) {
	if p.take(r) {
		go r.work()
	}
}

// try takes a place, if there is one.
func (p *places) try() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.taken < p.most
	if free {
		p.taken++
	}
	return free
}

// done gives a place back that try has taken.
func (p *places) done() {
	if r := p.next(nil); r != nil {
		go r.work()
	}
}

// take takes a place for a run. false: it waits for one.
func (p *places) take(r *run) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken < p.most {
		p.taken++
		return true
	}
	p.queue = append(p.queue, r)
	return false
}

// next gives a place to the run that has waited longest. The one that has had it waits
// for another turn, and goes on where nobody else does; nil: it has no use for one.
func (p *places) next(had *run) *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		if had == nil {
			p.taken--
		}
		return had
	}
	if had != nil {
		p.queue = append(p.queue, had)
	}
	return p.first()
}

func (p *places) first() *run {
	r := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return r
}
