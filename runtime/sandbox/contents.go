package sandbox

// The content of a file of the cache, mapped where the system can.

import (
	"io"
	"os"
	"runtime/debug"
)

// contents is a whole file. Its bytes may be a mapping: they are not to be
// modified, and gone after close.
type contents struct {
	bytes  []byte
	mapped bool
	// file is open where parts of it may be mapped to other places.
	file *os.File
}

// openContents opens a regular file of at most limit bytes that nobody else can change;
// nil where that cannot be done. Without mapped, mapOver does nothing.
func openContents(path string, limit int64, mapped bool) *contents {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil // a link could lead anywhere, and a pipe would block
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	c := &contents{}
	info, err := f.Stat()
	// Whoever can write to a folder above the cache's could have put another in its place.
	if err != nil || !info.Mode().IsRegular() || info.Size() > limit || !private(info) {
		_ = f.Close()
		return nil
	}
	if c.bytes = mapFile(f, info.Size()); c.bytes != nil {
		c.mapped = true
		if mapped && canExecute(f) {
			c.file = f
			return c
		}
	} else if c.bytes, err = io.ReadAll(io.LimitReader(f, limit)); err != nil {
		c.bytes = nil
	}
	if err := f.Close(); err != nil || c.bytes == nil {
		c.close()
		return nil
	}
	return c
}

// guard makes an error of a mapping that cannot be read: of a disk that is
// broken, for instance. It is to be deferred before the first look.
func (c *contents) guard(err *error) func() {
	if !c.mapped {
		return func() {}
	}
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		switch reason := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // the fault
			*err = errNoEntry
		default:
			panic(reason)
		}
	}
}

func (c *contents) close() {
	if c.mapped {
		unmapFile(c.bytes)
	}
	c.bytes, c.mapped = nil, false
	if c.file != nil {
		_ = c.file.Close()
		c.file = nil
	}
}
