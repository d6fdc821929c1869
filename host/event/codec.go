package event

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

// Version is the version of the encoding that this package writes. It reads
// this one and all before it.
const Version = 1

// MaxEncodedBytes bounds one encoded event: two documents of the largest size (a
// call's request and its answer, or an output and MaxStoredBytes of values) and
// what is said around them.
const MaxEncodedBytes = 48 << 20

// MaxStoredBytes bounds what one success stores, as [StoredBytes] counts it.
const MaxStoredBytes = 20 << 20

// StoredBytes is the most that values to be stored take in an encoded event. Where
// there is an addition it is what is counted.
func StoredBytes(list []Stored) int {
	const around, escaped = len(`{"space":"","key":"","value":},`), len(`\u0000`)
	n := 0
	for _, s := range list {
		value := s.Value
		if !s.Add.IsZero() {
			value = s.Add
		}
		n += around + escaped*(len(s.Space)+len(s.Key)) + len(value.Bytes())
	}
	return n
}

// maxEncodedDepth leaves a document of the largest depth its room.
const maxEncodedDepth = 512 + 8

// usualBytes has room for most events without a large document.
const usualBytes = 512

// timeFormat writes whole microseconds, always six digits.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// ErrVersion means that an event was written by a later version of chainrun:
// use that one.
var ErrVersion = errors.New("unknown version of the event encoding")

// ErrType means that an event has a type that its version does not know.
var ErrType = errors.New("unknown type of event")

// envelope is the encoded form of every event: what it has is at the top level.
type envelope struct {
	Version int              `json:"version"`
	Type    Type             `json:"type"`
	Run     string           `json:"run"`
	Seq     uint64           `json:"seq"`
	Time    string           `json:"time"`
	Step    *string          `json:"step"`
	Node    *string          `json:"node"`
	Attempt *int             `json:"attempt"`
	Graph   *string          `json:"graph"`
	Plan    *string          `json:"plan"`
	Seed    *string          `json:"seed"`
	Input   json.RawMessage  `json:"input"`
	Output  json.RawMessage  `json:"output"`
	Failure *failure.Failure `json:"failure"`
	Fuel    *uint64          `json:"fuel"`
	Timer   *string          `json:"timer"`
	Reason  *string          `json:"reason"`
	Status  *Status          `json:"status"`
	// Since step_succeeded and signal_received.
	Parallel *int            `json:"parallel"`
	Document json.RawMessage `json:"document"`
	// Since capability_answered.
	Ordinal    *int            `json:"ordinal"`
	Capability *string         `json:"capability"`
	Method     *string         `json:"method"`
	Key        *string         `json:"key"`
	Request    json.RawMessage `json:"request"`
	Answer     json.RawMessage `json:"answer"`
	Usage      *Usage          `json:"usage"`
	Stored     []storedValue   `json:"stored"`
	// Since forks, the cache and engines.
	Engine   *string `json:"engine"`
	Cassette *bool   `json:"cassette"`
	Forked   *forked `json:"forked"`
	CacheKey *string `json:"cache_key"`
	From     *origin `json:"from"`
	Took     *int64  `json:"took_us"`
}

type forked struct {
	Run   *string         `json:"run"`
	Step  *string         `json:"step"`
	Input json.RawMessage `json:"input"`
	State []stateValue    `json:"state"`
}

type stateValue struct {
	Key   *string         `json:"key"`
	Value json.RawMessage `json:"value"`
}

type origin struct {
	Run     *string `json:"run"`
	Step    *string `json:"step"`
	Node    *string `json:"node"`
	Attempt *int    `json:"attempt"`
}

type storedValue struct {
	Space *string         `json:"space"`
	Key   *string         `json:"key"`
	Value json.RawMessage `json:"value"`
	Add   json.RawMessage `json:"add"`
}

// Encode gives the event as one JSON object. Documents stand in it byte for
// byte, so it may contain line breaks; [Line] does not. The same event always
// has the same encoding, and [Decode] gives the event back exactly.
//
// It refuses what could not be read again: text that is not UTF-8, a time that
// is not in whole microseconds of the years 0 to 9999, a document that is
// needed and absent.
func Encode(e Event) ([]byte, error) {
	return Append(make([]byte, 0, usualBytes), e)
}

// Append is [Encode] at the end of b, which it gives back longer. After an error there
// is nothing.
func Append(b []byte, e Event) ([]byte, error) {
	if e.Body == nil {
		return nil, errors.New("encoding event: it has no body")
	}
	w := writer{out: b}
	w.raw("{")
	w.integer("version", Version)
	w.text("type", string(e.Body.Type()))
	w.text("run", e.Run)
	w.number("seq", e.Seq)
	w.time(e.Time)
	w.body(e.Body)
	w.raw("}")
	if w.err == nil && len(w.out)-len(b) > MaxEncodedBytes {
		w.err = fmt.Errorf("it is larger than %d bytes", MaxEncodedBytes)
	}
	if w.err != nil {
		return nil, fmt.Errorf("encoding event %d (%s): %w", e.Seq, e.Body.Type(), w.err)
	}
	return w.out, nil
}

// Line gives the event as one line of JSON without the line break: what
// `--events` prints. Only the space inside its documents differs from [Encode].
func Line(e Event) ([]byte, error) {
	b, err := Encode(e)
	return oneLine(b), err
}

func oneLine(b []byte) []byte {
	for i, c := range b {
		if c == '\n' || c == '\r' {
			b[i] = ' ' // between tokens: inside a JSON string neither can stand
		}
	}
	return b
}

// TypePartial is the type that [PartialLine] writes. It is no type of an event.
const TypePartial = "capability_partial"

// PartialLine gives a part of an answer as one line of JSON without the line
// break: what `--events` prints between the events.
func PartialLine(p Partial) ([]byte, error) {
	w := writer{}
	w.raw("{")
	w.text("type", TypePartial)
	w.text("run", p.Run)
	w.attempt(p.Attempt)
	w.call(p.Ordinal, p.Capability, p.Method)
	w.document("document", p.Document)
	w.raw("}")
	if w.err != nil {
		return nil, fmt.Errorf("encoding a part of an answer: %w", w.err)
	}
	return oneLine(w.out), nil
}

// writer builds an encoded event. The first error stays.
type writer struct {
	out []byte
	err error
}

func (w *writer) raw(s string) { w.out = append(w.out, s...) }

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *writer) key(key string) {
	if n := len(w.out); n > 0 && w.out[n-1] != '{' {
		w.raw(",")
	}
	w.raw(`"`)
	w.raw(key)
	w.raw(`":`)
}

func (w *writer) text(key, s string) {
	if plain(s) {
		w.key(key)
		w.raw(`"`)
		w.raw(s)
		w.raw(`"`)
		return
	}
	if !utf8.ValidString(s) {
		w.fail("%s is not UTF-8", key)
	}
	w.value(key, s)
}

// plain says that a text is its own JSON string, between quotes: nearly all are,
// and each event has half a dozen.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// value writes what has a form of its own in JSON, as encoding/json does.
func (w *writer) value(key string, v any) {
	w.key(key)
	buf := bytes.NewBuffer(w.out)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		w.fail("%s: %w", key, err)
		return
	}
	w.out = buf.Bytes()[:buf.Len()-1] // without the line break
}

func (w *writer) number(key string, n uint64) {
	w.key(key)
	w.out = strconv.AppendUint(w.out, n, 10)
}

func (w *writer) integer(key string, n int) {
	w.key(key)
	w.out = strconv.AppendInt(w.out, int64(n), 10)
}

func (w *writer) time(t time.Time) {
	t = t.UTC()
	if t.Nanosecond()%1000 != 0 || t.Year() < 0 || t.Year() > 9999 {
		w.fail("its time is not in whole microseconds")
	}
	w.key("time")
	w.raw(`"`)
	w.out = t.AppendFormat(w.out, timeFormat)
	w.raw(`"`)
}

func (w *writer) document(key string, d document.Document) {
	if d.IsZero() {
		w.fail("%s is absent", key)
		return
	}
	w.key(key)
	w.out = append(slices.Grow(w.out, len(d.Bytes())+usualBytes/2), d.Bytes()...)
}

func (w *writer) failure(f failure.Failure) {
	texts := []string{string(f.Code), f.Reason, f.Message, f.Node, f.Step}
	for _, v := range f.Violations {
		texts = append(texts, v.Pointer, v.Keyword, v.Message, v.Found)
	}
	if slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }) {
		w.fail("its failure is not UTF-8")
	}
	w.value("failure", f)
}

func (w *writer) attempt(a Attempt) {
	w.text("step", a.Step)
	w.text("node", a.Node)
	w.integer("attempt", a.Number)
}

func (w *writer) call(ordinal int, capability, method string) {
	w.integer("ordinal", ordinal)
	w.text("capability", capability)
	w.text("method", method)
}

func (w *writer) stored(list []Stored) {
	if len(list) == 0 {
		return
	}
	w.key("stored")
	for i, s := range list {
		if i == 0 {
			w.raw("[{")
		} else {
			w.raw(",{")
		}
		w.text("space", s.Space)
		w.text("key", s.Key)
		if !s.Value.IsZero() {
			w.document("value", s.Value)
		}
		if !s.Add.IsZero() {
			if err := s.check(); err != nil {
				w.fail("%w", err)
			}
			w.document("add", s.Add)
		}
		w.raw("}")
	}
	w.raw("]")
}

func (w *writer) answered(b CapabilityAnswered) {
	w.attempt(b.Attempt)
	w.call(b.Ordinal, b.Capability, b.Method)
	w.text("key", b.Key)
	if !b.Request.IsZero() {
		w.document("request", b.Request)
	}
	if !b.Answer.IsZero() {
		w.document("answer", b.Answer)
	}
	if b.Failure != nil {
		w.failure(*b.Failure)
	}
	if !b.Usage.Valid() {
		w.fail("its usage is negative")
	}
	w.key("usage")
	w.out = b.Usage.appendTo(w.out)
	if b.Took < 0 || b.Took%time.Microsecond != 0 {
		w.fail("what it took is not in whole microseconds")
	}
	if b.Took > 0 {
		w.number("took_us", uint64(b.Took.Microseconds()))
	}
}

func (w *writer) optional(key, s string) {
	if s != "" {
		w.text(key, s)
	}
}

func (w *writer) mark(key string, yes bool) {
	if yes {
		w.key(key)
		w.raw("true")
	}
}

func (w *writer) forked(f *Forked) {
	if f == nil {
		return
	}
	w.key("forked")
	w.raw("{")
	w.text("run", f.Run)
	w.text("step", f.Step)
	if !f.Input.IsZero() {
		w.document("input", f.Input)
	}
	for i, v := range f.State {
		if i == 0 {
			w.key("state")
			w.raw("[{")
		} else {
			w.raw(",{")
		}
		w.text("key", v.Key)
		w.document("value", v.Value)
		w.raw("}")
	}
	if len(f.State) > 0 {
		w.raw("]")
	}
	w.raw("}")
}

func (w *writer) from(o *Origin) {
	if o == nil {
		return
	}
	w.key("from")
	w.raw("{")
	w.text("run", o.Run)
	w.attempt(o.Attempt)
	w.raw("}")
}

func (w *writer) body(body Body) {
	switch b := body.(type) {
	case RunStarted:
		w.text("graph", b.Graph)
		w.text("plan", b.Plan)
		w.text("seed", hex.EncodeToString(b.Seed[:]))
		w.document("input", b.Input)
		if b.Parallel != 0 {
			w.integer("parallel", b.Parallel)
		}
		w.optional("engine", b.Engine)
		w.mark("cassette", b.Cassette)
		w.forked(b.Forked)
	case AttemptStarted:
		w.attempt(b.Attempt)
	case AttemptSucceeded:
		w.attempt(b.Attempt)
		w.number("fuel", b.Fuel)
		w.document("output", b.Output)
		w.stored(b.Stored)
		w.optional("cache_key", b.CacheKey)
		w.from(b.From)
	case AttemptFailed:
		w.attempt(b.Attempt)
		w.number("fuel", b.Fuel)
		w.failure(b.Failure)
		if !b.Output.IsZero() {
			w.document("output", b.Output)
		}
		w.from(b.From)
	case StepSkipped:
		w.text("step", b.Step)
		w.text("node", b.Node)
	case StepFailed:
		w.text("step", b.Step)
		w.text("node", b.Node)
		w.failure(b.Failure)
	case StepSucceeded:
		w.text("step", b.Step)
		w.text("node", b.Node)
	case CapabilityAnswered:
		w.answered(b)
	case SignalReceived:
		w.text("step", b.Step)
		w.document("document", b.Document)
	case TimerFired:
		w.text("timer", b.Timer)
	case CancelRequested:
		w.text("reason", b.Reason)
	case RunResumed:
		w.optional("engine", b.Engine)
		w.mark("cassette", b.Cassette)
	case RunFinished:
		w.text("status", string(b.Status))
		if b.Failure != nil {
			w.failure(*b.Failure)
		}
		if !b.Output.IsZero() {
			w.document("output", b.Output)
		}
	default:
		w.fail("%w", ErrType)
	}
}
