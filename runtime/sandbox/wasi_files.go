package sandbox

// The three streams that a guest has, and its descriptors for them.

import (
	"encoding/binary"
	"fmt"
)

// The rights that the streams have.
const (
	rightRead      = 1 << 1
	rightSetFlags  = 1 << 3
	rightSync      = 1 << 4
	rightWrite     = 1 << 6
	rightStat      = 1 << 21
	rightPoll      = 1 << 27
	streamRights   = rightSetFlags | rightSync | rightStat | rightPoll
	flagsSettable  = 1<<0 | 1<<2 // append, nonblock: neither changes anything here
	filetypeStream = 0           // "unknown", what pipes are
)

// A stream is one of stdin (0), stdout (1) and stderr (2).
type stream struct {
	number int
	open   bool
	flags  uint16
	rights uint64
}

// A fileTable is a guest's descriptors, from the beginning of each attempt.
type fileTable struct {
	streams [3]stream // by descriptor
	input   []byte    // what is left of stdin
	output  []byte    // what a command has written to stdout
}

func newFileTable(input []byte) fileTable {
	return fileTable{input: input, streams: [3]stream{
		{number: 0, open: true, rights: streamRights | rightRead},
		{number: 1, open: true, rights: streamRights | rightWrite},
		{number: 2, open: true, rights: streamRights | rightWrite},
	}}
}

// get gives the stream behind a descriptor, nil when it is not open.
func (t *fileTable) get(fd uint32) *stream {
	if fd >= uint32(len(t.streams)) || !t.streams[fd].open {
		return nil
	}
	return &t.streams[fd]
}

func (t *fileTable) renumber(from, to uint32) errno {
	f, target := t.get(from), t.get(to)
	if f == nil || target == nil {
		return errBadf
	}
	if f != target {
		*target = *f
		*f = stream{}
	}
	return ok
}

// setRights can only take rights away.
func (t *fileTable) setRights(fd uint32, base, inheriting uint64) errno {
	f := t.get(fd)
	switch {
	case f == nil:
		return errBadf
	case base&^f.rights != 0 || inheriting != 0:
		return errNotcapable
	}
	f.rights = base
	return ok
}

func fdClose(c *wasiCall) errno {
	f := c.files.get(c.u32(0))
	if f == nil {
		return errBadf
	}
	*f = stream{}
	return ok
}

func fdFdstatGet(c *wasiCall) errno {
	f := c.files.get(c.u32(0))
	if f == nil {
		return errBadf
	}
	var b [24]byte
	b[0] = filetypeStream
	binary.LittleEndian.PutUint16(b[2:], f.flags)
	binary.LittleEndian.PutUint64(b[8:], f.rights)
	return c.put(c.u32(1), b[:])
}

func fdFdstatSetFlags(c *wasiCall) errno {
	f := c.files.get(c.u32(0))
	flags := uint16(c.u32(1))
	switch {
	case f == nil:
		return errBadf
	case f.rights&rightSetFlags == 0:
		return errNotcapable
	case flags&^flagsSettable != 0:
		return errInval
	}
	f.flags = flags
	return ok
}

func fdFilestatGet(c *wasiCall) errno {
	f := c.files.get(c.u32(0))
	if f == nil {
		return errBadf
	}
	var b [64]byte
	b[16] = filetypeStream
	binary.LittleEndian.PutUint64(b[8:], uint64(f.number)+1) // inode: streams differ
	binary.LittleEndian.PutUint64(b[24:], 1)                 // links
	return c.put(c.u32(1), b[:])
}

func (c *wasiCall) put(at uint32, b []byte) errno {
	if !c.mem.Write(at, b) {
		return errFault
	}
	return ok
}

func fdRead(c *wasiCall) errno {
	f := c.files.get(c.u32(0))
	switch {
	case f == nil:
		return errBadf
	case f.rights&rightRead == 0:
		return errNotcapable
	}
	buffers, e := c.vectors(c.u32(1), c.u32(2))
	if e != ok {
		return e
	}
	read := 0
	for _, b := range buffers {
		n := copy(b, c.files.input)
		c.files.input = c.files.input[n:]
		read += n
	}
	c.charge(c.ctx, uint64(read)+hostWorkCall*uint64(len(buffers)))
	if !c.mem.WriteUint32Le(c.u32(3), uint32(read)) {
		return errFault
	}
	return ok
}

func fdWrite(c *wasiCall) errno {
	f := c.files.get(c.u32(0))
	switch {
	case f == nil:
		return errBadf
	case f.rights&rightWrite == 0:
		return errNotcapable
	}
	buffers, e := c.vectors(c.u32(1), c.u32(2))
	if e != ok {
		return e
	}
	written := uint64(0)
	for _, b := range buffers {
		// A guest may name the same bytes in every vector: the count is
		// 32 bits wide, so what does not fit into it is not taken.
		if written+uint64(len(b)) > 1<<31 {
			break
		}
		c.charge(c.ctx, uint64(len(b)))
		c.write(f, b)
		written += uint64(len(b))
	}
	if !c.mem.WriteUint32Le(c.u32(3), uint32(written)) {
		return errFault
	}
	return ok
}

// write takes bytes for a stream: a command's stdout is the output, all else
// is the log.
func (c *wasiCall) write(f *stream, b []byte) {
	if f.number == 1 && c.command && !c.starting {
		if len(c.files.output)+len(b) > c.limits.OutputBytes {
			c.end(outputTooLarge(c.limits.OutputBytes))
		}
		c.files.output = append(c.files.output, b...)
		return
	}
	c.log.write(f.number-1, b)
}

func outputTooLarge(limit int) *Stop {
	return &Stop{Reason: OutputTooLarge, Message: fmt.Sprintf("the output is larger than %d bytes", limit)}
}
