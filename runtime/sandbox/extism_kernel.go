package sandbox

// The memory that an Extism plug-in shares with its host: what Extism's kernel,
// a module of its own there, does with blocks of bytes. The layout is the
// kernel's, so that offsets, lengths and what is used again are as plug-ins know
// them: a root of 64 bytes at address 1, then blocks, each with a header of 12
// bytes (status, size, used) before its data. Headers lie in the memory, where a
// guest may overwrite them; whatever they say is checked before it is followed.

import (
	"encoding/binary"
)

const (
	kernelBlocks = 1 + kernelRoot // where the first block lies; so no offset is 0
	kernelRoot   = 64
	kernelHeader = 12
	kernelSplit  = 128 // a freed block with so much to spare is split

	// kernelKept is how large a memory an idle instance keeps.
	kernelKept = 1 << 20
)

// The states of a block, in the first byte of its header.
const (
	blockUnused = iota
	blockActive
	blockFree
)

// A kernel is the memory of one attempt; with a memory to share the cap with it
// is ready for use. Nothing here panics, whatever a guest asks for.
type kernel struct {
	memory *memory // the guest's own, with which it shares the cap

	bytes    []byte   // whole pages; the guest sees all of it
	starts   []uint64 // a bit for each address: a block's data began there
	position uint64   // of the next new block, from kernelBlocks
	length   uint64   // what may be handed out, from kernelBlocks
	written  uint64   // nothing was written at or above it

	input, output span
	failed        uint64 // where the error lies; 0: there is none
}

// A span is a piece of the memory.
type span struct{ offset, length uint64 }

// reset takes the memory back to where no attempt has touched it.
func (k *kernel) reset() {
	if cap(k.bytes) > kernelKept {
		k.bytes, k.starts = nil, nil
	}
	k.clear()
	k.memory.besides(0)
	k.bytes, k.length = k.bytes[:0], 0
}

// clear forgets all blocks; the memory stays as large as it is.
func (k *kernel) clear() {
	clear(k.bytes[:min(k.written, uint64(len(k.bytes)))])
	clear(k.starts[:min(k.written/64+1, uint64(len(k.starts)))])
	*k = kernel{memory: k.memory, bytes: k.bytes, starts: k.starts, length: k.length}
}

// begin makes the first page, as the kernel does when it is first asked.
func (k *kernel) begin() bool {
	if k.length > 0 {
		return true
	}
	if !k.grow(1) {
		return false
	}
	k.length = pageBytes - kernelRoot
	return true
}

// grow makes the memory larger if the cap lets it.
func (k *kernel) grow(pages uint64) bool {
	const most = 1 << 32 / pageBytes
	have := uint64(len(k.bytes))
	if pages > most-have/pageBytes || !k.memory.besides(have+pages*pageBytes) {
		return false
	}
	size := have + pages*pageBytes
	if size <= uint64(cap(k.bytes)) {
		k.bytes = k.bytes[:size] // never written, or cleared
	} else {
		b := make([]byte, size, max(size, min(2*have, have+1<<24, k.memory.limit)))
		copy(b, k.bytes)
		k.bytes = b
	}
	if words := int(size / 64); words > len(k.starts) {
		starts := make([]uint64, cap(k.bytes)/64)
		copy(starts, k.starts)
		k.starts = starts
	}
	return true
}

// alloc gives the offset of a block of n bytes, 0 where there is no memory. The
// steps are how many blocks were looked at.
func (k *kernel) alloc(n uint64) (offset, steps uint64) {
	if n == 0 || n > 1<<32 || !k.begin() {
		return 0, 0
	}
	left := k.length - k.position - kernelRoot
	if k.length < k.position+kernelRoot {
		left = 0 // the kernel leaves a root's length at the end
	}
	need := n + kernelHeader
	if need >= left {
		if need <= k.position {
			if offset, steps = k.reuse(n); offset != 0 {
				return offset, steps
			}
		}
		pages := (need - left + pageBytes - 1) / pageBytes
		if !k.grow(pages) {
			return 0, steps
		}
		k.length += pages * pageBytes
	}
	at := kernelBlocks + k.position
	k.position += need
	k.header(at, blockActive, n, n)
	return at + kernelHeader, steps
}

// reuse finds the first free block that is large enough.
func (k *kernel) reuse(n uint64) (offset, steps uint64) {
	end := min(kernelBlocks+k.position, uint64(len(k.bytes)))
	for at := uint64(kernelBlocks); at+kernelHeader <= end; steps++ {
		status, size := k.bytes[at], uint64(binary.LittleEndian.Uint32(k.bytes[at+4:]))
		fits := at+kernelHeader+size <= uint64(len(k.bytes)) // else a guest wrote this header
		switch {
		case fits && status == blockUnused && size >= n,
			fits && status == blockFree && size >= n && size-n < kernelSplit:
			k.header(at, blockActive, size, n)
			return at + kernelHeader, steps
		case fits && status == blockFree && size >= n:
			rest := size - n - kernelHeader
			k.header(at, blockFree, rest, 0)
			at += kernelHeader + rest
			k.header(at, blockActive, n, n)
			return at + kernelHeader, steps
		}
		at += kernelHeader + size
	}
	return 0, steps
}

// header writes a block's header, which lies within the memory.
func (k *kernel) header(at uint64, status byte, size, used uint64) {
	h := k.bytes[at : at+kernelHeader]
	h[0] = status
	binary.LittleEndian.PutUint32(h[4:], uint32(size))
	binary.LittleEndian.PutUint32(h[8:], uint32(used))
	data := at + kernelHeader
	if data < uint64(len(k.bytes)) {
		k.starts[data/64] |= 1 << (data % 64)
	}
	k.written = max(k.written, min(data+1, uint64(len(k.bytes))))
}

// block tells whether an offset is that of a block in use.
func (k *kernel) block(offset uint64) bool {
	return offset >= kernelBlocks+kernelHeader && offset < uint64(len(k.bytes)) &&
		k.starts[offset/64]&(1<<(offset%64)) != 0 && k.bytes[offset-kernelHeader] == blockActive
}

// used gives the length of the block at an offset, 0 where there is none.
func (k *kernel) used(offset uint64) uint64 {
	if !k.block(offset) {
		return 0
	}
	return uint64(binary.LittleEndian.Uint32(k.bytes[offset-4:]))
}

// free gives a block back. What is no block stays as it is.
func (k *kernel) free(offset uint64) {
	if !k.block(offset) {
		return
	}
	k.bytes[offset-kernelHeader] = blockFree
	if offset == k.input.offset {
		k.input.length = 0
	}
}

// view gives n bytes from an offset on, false where they lie outside.
func (k *kernel) view(offset, n uint64) ([]byte, bool) {
	if end := offset + n; end < offset || end > uint64(len(k.bytes)) || offset < kernelBlocks {
		return nil, false
	}
	return k.bytes[offset : offset+n], true
}

// write is view for bytes that will be written.
func (k *kernel) write(offset, n uint64) ([]byte, bool) {
	b, ok := k.view(offset, n)
	if ok {
		k.written = max(k.written, offset+n)
	}
	return b, ok
}

// content gives the bytes of the block at an offset, none where there is no
// block. They are the memory itself.
func (k *kernel) content(offset uint64) []byte {
	b, _ := k.view(offset, k.used(offset))
	return b
}
