package sandbox

// Which pages of a memory were written, asked of Linux, and images as files in
// memory that instances map privately.

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// smallBytes is up to where comparing a memory costs less than the page faults
// after it was dropped.
const smallBytes = 512 << 10

// pages is what an engine needs to set memories back by the page. It is safe
// for concurrent use; each memory is used by one call at a time.
type pages struct {
	strategy ImageStrategy
	size     int // of a page of the system
	pagemap  int // /proc/self/pagemap; -1 where it is not used
	uffd     int // the userfaultfd of all memories; -1 likewise

	sampleEvery uint      // see there
	scans       sync.Pool // of *pageScan
}

// openPages opens what the wanted strategy needs, or what one of those after
// it needs: whether a strategy works is tried.
func openPages(want ImageStrategy) *pages {
	from := false
	for _, s := range ImageStrategies() {
		if from = from || s == want; !from {
			continue
		}
		p := &pages{strategy: s, size: os.Getpagesize(), sampleEvery: sampleEvery, pagemap: -1, uffd: -1}
		p.scans.New = func() any { return new(pageScan) }
		if s == ImagesCopy || p.open() && p.works() {
			return p
		}
		p.close()
	}
	return &pages{strategy: ImagesCopy, pagemap: -1, uffd: -1}
}

func (p *pages) open() bool {
	var err error
	if p.size > pageBytes || pageBytes%p.size != 0 {
		return false
	}
	if p.strategy == ImagesMadvise {
		return true
	}
	if p.pagemap, err = unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		p.pagemap = -1
		return false
	}
	if p.strategy == ImagesPagemap {
		return true
	}
	p.uffd, err = openUserfaultfd()
	return err == nil
}

func (p *pages) close() {
	for _, fd := range []*int{&p.pagemap, &p.uffd} {
		if *fd >= 0 {
			_ = unix.Close(*fd) // nothing was written
			*fd = -1
		}
	}
}

// works tries the strategy on a small memory.
func (p *pages) works() bool {
	const size = 2 * pageBytes
	m := newMemory(2 * size)
	m.Allocate(0, 2*size)
	defer m.Free()
	if m.reserved == nil {
		return false
	}
	m.buf = m.reserved[:size]
	content := make([]byte, pageBytes)
	content[1], content[pageBytes-1] = 1, 2
	img := &image{pages: p, size: size, memory: content, file: p.newFile(content)}
	if img.file == nil {
		return false
	}
	defer img.file.close()
	for round := range 3 { // the first one maps, the second one protects, the third one finds
		for at := 0; at < 2*size; at += pageBytes / 2 {
			m.reserved[at+round]++
		}
		if !img.restore(m, 2*size) {
			return false
		}
		for at := 0; at < 2*size; at += pageBytes {
			if !same(m.reserved, content, at, at+pageBytes) {
				return false
			}
		}
	}
	return p.strategy != ImagesUserfaultfd || m.armed
}

// restore sets a memory back to an image that is shared; see image.restore.
func (p *pages) restore(m *memory, img *image, written int) bool {
	if m.image != img {
		m.image, m.armed = img, false
		return (img.file == nil || img.file.mapOver(m.reserved)) && p.discard(m, len(img.memory), written)
	}
	if p.strategy == ImagesMadvise {
		if written <= smallBytes {
			m.copyBack(img.memory)
			m.clearTail(len(m.buf), written)
			return true
		}
		return p.discard(m, 0, written)
	}
	scan, _ := p.scans.Get().(*pageScan)
	defer p.scans.Put(scan)
	m.resets++
	scan.pages, scan.memory, scan.image = p, m, img
	scan.low, scan.high = 0, max(len(img.memory), p.size)
	if img.file == nil {
		scan.low = max(0, img.size-p.size)
	}
	scan.left, scan.sample = hotBytes, m.resets%p.sampleEvery == 0
	defer func() { scan.memory, scan.image = nil, nil }()
	if m.armed {
		return scan.written(written)
	}
	if !scan.own(written) {
		return false
	}
	if p.strategy == ImagesUserfaultfd {
		// From now on the kernel tells: what is written again stays unprotected.
		// Where nothing was ever touched there are no page tables, which makes
		// the scans short; they are not made for the protection's sake.
		end := tableEnd(m.reserved, scan.high, img.size)
		m.armed = img.size > 0 && p.register(m.reserved[:img.size]) &&
			(scan.low >= end || p.protect(m.reserved[scan.low:end]))
	}
	return true
}

// tableEnd gives the end of the page table that the address before at lies in,
// at most end. One of 4 KiB has entries for 2 MiB; on systems with other pages
// the protection reaches less far, and the scan finds more.
func tableEnd(reserved []byte, at, end int) int {
	const covers = 2 << 20
	base := address(reserved)
	return int(min((base+uint64(at)+covers-1)&^(covers-1)-base, uint64(end)))
}

// discard gives the pages between two addresses back.
func (p *pages) discard(m *memory, from, to int) bool {
	return from >= to || discard(m.reserved[from:to])
}

// forget gives pages back whose content is not wanted, so that they are
// those of the image again.
func (p *pages) forget(m *memory, img *image, from, to int) bool {
	if !p.discard(m, from, to) {
		return false
	}
	// Reading a page that is not there brings it without its protection, as if
	// it had been written: protect the absent one.
	to = min(to, img.size)
	return !m.armed || from >= to || p.protect(m.reserved[from:to])
}

// A pageScan is one reset in progress.
type pageScan struct {
	pages  *pages
	memory *memory
	image  *image
	left   int  // bytes that may stay the instance's own
	low    int  // the first page that was found; 0 where there is a file
	high   int  // the end of the last one, at least that of the file
	sample bool // look whether pages are still written

	arg     scanArg
	regions [128]pageRegion
	entries [512]uint64
}

// own finds the pages that are the memory's own, not the file's, in pagemap.
func (s *pageScan) own(written int) bool {
	const (
		present = 1 << 63
		swapped = 1 << 62
		shared  = 1 << 61 // a page of a file, or shared memory
	)
	size := s.pages.size
	base := address(s.memory.reserved)
	for at := 0; at < written; {
		count := min(len(s.entries), (written-at)/size)
		view := unsafe.Slice((*byte)(unsafe.Pointer(&s.entries)), 8*count) //nolint:gosec // they come as bytes
		if n, err := unix.Pread(s.pages.pagemap, view, int64((base+uint64(at))/uint64(size)*8)); err != nil || n != len(view) {
			return false
		}
		for i := 0; i < count; {
			first := i
			for i < count && s.entries[i]&(present|swapped) != 0 && s.entries[i]&shared == 0 {
				i++
			}
			if i == first {
				i++
				continue
			}
			if done, ok := s.take(at+first*size, at+i*size, written); done || !ok {
				return ok
			}
		}
		at += count * size
	}
	return true
}

// written finds the pages without protection by PAGEMAP_SCAN.
func (s *pageScan) written(written int) bool {
	base := address(s.memory.reserved)
	s.arg = scanArg{
		size: scanArgBytes, start: base, end: base + uint64(written),
		vec: uint64(uintptr(unsafe.Pointer(&s.regions))), vecLen: uint64(len(s.regions)), //nolint:gosec // s outlives the call
		mask: pageIsWritten, returned: pageIsWritten,
	}
	for s.arg.start < s.arg.end {
		n, err := ioctl(s.pages.pagemap, pagemapScan, &s.arg)
		if err != nil {
			return false
		}
		for _, r := range s.regions[:n] {
			if done, ok := s.take(int(r.start-base), int(r.end-base), written); done || !ok {
				return ok
			}
		}
		s.arg.start = s.arg.walkEnd
	}
	return true
}

// take sets back the pages between two addresses. It is done when all the rest
// up to the end has been given back besides.
func (s *pageScan) take(from, to, end int) (done, ok bool) {
	m, img := s.memory, s.image
	s.low, s.high = min(s.low, from), max(s.high, to)
	if to-from > s.left {
		return true, s.pages.forget(m, img, from, end)
	}
	s.left -= to - from
	if !s.sample {
		setBack(m.reserved, img.memory, from, to)
		return false, true
	}
	for at := from; at < to; {
		unwritten := at
		for unwritten < to && same(m.reserved, img.memory, unwritten, unwritten+s.pages.size) {
			unwritten += s.pages.size
		}
		if unwritten > at && !s.pages.forget(m, img, at, unwritten) {
			return false, false
		}
		if at = unwritten; at < to {
			setBack(m.reserved, img.memory, at, at+s.pages.size)
			at += s.pages.size
		}
	}
	return false, true
}
