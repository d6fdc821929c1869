package sandbox

// The guest's log: lines of stderr and records of node.log, cut at a cap.

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// tailBytes is how much of stderr explains an exit code or a trap, keptBytes how
// much is kept to find it in: a dump of goroutines may come after it.
const (
	tailBytes = 1 << 10
	keptBytes = 16 << 10
)

// logRecordBytes is what a record costs besides its text, so that a flood of
// empty lines is bounded too.
const logRecordBytes = 8

// A logWriter turns what a guest writes into records.
type logWriter struct {
	sink      func(LogRecord) // may be nil
	err       error           // a panic of the caller's sink
	left      int             // bytes
	truncated bool
	lines     [2][]byte // unfinished lines of stdout and stderr
	tail      []byte    // the end of stderr
}

// write takes a piece of stream 0 (stdout of a reactor) or 1 (stderr).
func (w *logWriter) write(stream int, p []byte) {
	if stream == 1 {
		w.remember(p)
	}
	for len(p) > 0 && !w.full() {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		// More than is left cannot be shown; do not hold it either.
		if room := w.left - len(w.lines[stream]); len(line) > room {
			line = line[:max(0, room)]
			w.truncated = true
			ended = true
		}
		w.lines[stream] = append(w.lines[stream], line...)
		if ended {
			w.flush(stream)
		}
		p = rest
	}
	if len(p) > 0 {
		w.truncated = true
	}
}

// goTrace is how the dump of goroutines begins that Go writes after the reason of
// a panic. All of it is in the log; a failure has the functions of the author's.
var goTrace = regexp.MustCompile(`(?m)^(?:goroutine \d|runtime stack:)`)

// remember keeps the end of stderr. It is called for every piece of a flood:
// what it holds is only cut when it is twice too long.
func (w *logWriter) remember(p []byte) {
	w.tail = append(w.tail, p[max(0, len(p)-keptBytes):]...)
	if over := len(w.tail) - keptBytes; over > keptBytes {
		w.tail = w.tail[:copy(w.tail, w.tail[over:])]
	}
}

// record takes a record of node.log.
func (w *logWriter) record(r LogRecord) {
	if w.full() {
		w.truncated = true
		return
	}
	if size := len(r.Message) + len(r.Attrs); size > w.left {
		w.truncated = true
		r.Attrs = nil
		r.Message = r.Message[:min(len(r.Message), w.left)]
	}
	r.Message = strings.ToValidUTF8(r.Message, string(utf8.RuneError))
	w.left -= len(r.Message) + len(r.Attrs) + logRecordBytes
	if w.sink != nil {
		w.hand(r)
	}
}

// hand gives a record to the caller's sink and keeps a panic of it from looking like a
// trap of the guest. The attempt goes on without a log; its result is the error.
func (w *logWriter) hand(r LogRecord) {
	defer func() {
		if p := recover(); p != nil {
			w.sink, w.err = nil, fmt.Errorf("logging for the node: panic: %v", p)
		}
	}()
	w.sink(r)
}

func (w *logWriter) full() bool { return w.left <= 0 }

func (w *logWriter) flush(stream int) {
	line := bytes.TrimSuffix(w.lines[stream], []byte{'\r'})
	w.record(LogRecord{Level: "info", Message: string(line)})
	w.lines[stream] = w.lines[stream][:0]
}

// close hands over lines without an end.
func (w *logWriter) close() {
	for stream, line := range w.lines {
		if len(line) > 0 {
			w.flush(stream)
		}
	}
}

// lastWords gives the end of stderr as text.
func (w *logWriter) lastWords() string {
	words := w.tail[max(0, len(w.tail)-keptBytes):]
	stack := ""
	if at := goTrace.FindIndex(words); at != nil {
		if stack = goStack(strings.ToValidUTF8(string(words[at[0]:]), "")); stack != "" {
			stack = "; at " + stack
		}
		words = words[:at[0]]
	}
	words = words[max(0, len(words)-tailBytes):]
	return strings.TrimSpace(strings.ToValidUTF8(string(words), "")) + stack
}
