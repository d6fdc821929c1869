package sandbox

// Setting one memory back to its image: which pages, and how each.

import "bytes"

const (
	// hotBytes bounds what an instance keeps of its own after it was set back:
	// pages that attempts have written and that are copied back each time.
	// What is beyond is given back to the system.
	hotBytes = 4 << 20
	// sampleEvery is after how many resets the hot pages are looked at again:
	// those that the last attempt did not write are given back.
	sampleEvery uint = 64
	// copyBytes is the piece in which memory is compared where nobody says
	// which pages were written.
	copyBytes = 4 << 10
)

// noBytes is what the memory beyond an image's last byte holds.
var noBytes [pageBytes]byte

// restore makes the memory read like the image again. The first written bytes
// are those that the attempt could write; m.buf has the image's size already.
// It reports whether it could; if not, the memory must not be used any more.
func (img *image) restore(m *memory, written int) bool {
	if m.reserved == nil || !img.shared() {
		m.copyBack(img.memory)
		if len(m.buf) < written {
			m.clearTail(len(m.buf), written)
		}
		return true
	}
	return img.pages.restore(m, img, written)
}

// shared tells whether instances can have the image by the page: as a mapping
// of its file, or of nothing where it is all zeros.
func (img *image) shared() bool {
	return img.pages.strategy != ImagesCopy && (img.file != nil || len(img.memory) == 0)
}

// copyBack sets the whole memory back by comparing it with the image.
func (m *memory) copyBack(image []byte) {
	for at := 0; at < len(image); at += copyBytes {
		if have, want := m.buf[at:at+copyBytes], image[at:at+copyBytes]; !bytes.Equal(have, want) {
			copy(have, want)
		}
	}
	m.clearTail(len(image), len(m.buf))
}

// clearTail zeroes what lies between the two addresses, which may be beyond
// the present length.
func (m *memory) clearTail(from, to int) {
	b := m.buf[:cap(m.buf)]
	if m.reserved != nil {
		b = m.reserved
		if to-from > hotBytes && discard(b[from:to]) {
			return
		}
	}
	for at := from; at < to; {
		n := min(to-at, copyBytes)
		if !bytes.Equal(b[at:at+n], noBytes[:n]) {
			clear(b[at : at+n])
		}
		at += n
	}
}

// setBack copies the image over the bytes from one address to another.
func setBack(memory, image []byte, from, to int) {
	if from < len(image) {
		from += copy(memory[from:to], image[from:])
	}
	for from < to { // beyond the image, where there may be a page that was only read
		n := min(to-from, copyBytes)
		if b := memory[from : from+n]; !bytes.Equal(b, noBytes[:n]) {
			clear(b)
		}
		from += n
	}
}

// same tells whether the bytes from one address to another, at most pageBytes
// of them, are those of the image.
func same(memory, image []byte, from, to int) bool {
	if from >= len(image) {
		return bytes.Equal(memory[from:to], noBytes[:to-from])
	}
	return bytes.Equal(memory[from:to], image[from:to]) // the image ends at a page's end
}
