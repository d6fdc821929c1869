package archive

// A run becomes text.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// Write writes a run. The same run always has the same text: UTF-8, in lines. What
// could not be read again, such as events with gaps, is refused before anything of
// it is written; an error of w leaves a part that [Read] refuses.
func Write(w io.Writer, r Run) error {
	if err := write(w, r); err != nil {
		return fmt.Errorf("exporting run %q: %w", r.ID, err)
	}
	return nil
}

func write(to io.Writer, r Run) error {
	if err := r.check(); err != nil {
		return err
	}
	if len(r.Events) > maxEvents {
		return fmt.Errorf("it has %d events; at most %d can be exported", len(r.Events), maxEvents)
	}
	head := header{Format: format, Version: Version, Run: r.ID, Events: len(r.Events)}
	var contents []journal.Source
	if r.Made != nil {
		n := len(r.Made.Files)
		if n > maxFiles {
			return fmt.Errorf("it was made of %d files; at most %d can be exported", n, maxFiles)
		}
		head.Files = &n
		seen := map[[sha256.Size]byte]bool{}
		for _, f := range r.Made.Files {
			if seen[f.Digest] {
				continue
			}
			if sha256.Sum256(f.Content) != f.Digest {
				return fmt.Errorf("%s %q is not what its digest says", f.Kind, f.Name)
			}
			seen[f.Digest] = true
			contents = append(contents, f)
		}
		head.Contents = len(contents)
	}
	buffered := bufio.NewWriterSize(to, 1<<16)
	l := liner{to: buffered, sum: sha256.New()}
	l.line(head)
	for _, f := range contents {
		l.content(f)
	}
	if r.Made != nil {
		for _, f := range r.Made.Files {
			l.line(file{f.Kind, f.Name, hex.EncodeToString(f.Digest[:])})
		}
	}
	for _, e := range r.Events {
		l.event(e)
	}
	l.line(trailer{hex.EncodeToString(l.sum.Sum(nil))})
	if l.err != nil {
		return l.err
	}
	return buffered.Flush()
}

// liner writes lines until one fails.
type liner struct {
	to  io.Writer
	sum hash.Hash
	err error
}

func (l *liner) line(v any) {
	if l.err != nil {
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if l.err = e.Encode(v); l.err == nil { // with the line's end
		l.raw(b.Bytes())
	}
}

func (l *liner) raw(parts ...[]byte) {
	for _, b := range parts {
		if l.err == nil {
			_, l.err = l.to.Write(b)
			l.sum.Write(b)
		}
	}
}

func (l *liner) content(f journal.Source) {
	digest, rest := hex.EncodeToString(f.Digest[:]), f.Content
	for more := true; more; {
		n := min(len(rest), maxPieceBytes)
		more = n < len(rest)
		l.line(piece{digest, base64.StdEncoding.EncodeToString(rest[:n]), more})
		rest = rest[n:]
	}
}

// event writes an event's encoding as it is, or as a text where it has line breaks,
// which stand between the parts of its documents: a document is kept byte for byte.
func (l *liner) event(e event.Event) {
	if l.err != nil {
		return
	}
	b, err := event.Encode(e)
	switch {
	case err != nil:
		l.err = err
	case bytes.ContainsAny(b, "\r\n"):
		l.line(struct {
			Text string `json:"text"`
		}{string(b)})
	default:
		l.raw([]byte(`{"event":`), b, []byte("}\n"))
	}
}
