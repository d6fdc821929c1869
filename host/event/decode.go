package event

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/chainrun/chainrun/host/document"
)

// Decode reads one encoded event. It takes bytes from anywhere: what is not an
// event of a known version and type, with all that the type has and nothing
// else, is an error ([ErrVersion], [ErrType], or one that says what is wrong).
func Decode(b []byte) (Event, error) {
	e, err := decode(b)
	if err != nil {
		return Event{}, fmt.Errorf("decoding event: %w", err)
	}
	return e, nil
}

func decode(b []byte) (Event, error) {
	// The strict parser first: encoding/json lets doubled keys and broken text
	// pass.
	if _, err := document.Parse(b, document.Limits{Bytes: MaxEncodedBytes, Depth: maxEncodedDepth}); err != nil {
		return Event{}, err
	}
	var kind struct {
		Version int  `json:"version"`
		Type    Type `json:"type"`
	}
	if err := json.Unmarshal(b, &kind); err != nil {
		return Event{}, err
	}
	if kind.Version != Version {
		return Event{}, fmt.Errorf("%w: %d (known: %d)", ErrVersion, kind.Version, Version)
	}
	var v envelope
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return Event{}, err
	}
	at, err := time.Parse(timeFormat, v.Time)
	if err != nil {
		return Event{}, fmt.Errorf("time: %w", err)
	}
	if v.Failure != nil && len(v.Failure.Violations) == 0 {
		v.Failure.Violations = nil
	}
	r := reader{v: &v}
	e := Event{Run: v.Run, Seq: v.Seq, Time: at, Body: r.body()}
	if r.err != nil {
		return Event{}, r.err
	}
	if left := v.unused(); left != "" {
		return Event{}, fmt.Errorf("%s has no %q", v.Type, left)
	}
	return e, nil
}

// reader takes an envelope apart. What it has taken is nil afterwards; the
// first error stays.
type reader struct {
	v   *envelope
	err error
}

// take moves a member out of the envelope.
func take[T any](r *reader, key string, member **T) T {
	var none T
	if *member == nil {
		r.fail(key)
		return none
	}
	value := **member
	*member = nil
	return value
}

func (r *reader) fail(key string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s needs %q", r.v.Type, key)
	}
}

// document moves a document out of the envelope; an absent one is an error
// where it is needed.
func (r *reader) document(key string, raw *json.RawMessage, needed bool) document.Document {
	if *raw == nil {
		if needed {
			r.fail(key)
		}
		return document.Document{}
	}
	d, err := document.Parse(*raw, document.Limits{Bytes: MaxEncodedBytes, Depth: maxEncodedDepth})
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w", key, err)
	}
	*raw = nil
	return d
}

func (r *reader) attempt() Attempt {
	return Attempt{
		Step:   take(r, "step", &r.v.Step),
		Node:   take(r, "node", &r.v.Node),
		Number: take(r, "attempt", &r.v.Attempt),
	}
}

func (r *reader) seed() Seed {
	var seed Seed
	text := take(r, "seed", &r.v.Seed)
	if n, err := hex.Decode(seed[:], []byte(text[:min(len(text), 2*len(seed))])); r.err == nil && (err != nil || n != len(seed) || len(text) != 2*n) {
		r.err = fmt.Errorf("seed: it is not %d bytes in hexadecimal digits", len(seed))
	}
	return seed
}

func (r *reader) status() Status {
	s := take(r, "status", &r.v.Status)
	switch s {
	case Done, Failed, Canceled:
	default:
		if r.err == nil {
			r.err = fmt.Errorf("unknown status %q", s)
		}
	}
	return s
}

// stored moves the list of what is stored out of the envelope.
func (r *reader) stored() []Stored {
	var list []Stored
	for i := range r.v.Stored {
		s := &r.v.Stored[i]
		list = append(list, Stored{
			Space: take(r, "space", &s.Space),
			Key:   take(r, "key", &s.Key),
			Value: r.document("value", &s.Value, false),
			Add:   r.document("add", &s.Add, false),
		})
		if err := list[i].check(); err != nil && r.err == nil {
			r.err = err
		}
	}
	r.v.Stored = nil
	return list
}

// check says what is wrong with an addition.
func (s Stored) check() error {
	switch {
	case s.Add.IsZero():
		return nil
	case s.Add.Kind() != document.KindNumber:
		return fmt.Errorf("what is added to %q is no number", s.Key)
	case !s.Value.IsZero():
		return fmt.Errorf("%q is both stored and added to", s.Key)
	}
	return nil
}

// optional moves a text out of the envelope that is not written where it is empty.
func (r *reader) optional(key string, member **string) string {
	if *member == nil {
		return ""
	}
	s := take(r, key, member)
	if s == "" && r.err == nil {
		r.err = fmt.Errorf("%s is empty", key)
	}
	return s
}

// mark moves out of the envelope what is not written where it is false.
func (r *reader) mark(key string, member **bool) bool {
	if *member == nil {
		return false
	}
	yes := take(r, key, member)
	if !yes && r.err == nil {
		r.err = fmt.Errorf("%s is false", key)
	}
	return yes
}

func (r *reader) forked() *Forked {
	v := r.v.Forked
	if v == nil {
		return nil
	}
	r.v.Forked = nil
	f := &Forked{Run: take(r, "run", &v.Run), Step: take(r, "step", &v.Step), Input: r.document("input", &v.Input, false)}
	for i := range v.State {
		s := &v.State[i]
		f.State = append(f.State, document.Field{Key: take(r, "key", &s.Key), Value: r.document("value", &s.Value, true)})
		if i > 0 && f.State[i-1].Key >= f.State[i].Key && r.err == nil {
			r.err = fmt.Errorf("the state of a fork: %q is not sorted", f.State[i].Key)
		}
	}
	if f.Step == "" && (!f.Input.IsZero() || f.State != nil) && r.err == nil {
		r.err = errors.New("a fork without a step has neither input nor state")
	}
	return f
}

func (r *reader) from() *Origin {
	v := r.v.From
	if v == nil {
		return nil
	}
	r.v.From = nil
	return &Origin{Run: take(r, "run", &v.Run), Attempt: Attempt{
		Step: take(r, "step", &v.Step), Node: take(r, "node", &v.Node), Number: take(r, "attempt", &v.Attempt),
	}}
}

// took moves a time out of the envelope that is not written where it is not known.
func (r *reader) took() time.Duration {
	if r.v.Took == nil {
		return 0
	}
	us := take(r, "took_us", &r.v.Took)
	if (us <= 0 || us > math.MaxInt64/1000) && r.err == nil {
		r.err = fmt.Errorf("took_us: %d is no time", us)
	}
	return time.Duration(us) * time.Microsecond
}

func (r *reader) answered() CapabilityAnswered {
	v := r.v
	b := CapabilityAnswered{
		Attempt:    r.attempt(),
		Ordinal:    take(r, "ordinal", &v.Ordinal),
		Capability: take(r, "capability", &v.Capability),
		Method:     take(r, "method", &v.Method),
		Key:        take(r, "key", &v.Key),
		Request:    r.document("request", &v.Request, false),
		Answer:     r.document("answer", &v.Answer, false),
		Failure:    v.Failure,
		Usage:      take(r, "usage", &v.Usage),
		Took:       r.took(),
	}
	v.Failure = nil
	return b
}

func (r *reader) body() Body {
	v := r.v
	switch v.Type {
	case TypeRunStarted:
		started := RunStarted{
			Graph: take(r, "graph", &v.Graph),
			Plan:  take(r, "plan", &v.Plan),
			Input: r.document("input", &v.Input, true),
			Seed:  r.seed(),
		}
		if v.Parallel != nil {
			started.Parallel = take(r, "parallel", &v.Parallel)
			if started.Parallel <= 0 && r.err == nil {
				r.err = fmt.Errorf("parallel: %d is no number of attempts", started.Parallel)
			}
		}
		started.Engine, started.Cassette, started.Forked = r.optional("engine", &v.Engine), r.mark("cassette", &v.Cassette), r.forked()
		return started
	case TypeAttemptStarted:
		return AttemptStarted{Attempt: r.attempt()}
	case TypeAttemptSucceeded:
		return AttemptSucceeded{
			Attempt: r.attempt(),
			Output:  r.document("output", &v.Output, true),
			Fuel:    take(r, "fuel", &v.Fuel),
			Stored:  r.stored(),

			CacheKey: r.optional("cache_key", &v.CacheKey),
			From:     r.from(),
		}
	case TypeAttemptFailed:
		return AttemptFailed{
			Attempt: r.attempt(),
			Failure: take(r, "failure", &v.Failure),
			Output:  r.document("output", &v.Output, false),
			Fuel:    take(r, "fuel", &v.Fuel),
			From:    r.from(),
		}
	case TypeStepSkipped:
		return StepSkipped{Step: take(r, "step", &v.Step), Node: take(r, "node", &v.Node)}
	case TypeStepFailed:
		return StepFailed{
			Step:    take(r, "step", &v.Step),
			Node:    take(r, "node", &v.Node),
			Failure: take(r, "failure", &v.Failure),
		}
	case TypeStepSucceeded:
		return StepSucceeded{Step: take(r, "step", &v.Step), Node: take(r, "node", &v.Node)}
	case TypeCapabilityAnswered:
		return r.answered()
	case TypeSignalReceived:
		return SignalReceived{Step: take(r, "step", &v.Step), Document: r.document("document", &v.Document, true)}
	case TypeTimerFired:
		return TimerFired{Timer: take(r, "timer", &v.Timer)}
	case TypeCancelRequested:
		return CancelRequested{Reason: take(r, "reason", &v.Reason)}
	case TypeRunResumed:
		return RunResumed{Engine: r.optional("engine", &v.Engine), Cassette: r.mark("cassette", &v.Cassette)}
	case TypeRunFinished:
		finished := RunFinished{
			Status:  r.status(),
			Output:  r.document("output", &v.Output, false),
			Failure: v.Failure,
		}
		v.Failure = nil
		return finished
	}
	if r.err == nil {
		r.err = fmt.Errorf("%w: %q", ErrType, v.Type)
	}
	return nil
}

// unused names a member that the event's type does not have.
func (v *envelope) unused() string {
	switch {
	case v.Step != nil:
		return "step"
	case v.Node != nil:
		return "node"
	case v.Attempt != nil:
		return "attempt"
	case v.Graph != nil:
		return "graph"
	case v.Plan != nil:
		return "plan"
	case v.Seed != nil:
		return "seed"
	case v.Input != nil:
		return "input"
	case v.Output != nil:
		return "output"
	case v.Failure != nil:
		return "failure"
	case v.Fuel != nil:
		return "fuel"
	case v.Timer != nil:
		return "timer"
	case v.Reason != nil:
		return "reason"
	case v.Status != nil:
		return "status"
	case v.Parallel != nil:
		return "parallel"
	case v.Document != nil:
		return "document"
	case v.Ordinal != nil:
		return "ordinal"
	case v.Capability != nil:
		return "capability"
	case v.Method != nil:
		return "method"
	case v.Key != nil:
		return "key"
	case v.Request != nil:
		return "request"
	case v.Answer != nil:
		return "answer"
	case v.Usage != nil:
		return "usage"
	case v.Stored != nil:
		return "stored"
	case v.Engine != nil:
		return "engine"
	case v.Cassette != nil:
		return "cassette"
	case v.Forked != nil:
		return "forked"
	case v.CacheKey != nil:
		return "cache_key"
	case v.From != nil:
		return "from"
	case v.Took != nil:
		return "took_us"
	}
	return ""
}
