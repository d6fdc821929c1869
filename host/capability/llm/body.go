package llm

// This file bounds the bodies of answers.

import (
	"bytes"
	"errors"
	"io"
)

// errTooLarge is an answer beyond its bound.
var errTooLarge = errors.New("the answer is larger than its bound")

// boundedBody ends an answer that is too large: as a whole, or one event of it.
type boundedBody struct {
	rc     io.ReadCloser
	total  int64
	event  int64 // 0: no events
	since  int64 // bytes of the event so far
	blank  bool  // the line so far is empty
	tail   []byte
	broken error
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.broken != nil {
		return 0, b.broken
	}
	n, err := b.rc.Read(p)
	b.total -= int64(n)
	if b.event > 0 {
		b.count(p[:n])
		b.tail = append(b.tail, p[max(0, n-32):n]...)
		b.tail = b.tail[max(0, len(b.tail)-32):]
	}
	if b.total < 0 || b.event > 0 && b.since > b.event {
		b.broken = errTooLarge
		return 0, b.broken
	}
	if err != nil {
		b.broken = err
	}
	return n, err
}

// count finds the empty lines that end events.
func (b *boundedBody) count(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			b.since += int64(len(p))
			b.blank = b.blank && len(bytes.Trim(p, "\r")) == 0
			return
		}
		b.since += int64(i) + 1
		if b.blank && len(bytes.Trim(p[:i], "\r")) == 0 {
			b.since = 0
		}
		b.blank = true
		p = p[i+1:]
	}
}

// Close implements io.Closer.
func (b *boundedBody) Close() error { return b.rc.Close() }

// done says whether the last thing that was read is the end that OpenAI's
// streams have.
func (b *boundedBody) done() bool { return b != nil && bytes.Contains(b.tail, []byte("[DONE]")) }
