package sandbox

// Where attempts start from: the state of a module after its start, and the
// instances that have been set back to it.
//
// Memory and globals are set back; see ImageStrategy for how. A module that can
// change more than these gets a new instance for each attempt.

import (
	"bytes"
	"context"
	"fmt"
	"sync"
)

// imagesMax bounds the images of one program. More differing limits than that
// work, without a pool.
const imagesMax = 8

// An imageKey is what a module's start can depend on.
type imageKey struct {
	fuel, memory    uint64
	table, maxDepth uint32
}

func (l Limits) imageKey() imageKey {
	return imageKey{fuel: l.Fuel, memory: l.MemoryBytes, table: l.TableElements, maxDepth: l.CallDepth}
}

// An image is made by the first call that needs it.
type image struct {
	making chan struct{} // holds a token while nobody is making it
	made   bool          // under making
	failed *Stop         // the start failed, as it will every time

	pages   *pages
	memory  []byte     // without the zeros at its end
	size    int        // with them
	file    *imageFile // of which memory is a view; nil: memory is on the Go heap
	globals []uint64
	lived   uint64

	mu     sync.Mutex
	idle   []*instance
	unused int // how many of them nobody has needed since the last sweep
}

// acquire gives an instance in the fresh state. Without one there is a stop or
// an error.
func (p *Program) acquire(ctx context.Context, limits Limits) (*instance, *Stop, error) {
	if stop := p.fits(limits); stop != nil {
		return nil, stop, nil
	}
	img := p.image(limits)
	if img == nil {
		return p.fresh(ctx, limits)
	}
	if i := img.pop(); i != nil {
		return i, nil, nil
	}
	if i, stop, err := p.make(ctx, img, limits); i != nil || stop != nil || err != nil {
		return i, stop, err
	}
	// Memory and globals are all the state: there is no need to start again.
	a := newAttempt(limits, p.engine.config.Slice)
	a.starting, a.files = true, newFileTable(nil)
	i, stop, err := p.instantiate(ctx, a)
	if i == nil {
		return nil, stop, err
	}
	i.image = img
	if !img.setBack(i) {
		i.close()
		return p.fresh(ctx, limits) // slower, and what the image is like
	}
	return i, nil, nil
}

// make makes the image, when nobody has yet, and gives the instance that it was
// made from; nothing at all when the image was there.
func (p *Program) make(ctx context.Context, img *image, limits Limits) (*instance, *Stop, error) {
	select {
	case <-img.making:
		defer func() { img.making <- struct{}{} }()
	case <-ctx.Done():
		return nil, canceled(ctx), nil
	}
	if img.made || img.failed != nil {
		return nil, img.failed, nil
	}
	kept := p.imagePath(limits.imageKey())
	if img.load(kept, len(p.code.Globals)) {
		return nil, nil, nil
	}
	i, stop, err := p.fresh(ctx, limits)
	if i != nil {
		img.take(i)
		if i.started >= keepImageFuel {
			img.save(kept)
		}
	} else if stop != nil && stop.Reason != TimedOut && stop.Reason != Canceled {
		img.failed = stop
	}
	return i, stop, err
}

// fits says why a module cannot start under the limits, before memory is
// taken for it.
func (p *Program) fits(limits Limits) *Stop {
	for _, m := range p.module.Memories {
		if need := uint64(m.Min) * pageBytes; need > limits.MemoryBytes {
			return &Stop{Reason: MemoryExceeded, Message: fmt.Sprintf(
				"the module needs %d bytes of memory to start, the cap is %d", need, limits.MemoryBytes)}
		}
	}
	elements := uint64(0)
	for _, t := range p.module.Tables {
		elements += uint64(t.Min)
	}
	if elements > uint64(limits.TableElements) {
		return &Stop{Reason: MemoryExceeded, Message: fmt.Sprintf(
			"the module needs %d table elements to start, the cap is %d", elements, limits.TableElements)}
	}
	return nil
}

// fresh makes a new instance and starts it, in a time and with a seed of its
// own: the state after the start is the same for every attempt.
func (p *Program) fresh(ctx context.Context, limits Limits) (*instance, *Stop, error) {
	a := newAttempt(limits, p.engine.config.Slice)
	a.starting, a.files = true, newFileTable(nil)
	i, stop, err := p.instantiate(ctx, a)
	started := i
	if i != nil {
		if stop, err = i.start(ctx, a); stop != nil || err != nil {
			defer i.close()
			started = nil
		} else {
			i.started = a.used(i.fuel)
		}
	}
	if stop != nil {
		starting := *p.because(stop, a, i)
		starting.Message = "while the module starts: " + starting.Message
		stop = &starting
	}
	return started, stop, err
}

// image gives the image for the limits; nil when there is none to be used.
func (p *Program) image(limits Limits) *image {
	if !p.poolable {
		return nil
	}
	key := limits.imageKey()
	p.mu.Lock()
	defer p.mu.Unlock()
	img := p.images[key]
	if img == nil && len(p.images) < imagesMax {
		img = &image{making: make(chan struct{}, 1), pages: p.engine.pages}
		img.making <- struct{}{}
		p.images[key] = img
	}
	return img
}

// release takes back an instance after an attempt.
func (p *Program) release(i *instance) {
	i.attempt, i.guest = attempt{}, guestContext{}
	if i.spent || i.image == nil || i.image.full() || !i.image.setBack(i) || !i.image.push(i) {
		i.close()
		return
	}
	p.engine.idled()
}

// take makes the image from an instance that has just started.
func (img *image) take(i *instance) {
	i.image = img
	img.size = len(i.memory.buf)
	img.keep(i.memory.buf[:lastPage(i.memory.buf)])
	for _, g := range i.globals {
		img.globals = append(img.globals, g.Get())
	}
	img.lived = i.lived
	img.made = true
}

// keep copies the memory of the image.
func (img *image) keep(used []byte) {
	if img.file = img.pages.newFile(used); img.file != nil {
		img.memory = img.file.view
	} else {
		img.memory = bytes.Clone(used)
	}
}

// lastPage gives the length of b without the empty pages at its end.
func lastPage(b []byte) int {
	n := len(b)
	for n > 0 && n%pageBytes == 0 && isZero(b[n-pageBytes:n]) {
		n -= pageBytes
	}
	return n
}

func isZero(b []byte) bool {
	// Compared with itself, shifted by one: the fast way to ask for all equal.
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}

// setBack sets an instance back. It reports whether it could; if not, the
// instance must not be used any more.
func (img *image) setBack(i *instance) bool {
	written := len(i.memory.buf)
	switch {
	case written > img.size:
		if !i.memory.shorten(i.mod.Memory(), img.size) {
			return false
		}
	case written < img.size:
		if _, ok := i.mod.Memory().Grow(uint32((img.size - written) / pageBytes)); !ok {
			return false
		}
		written = img.size
	}
	if !img.restore(i.memory, written) {
		return false
	}
	for k, g := range i.globals {
		g.Set(img.globals[k])
	}
	i.lived = img.lived
	return true
}

func (img *image) close() {
	img.mu.Lock()
	defer img.mu.Unlock()
	for _, i := range img.idle {
		i.close()
	}
	img.idle = nil
	img.file.close()
	img.file, img.memory = nil, nil
}
