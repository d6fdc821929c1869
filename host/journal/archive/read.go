package archive

// Text becomes a run. It comes from anywhere: nothing in it is believed.

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// Read reads what [Write] has written, also where it was compressed by gzip. The
// errors of what is not that wrap [ErrFormat], [ErrVersion], [event.ErrVersion] (both
// mean a later version), [ErrDamaged] or [ErrTooLarge]; others are those of r.
func Read(r io.Reader) (Run, error) { return ReadAtMost(r, DefaultMaxBytes) }

// ReadAtMost is Read with another bound on the length of the text, in bytes and not
// compressed. What it takes of memory is a small multiple of what it has read.
func ReadAtMost(r io.Reader, maxBytes int64) (Run, error) {
	run, err := read(r, maxBytes)
	if err != nil {
		return Run{}, fmt.Errorf("reading an exported run: %w", err)
	}
	return run, nil
}

func read(from io.Reader, maxBytes int64) (Run, error) {
	in := bufio.NewReaderSize(from, 1<<16)
	if begin, _ := in.Peek(2); bytes.Equal(begin, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return Run{}, broken(err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	l := lines{in: in, left: maxBytes, sum: sha256.New()}
	run, err := l.run()
	if err != nil && l.number > 1 {
		return Run{}, fmt.Errorf("line %d: %w", l.number, err)
	}
	return run, err
}

// broken makes an error of reading one of this package where the text is to blame.
func broken(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// lines reads the text line by line.
type lines struct {
	in     *bufio.Reader
	left   int64 // how many bytes may still come
	sum    hash.Hash
	number int // of the last line, from 1
	buf    []byte
}

// next gives a line without its end; valid until the one after it.
func (l *lines) next() ([]byte, error) {
	l.number++
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if l.left -= int64(len(part)); l.left < 0 {
			return nil, fmt.Errorf("%w: it is longer than it may be", ErrTooLarge)
		}
		if len(l.buf)+len(part) > maxLineBytes {
			return nil, fmt.Errorf("%w: a line has more than %d bytes", ErrTooLarge, maxLineBytes)
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil:
			return l.buf[:len(l.buf)-1], nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it was cut off", ErrDamaged)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, broken(err)
		}
	}
}

// object reads the next line into v, strictly, and counts it into the digest.
func (l *lines) object(v any) error {
	b, err := l.next()
	if err != nil {
		return err
	}
	l.sum.Write(l.buf)
	if err := strict(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// strict decodes an object that has nothing but the members of v, each once and with
// its letters as they are: encoding/json takes "EVENT" for "event", and other readers of
// the text do not.
func strict(b []byte, v any) error {
	read, err := document.Parse(b, document.Limits{Bytes: maxLineBytes, Depth: document.MaxDepth})
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(b, []byte("{")) {
		return errors.New("it is no object")
	}
	for _, f := range read.Fields() {
		if strings.ContainsFunc(f.Key, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
			return fmt.Errorf("there is no member %.32q", f.Key)
		}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (l *lines) run() (r Run, err error) {
	head, err := l.header()
	if err != nil {
		return r, err
	}
	r.ID = head.Run
	if r.Made, err = l.sources(head); err != nil {
		return r, err
	}
	for range head.Events {
		e, err := l.event()
		if err != nil {
			return r, err
		}
		r.Events = append(r.Events, e)
	}
	// The one line that no digest guards is compared as a whole.
	want, err := json.Marshal(trailer{hex.EncodeToString(l.sum.Sum(nil))})
	if err != nil {
		return r, err
	}
	if end, err := l.next(); err != nil {
		return r, err
	} else if !bytes.Equal(end, want) {
		return r, fmt.Errorf("%w: its digest is another", ErrDamaged)
	}
	switch _, err := l.in.ReadByte(); {
	case err == nil:
		return r, fmt.Errorf("%w: something follows its end", ErrDamaged)
	case !errors.Is(err, io.EOF):
		return r, broken(err)
	}
	if err := r.check(); err != nil {
		return r, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return r, nil
}

// header reads the first line: what does not begin like an exported run is none.
func (l *lines) header() (head header, err error) {
	begin, _ := l.in.Peek(len(`{"format":"` + format + `"`))
	if string(begin) != `{"format":"`+format+`"` {
		return head, ErrFormat
	}
	b, err := l.next()
	if err != nil {
		return head, err
	}
	l.sum.Write(l.buf)
	var of struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(b, &of) == nil && of.Version > Version {
		return head, fmt.Errorf("%w: its version is %d, this chainrun knows %d", ErrVersion, of.Version, Version)
	}
	err = strict(b, &head)
	files := 0
	if head.Files != nil {
		files = *head.Files
	}
	switch {
	case err != nil:
	case head.Version != Version:
		err = fmt.Errorf("there is no version %d", head.Version)
	case head.Events < 1 || head.Events > maxEvents:
		err = fmt.Errorf("%d is no number of events", head.Events)
	case files < 0 || files > maxFiles:
		err = fmt.Errorf("%d is no number of files", files)
	case head.Contents < 0 || head.Contents > files:
		err = fmt.Errorf("%d files have %d contents", files, head.Contents)
	}
	if err != nil {
		return head, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return head, nil
}

// sources reads what the run was made of.
func (l *lines) sources(head header) (*journal.Sources, error) {
	contents := map[string][]byte{}
	for range head.Contents {
		digest, content, err := l.content()
		if err != nil {
			return nil, err
		}
		if _, ok := contents[digest]; ok {
			return nil, fmt.Errorf("%w: this content was there before", ErrDamaged)
		}
		contents[digest] = content
	}
	if head.Files == nil {
		return nil, nil //nolint:nilnil // it is not known
	}
	var files []journal.Source
	named := map[string]bool{}
	for range *head.Files {
		var f file
		if err := l.object(&f); err != nil {
			return nil, err
		}
		content, ok := contents[f.Digest]
		if !ok {
			return nil, fmt.Errorf("%w: there is no content of %q", ErrDamaged, f.Name)
		}
		switch f.Kind {
		case journal.SourceGraph, journal.SourceFile, journal.SourceModule:
		default:
			return nil, fmt.Errorf("%w: %q is no kind of file", ErrDamaged, f.Kind)
		}
		named[f.Digest] = true
		files = append(files, journal.Source{Kind: f.Kind, Name: f.Name, Content: content})
	}
	if len(named) != len(contents) {
		return nil, fmt.Errorf("%w: there is content that no file has", ErrDamaged)
	}
	made, err := journal.NewSources(files)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return made, nil
}

// content reads one file's bytes.
func (l *lines) content() (digest string, content []byte, err error) {
	for first := true; ; first = false {
		var p piece
		if err := l.object(&p); err != nil {
			return "", nil, err
		}
		b, err := base64.StdEncoding.Strict().DecodeString(p.Content)
		switch {
		case err != nil:
			return "", nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		case !first && p.Digest != digest:
			return "", nil, fmt.Errorf("%w: the rest of %.64s is missing", ErrDamaged, digest)
		case p.More && len(b) != maxPieceBytes, !p.More && !first && len(b) == 0, len(b) > maxPieceBytes:
			return "", nil, fmt.Errorf("%w: this piece of a file has %d bytes", ErrDamaged, len(b))
		}
		digest, content = p.Digest, append(content, b...)
		if p.More {
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != digest {
			return "", nil, fmt.Errorf("%w: the content has another digest", ErrDamaged)
		}
		return digest, content, nil
	}
}

// event reads one event.
func (l *lines) event() (event.Event, error) {
	var v struct {
		Event json.RawMessage `json:"event"`
		Text  *string         `json:"text"`
	}
	if err := l.object(&v); err != nil {
		return event.Event{}, err
	}
	b := []byte(v.Event)
	if v.Text != nil {
		if v.Event != nil {
			return event.Event{}, fmt.Errorf("%w: it has two events", ErrDamaged)
		}
		b = []byte(*v.Text)
	}
	e, err := event.Decode(b)
	if errors.Is(err, event.ErrVersion) || errors.Is(err, event.ErrType) {
		return e, err
	}
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	// Another encoding of it would have another hash, and may say something else to
	// whoever reads it with other tools.
	if again, err := event.Encode(e); err != nil || !bytes.Equal(again, b) {
		return e, fmt.Errorf("%w: event %d is not as chainrun writes it", ErrDamaged, e.Seq)
	}
	return e, nil
}
