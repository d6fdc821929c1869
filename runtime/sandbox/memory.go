package sandbox

// The guest's linear memory: reserved once, grown by its cap alone, set back
// to a shorter length between calls.

import (
	"github.com/tetratelabs/wazero/experimental"
)

const pageBytes = 64 << 10

// memory is the allocator and the linear memory of one instance. wazero asks
// it for every growth, so here is the place of the cap. It is used by one call
// at a time.
type memory struct {
	limit    uint64 // bytes; a growth beyond is refused
	refused  bool   // whether one was, since the attempt began
	shrinkTo int    // when not negative, what the next growth is answered with

	buf      []byte // the current length is what the guest sees
	reserved []byte // the mapping that buf is the head of; nil on the Go heap
	freed    bool
}

func newMemory(limit uint64) *memory { return &memory{limit: limit, shrinkTo: -1} }

// Allocate implements experimental.MemoryAllocator. A module has one memory.
func (m *memory) Allocate(_, declaredMax uint64) experimental.LinearMemory {
	if m.reserved == nil && m.buf == nil {
		// Address space, not memory: pages come when they are written.
		m.reserved = reserve(max(min(m.limit, declaredMax), pageBytes))
	}
	return m
}

// Reallocate implements experimental.LinearMemory; nil makes memory.grow
// answer -1.
func (m *memory) Reallocate(size uint64) []byte {
	switch {
	case m.shrinkTo >= 0:
		m.buf = m.buf[:m.shrinkTo]
	case size > m.limit:
		m.refused = true
		return nil
	case m.reserved != nil && size <= uint64(len(m.reserved)):
		m.buf = m.reserved[:size]
	case size <= uint64(cap(m.buf)):
		m.buf = m.buf[:size] // never written since it was made, or cleared by shrink
	default:
		// No mapping on this system: grow by doubling, so that a guest that
		// grows page by page does not make the host copy quadratically.
		grown := make([]byte, size, min(m.limit, max(size, 2*uint64(cap(m.buf)))))
		copy(grown, m.buf)
		m.buf = grown
	}
	return m.buf
}

// shrink makes the memory n bytes long again through mem, the instance's
// wazero view of it, and zeroes what is cut off. It reports whether it could:
// a memory at its declared maximum cannot be asked to grow, which is the only
// way to hand wazero a new length.
func (m *memory) shrink(mem growable, n int) bool {
	if len(m.buf) == n {
		return true
	}
	tail := m.buf[n:]
	m.shrinkTo = n
	_, ok := mem.Grow(1)
	m.shrinkTo = -1
	if ok {
		zero(tail, m.reserved != nil)
	}
	return ok && len(m.buf) == n
}

// growable is the part of api.Memory that shrink needs.
type growable interface {
	Grow(deltaPages uint32) (previousPages uint32, ok bool)
}

// Free implements experimental.LinearMemory; also called by us when an
// instantiation fails half-way, which wazero does not do.
func (m *memory) Free() {
	if m.freed {
		return
	}
	m.freed = true
	release(m.reserved)
	m.reserved, m.buf = nil, nil
}

// zero clears b. Long stretches of a mapping are given back to the system,
// which costs less than writing zeros where few pages were ever touched.
func zero(b []byte, mapped bool) {
	if mapped && len(b) > 4*pageBytes && discard(b) {
		return
	}
	clear(b)
}
