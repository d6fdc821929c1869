package sandbox

// Instances that wait to be used again, and how long they may.

import (
	"runtime"
	"time"
)

// idleFor is how long an instance waits at least before it is given up; at most
// it is twice as long.
const idleFor = 30 * time.Second

// idleMax bounds the instances that wait in an image.
func idleMax() int { return 2 * runtime.GOMAXPROCS(0) }

func (img *image) pop() *instance {
	img.mu.Lock()
	defer img.mu.Unlock()
	if len(img.idle) == 0 {
		return nil
	}
	last := len(img.idle) - 1
	i := img.idle[last]
	img.idle[last] = nil
	img.idle = img.idle[:last]
	img.unused = min(img.unused, last)
	return i
}

func (img *image) push(i *instance) bool {
	img.mu.Lock()
	defer img.mu.Unlock()
	if len(img.idle) >= idleMax() {
		return false
	}
	img.idle = append(img.idle, i)
	return true
}

// full tells whether there is no room for another idle instance.
func (img *image) full() bool {
	img.mu.Lock()
	defer img.mu.Unlock()
	return len(img.idle) >= idleMax()
}

// sweep closes the instances that nobody has needed since the last sweep. It
// tells whether there are others.
func (img *image) sweep() (left bool) {
	img.mu.Lock()
	defer img.mu.Unlock()
	n := img.unused // the last in is the first out: these lay at the bottom all the time
	for _, i := range img.idle[:n] {
		i.close()
	}
	kept := copy(img.idle, img.idle[n:])
	clear(img.idle[kept:])
	img.idle = img.idle[:kept]
	img.unused = kept
	return kept > 0
}

// idled has a sweep come after an instance was put aside.
func (e *Engine) idled() {
	if !e.sweeping.Load() && e.sweeping.CompareAndSwap(false, true) {
		time.AfterFunc(idleFor, e.sweep)
	}
}

// sweep gives up what was not used for a while, so that the memory that a burst
// took comes back. It runs in a goroutine of its own for as long as that takes;
// Close waits for it.
func (e *Engine) sweep() {
	e.sweeping.Store(false) // whoever puts aside from now on has another one come
	if e.begin() != nil {
		return
	}
	defer e.end()
	left := false
	for _, img := range e.images() {
		left = img.sweep() || left
	}
	if left {
		e.idled()
	}
}

// images gives the images of all programs.
func (e *Engine) images() []*image {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*image
	for _, pending := range e.programs {
		select {
		case <-pending.done:
		default: // being compiled
			continue
		}
		if p := pending.program; p != nil {
			p.mu.Lock()
			for _, img := range p.images {
				all = append(all, img)
			}
			p.mu.Unlock()
		}
	}
	return all
}
