package local

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/stepper"
)

// timers are the moments that one run waits for. Only the next of them has a
// timer of the clock.
type timers struct {
	heap  wakes
	armed <-chan time.Time // fires at the first of heap; nil: not set
	at    time.Time        // when armed fires
	drop  func()
	clean int // how many there were after the last cleaning
}

// add waits for another moment. The machine forgets those that it no longer
// needs without saying so; every now and then they are dropped here too, so that
// a long run with many short steps does not keep them.
func (t *timers) add(w stepper.Wake, awaits func(string) bool) {
	if len(t.heap) >= 2*t.clean+64 {
		t.heap = slices.DeleteFunc(t.heap, func(w stepper.Wake) bool { return !awaits(w.Timer) })
		heap.Init(&t.heap)
		t.clean = len(t.heap)
	}
	heap.Push(&t.heap, w)
}

// next gives the channel that receives when the first moment has come.
func (t *timers) next(clock Clock) <-chan time.Time {
	if len(t.heap) == 0 {
		return nil
	}
	if first := t.heap[0].At; t.armed == nil || !first.Equal(t.at) {
		t.stop()
		t.armed, t.drop = clock.NewTimer(first.Sub(clock.Now()))
		t.at = first
	}
	return t.armed
}

// late says whether the first moment comes before what the clock was asked for.
func (t *timers) late() bool {
	return len(t.heap) > 0 && (t.armed == nil || t.heap[0].At.Before(t.at))
}

// stop gives the clock's timer back.
func (t *timers) stop() {
	if t.drop != nil {
		t.drop()
	}
	t.armed, t.drop = nil, nil
}

// due takes out the first timer whose moment has come.
func (t *timers) due(now time.Time) (string, bool) {
	if len(t.heap) == 0 || t.heap[0].At.After(now) {
		return "", false
	}
	w, _ := heap.Pop(&t.heap).(stepper.Wake)
	return w.Timer, true
}

// wakes is a heap: the earliest first, then by name.
type wakes []stepper.Wake

func (w wakes) Len() int { return len(w) }
func (w wakes) Less(i, j int) bool {
	return cmp.Or(w[i].At.Compare(w[j].At), cmp.Compare(w[i].Timer, w[j].Timer)) < 0
}
func (w wakes) Swap(i, j int) { w[i], w[j] = w[j], w[i] }

// Push implements [heap.Interface].
func (w *wakes) Push(x any) {
	if wake, ok := x.(stepper.Wake); ok {
		*w = append(*w, wake)
	}
}

// Pop implements [heap.Interface].
func (w *wakes) Pop() any {
	last := len(*w) - 1
	x := (*w)[last]
	*w = (*w)[:last]
	return x
}
