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
	outside  uint64 // bytes held for the guest elsewhere, which count as well
	shrinkTo int    // when not negative, what the next growth is answered with

	buf      []byte // the current length is what the guest sees
	reserved []byte // the mapping that buf is the head of; nil on the Go heap
	freed    bool

	image  *image // that reserved is a mapping of; nil: none
	armed  bool   // the system tracks writes, see pages
	resets uint   // since it was mapped
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
	case size+m.outside > m.limit:
		m.refused = true
		return nil
	case m.reserved != nil && size <= uint64(len(m.reserved)):
		m.buf = m.reserved[:size]
	case size <= uint64(cap(m.buf)):
		m.buf = m.buf[:size] // never written since it was made, or cleared after it was cut off
	default:
		// No mapping on this system: grow by doubling, so that a guest that
		// grows page by page does not make the host copy quadratically.
		grown := make([]byte, size, min(m.limit, max(size, 2*uint64(cap(m.buf)))))
		copy(grown, m.buf)
		m.buf = grown
	}
	return m.buf
}

// besides says how much is held for the guest besides its linear memory; false
// where that is more than the cap leaves.
func (m *memory) besides(bytes uint64) bool {
	if uint64(len(m.buf))+bytes > m.limit {
		m.refused = true
		return false
	}
	m.outside = bytes
	return true
}

// shorten makes the memory n bytes long again through mem, the instance's
// wazero view of it; what is cut off stays as it is, for the caller to clear.
// It reports whether it could: a memory at its declared maximum cannot be asked
// to grow, which is the only way to hand wazero a new length.
func (m *memory) shorten(mem growable, n int) bool {
	if len(m.buf) == n {
		return true
	}
	m.shrinkTo = n
	_, ok := mem.Grow(1)
	m.shrinkTo = -1
	return ok && len(m.buf) == n
}

// growable is the part of api.Memory that shorten needs.
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
