// Package cassette keeps the answers that a run's nodes got from the world, so
// that the run can be made again without it: offline, in a test, on another
// machine.
//
// A cassette is a text file of JSON lines. The first names the format; each
// further one is a call with its answer, in the order in which they were
// recorded:
//
//	{"chainrun_cassette":1,"graph":"triage"}
//	{"step":"extract#0","attempt":1,"ordinal":1,"capability":"llm","method":"chat","request":{…},"answer":{…},"usage":{…}}
//
// A call is found again by step, attempt and ordinal; capability, method and
// request must be the recorded ones, as documents: the space between tokens and
// the order of members do not count. Secrets were taken out before anything was
// recorded.
//
// An attempt that was ended from outside, perhaps in a call that is therefore not
// there, has a line of its own: {"step":"extract#3","attempt":1,"ended":"canceled"}.
package cassette

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// Version is the version of the format that this package writes and reads.
const Version = 1

const (
	maxBytes     = 256 << 20
	maxLineBytes = event.MaxEncodedBytes + document.DefaultBytes // an answer_text is up to twice its answer
	maxCalls     = 1_000_000
	// maxLineDepth leaves a document of the largest depth its room.
	maxLineDepth = document.DefaultDepth + 8
)

// header is the first line.
type header struct {
	Version int    `json:"chainrun_cassette"`
	Graph   string `json:"graph"`
}

// line is one call.
type line struct {
	Step       string            `json:"step"`
	Attempt    int               `json:"attempt"`
	Ordinal    int               `json:"ordinal"`
	Capability string            `json:"capability"`
	Method     string            `json:"method"`
	Request    document.Document `json:"request,omitzero"`
	Answer     document.Document `json:"answer,omitzero"`
	// AnswerText is the answer where there is space between its tokens: a node
	// must see it byte for byte, or it would use other fuel.
	AnswerText string           `json:"answer_text,omitempty"`
	Failure    *failure.Failure `json:"failure,omitempty"`
	Usage      usage            `json:"usage"`
}

type usage struct {
	Bytes        int64 `json:"bytes,omitempty"`
	InputTokens  int64 `json:"input_tokens,omitempty"`
	OutputTokens int64 `json:"output_tokens,omitempty"`
	Cost         int64 `json:"cost_billionths,omitempty"`
}

// end is an attempt that was ended from outside.
type end struct {
	Step    string       `json:"step"`
	Attempt int          `json:"attempt"`
	Ended   failure.Code `json:"ended"`
}

// outside are the codes of attempts that did not end by themselves.
var outside = []failure.Code{failure.Canceled, failure.Deadline, failure.Timeout, failure.Budget, failure.MaxSteps}

// Writer records a run. Its methods are called one at a time, as observers of a
// run are.
type Writer struct {
	w   *bufio.Writer
	err error
}

// NewWriter begins a cassette of a run of the graph of this name.
func NewWriter(w io.Writer, graph string) *Writer {
	r := &Writer{w: bufio.NewWriter(w)}
	r.line(header{Version, graph})
	return r
}

// Observe records the event if it is a call that went to a capability, or the end
// of an attempt that came from outside. What the host itself refused is not
// recorded: it refuses that again.
func (r *Writer) Observe(e event.Event) {
	if f, ok := e.Body.(event.AttemptFailed); ok && slices.Contains(outside, f.Failure.Code) {
		r.line(end{f.Step, f.Number, f.Failure.Code})
	}
	c, ok := e.Body.(event.CapabilityAnswered)
	if !ok || c.Usage.Calls == 0 {
		return
	}
	l := line{
		Step: c.Step, Attempt: c.Number, Ordinal: c.Ordinal, Capability: c.Capability, Method: c.Method,
		Request: c.Request, Answer: c.Answer, Failure: c.Failure,
		Usage: usage{c.Usage.Bytes, c.Usage.InputTokens, c.Usage.OutputTokens, c.Usage.Cost},
	}
	if !compact(c.Answer) {
		l.Answer, l.AnswerText = document.Document{}, string(c.Answer.Bytes())
	}
	r.line(l)
}

// compact reports whether a document has no space between its tokens.
func compact(d document.Document) bool {
	var b bytes.Buffer
	return d.IsZero() || json.Compact(&b, d.Bytes()) == nil && b.Len() == len(d.Bytes())
}

// Close writes what is left and says the first thing that went wrong. It does not
// close what it writes to.
func (r *Writer) Close() error {
	if r.err == nil {
		r.err = r.w.Flush()
	}
	if r.err != nil {
		return fmt.Errorf("writing the cassette: %w", r.err)
	}
	return nil
}

func (r *Writer) line(v any) {
	if r.err != nil {
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if r.err = e.Encode(v); r.err == nil { // ends in a line break
		_, r.err = r.w.Write(b.Bytes())
	}
}

// Cassette is a recorded run. Read-only and safe for concurrent use.
type Cassette struct {
	Graph string // the name of the graph that was recorded
	calls map[place]line
	ended map[place]failure.Code // ordinal 0
}

// place is where a call stands in a run.
type place struct {
	step             string
	attempt, ordinal int
}

// FormatError says where a file is no cassette.
type FormatError struct {
	Line int // from 1
	Text string
}

// Error implements error.
func (e *FormatError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// Read reads a cassette. The error is a [*FormatError] where its text is wrong.
func Read(r io.Reader) (*Cassette, error) {
	limited := &io.LimitedReader{R: r, N: maxBytes + 1}
	scanner := bufio.NewScanner(limited)
	scanner.Buffer(make([]byte, 64<<10), maxLineBytes)
	c := &Cassette{calls: map[place]line{}, ended: map[place]failure.Code{}}
	n := 0
	for scanner.Scan() {
		n++
		if err := c.read(n, scanner.Bytes()); err != nil {
			return nil, &FormatError{n, err.Error()}
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, &FormatError{n + 1, fmt.Sprintf("longer than %d bytes", maxLineBytes)}
	case err != nil:
		return nil, fmt.Errorf("reading the cassette: %w", err)
	case limited.N == 0:
		return nil, &FormatError{n, fmt.Sprintf("the cassette is larger than %d bytes", maxBytes)}
	case n == 0:
		return nil, &FormatError{1, "the cassette is empty; a run with --record writes one"}
	}
	return c, nil
}

func (c *Cassette) read(n int, text []byte) error {
	// Strict, as every document is: no key twice, no invalid UTF-8.
	if _, err := document.Parse(text, document.Limits{Bytes: maxLineBytes, Depth: maxLineDepth}); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if n == 1 {
		var h header
		if err := d.Decode(&h); err != nil || h.Version == 0 {
			return errors.New(`this is no cassette: expected {"chainrun_cassette":1, …}`)
		}
		if h.Version != Version {
			return fmt.Errorf("version %d of the format is unknown; this program reads version %d", h.Version, Version)
		}
		c.Graph = h.Graph
		return nil
	}
	var l struct {
		line
		Ended failure.Code `json:"ended"`
	}
	if err := d.Decode(&l); err != nil {
		return err
	}
	at := place{l.Step, l.Attempt, l.Ordinal}
	if l.Ended != "" {
		return c.readEnd(at, l.Ended)
	}
	switch _, twice := c.calls[at]; {
	case twice:
		return fmt.Errorf("step %q, attempt %d has its call %d twice", l.Step, l.Attempt, l.Ordinal)
	case l.AnswerText != "" && !l.Answer.IsZero(), l.Failure != nil && (l.AnswerText != "" || !l.Answer.IsZero()):
		return errors.New("a call has one of answer, answer_text and failure")
	case l.Failure != nil && !l.Failure.Code.Known():
		return fmt.Errorf("failure code %q is not known", l.Failure.Code)
	case l.Usage.Bytes < 0 || l.Usage.InputTokens < 0 || l.Usage.OutputTokens < 0 || l.Usage.Cost < 0:
		return errors.New("the usage is negative")
	case len(c.calls) == maxCalls:
		return fmt.Errorf("more than %d calls", maxCalls)
	}
	// The lines share one buffer.
	l.Request, l.Answer = clone(l.Request), clone(l.Answer)
	if l.AnswerText != "" {
		d, err := document.Parse([]byte(l.AnswerText), document.Limits{Bytes: maxLineBytes})
		if err != nil {
			return fmt.Errorf("answer_text: %w", err)
		}
		l.Answer, l.AnswerText = d, ""
	}
	for _, d := range []document.Document{l.Request, l.Answer} {
		if err := d.Within(document.Limits{Bytes: maxLineBytes}); err != nil {
			return err
		}
	}
	c.calls[at] = l.line
	return nil
}

func (c *Cassette) readEnd(at place, code failure.Code) error {
	switch _, twice := c.ended[at]; {
	case at.ordinal != 0:
		return errors.New("an attempt's end is no call: it has no ordinal")
	case twice:
		return fmt.Errorf("step %q, attempt %d ends twice", at.step, at.attempt)
	case !slices.Contains(outside, code):
		return fmt.Errorf("an attempt does not end from outside with code %q", code)
	case len(c.ended) == maxCalls:
		return fmt.Errorf("more than %d attempts that ended from outside", maxCalls)
	}
	c.ended[at] = code
	return nil
}

func clone(d document.Document) document.Document {
	if d.IsZero() {
		return d
	}
	return document.Trusted(bytes.Clone(d.Bytes()))
}

// Answer completes a call with what was recorded. A failure with another code than
// those of capabilities says how the attempt was ended there, from outside. The
// error is a [*DivergedError].
func (c *Cassette) Answer(asked event.CapabilityAnswered) (event.CapabilityAnswered, error) {
	l, ok := c.calls[place{asked.Step, asked.Number, asked.Ordinal}]
	ended := c.ended[place{asked.Step, asked.Number, 0}]
	switch {
	case !ok && ended != "":
		asked.Failure = &failure.Failure{Code: ended, Message: "the recorded attempt was ended here"}
		asked.Usage.Calls = 1
		return asked, nil
	case !ok:
		return asked, &DivergedError{Asked: asked}
	case l.Capability != asked.Capability || l.Method != asked.Method || !same(l.Request, asked.Request):
		recorded := asked
		recorded.Capability, recorded.Method, recorded.Request = l.Capability, l.Method, l.Request
		return asked, &DivergedError{Asked: asked, Recorded: &recorded}
	}
	asked.Answer, asked.Failure = l.Answer, l.Failure
	asked.Usage = event.Usage{
		Calls: 1, Bytes: l.Usage.Bytes, InputTokens: l.Usage.InputTokens, OutputTokens: l.Usage.OutputTokens, Cost: l.Usage.Cost,
	}
	return asked, nil
}

func same(a, b document.Document) bool {
	return a.IsZero() == b.IsZero() && (a.IsZero() || a.Equal(b))
}
