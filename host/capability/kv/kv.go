// Package kv is the capability "kv": values that outlive a run, kept in the
// journal's store.
//
// # What is atomic
//
// An attempt reads the values that successful steps have stored, and its own
// writes. What it has read once it reads again the same, as long as it lasts,
// whatever others store meanwhile. Its writes are stored together with the
// success of its step, in one append of the journal, or not at all: an attempt
// that fails, is tried again or is lost in a crash leaves nothing. Of two steps
// that write one key the one that succeeds later holds: attempts at the same time
// do not see each other.
//
// Additions are not lost, whoever adds at the same time. What an attempt does to a
// key by add alone is stored as an addition to what the key has when the step
// succeeds: the sum is that of all steps that have succeeded. The attempt is answered
// what it has read plus what it has added itself. An addition after a set or a delete
// of the same attempt counts from there, and so a value is stored. Where another step
// has put something else than a number meanwhile, or the sum is beyond the bounds of
// [document.Sum], what is there stays: the step that added has succeeded all the same.
//
// There is no compare-and-set: within an attempt get and set do the same, and across
// attempts it could not hold what it promises.
//
// # Spaces
//
// A key stands in a space: the name of the graph that asks, or the setting
// `space` of [capabilities.kv], by which graphs share one. A capability of
// another name with kind = "kv" has the same space where it sets none; then its
// writes hold over those of a name that sorts before.
package kv

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// The bounds of what is kept.
const (
	MaxKeyBytes   = 512
	MaxValueBytes = 1 << 20
	MaxList       = 1000     // entries of one answer
	MaxListBytes  = 4 << 20  // of their keys and values; one entry is always given
	MaxWrites     = 1000     // keys that one attempt writes
	MaxWriteBytes = 16 << 20 // of their keys and values
	MaxReadBytes  = 64 << 20 // of the keys and values that one attempt reads
	MaxPatterns   = 100      // of a grant

	// DefaultSpaceBytes and DefaultSpaceKeys bound a space where the settings
	// max_bytes and max_keys say nothing. Attempts at the same time may each
	// come up to the bound, and so together beyond it.
	DefaultSpaceBytes = 64 << 20
	DefaultSpaceKeys  = 100_000
)

// Store is where values are kept; a journal that implements journal.Values is
// one. What is read is what was stored by events that are durable. Safe for
// concurrent use.
type Store interface {
	// Value gives the value of a key; the absent document where there is none.
	Value(ctx context.Context, space, key string) (document.Document, error)
	// Values gives at most limit keys of a space that begin with prefix and are
	// greater than after, sorted by their bytes.
	Values(ctx context.Context, space, prefix, after string, limit int) ([]document.Field, error)
	// Size gives the number of keys in a space, and the bytes of keys and values.
	Size(ctx context.Context, space string) (keys int, bytes int64, err error)
}

// Capability is kv. Read-only and safe for concurrent use.
type Capability struct {
	store    Store
	space    string // "": the graph's name
	maxBytes int64
	maxKeys  int64
}

var (
	_ capability.Replayer     = (*Capability)(nil)
	_ capability.Configurable = (*Capability)(nil)
	_ capability.GrantChecker = (*Capability)(nil)
)

// New makes the capability upon a store, to be offered under the name "kv".
func New(store Store) *Capability {
	return &Capability{store: store, maxBytes: DefaultSpaceBytes, maxKeys: DefaultSpaceKeys}
}

// SchemasProven implements [capability.Proven].
func (*Capability) SchemasProven() {}

// Describe implements [capability.Capability].
func (c *Capability) Describe() capability.Description {
	d := capability.Description{
		Text:   "keeps values beyond the run, stored with the step's success or not at all",
		Grant:  json.RawMessage(grantSchema),
		Config: json.RawMessage(configSchema),
	}
	for _, m := range methods {
		d.Methods = append(d.Methods, capability.Method{
			Name: m.name, Text: m.text, Request: json.RawMessage(m.request), Response: json.RawMessage(m.response),
		})
	}
	return d
}

// Call implements [capability.Capability]. It answers nothing: see Open.
func (c *Capability) Call(context.Context, capability.Call) (capability.Answer, error) {
	return capability.Answer{}, &capability.Error{Reason: "no_session", Message: "kv answers in sessions alone: call Open first"}
}

// Configure implements [capability.Configurable].
func (c *Capability) Configure(_ string, settings document.Document) (capability.Capability, error) {
	made := *c
	var problems capability.Problems
	for _, f := range settings.Fields() {
		switch f.Key {
		case "space":
			made.space = text(f.Value)
			if fault := keyFault(made.space); fault != "" {
				problems = append(problems, capability.Problem{Pointer: "/space", Text: fault})
			}
		case "max_bytes":
			n, ok := size(f.Value)
			if !ok {
				problems = append(problems, capability.Problem{
					Pointer: "/max_bytes", Text: "it is no number of bytes",
					Hint: `write a whole number, or one with B, KiB, MiB or GiB, as in "64MiB"`,
				})
			}
			made.maxBytes = n
		case "max_keys":
			n, ok := size(f.Value)
			if !ok || f.Value.Kind() != document.KindNumber {
				problems = append(problems, capability.Problem{Pointer: "/max_keys", Text: "it is no whole number"})
			}
			made.maxKeys = n
		default:
			problems = append(problems, capability.Problem{Pointer: "/" + f.Key, Text: "there is no such setting"})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return &made, nil
}

// CheckGrant implements [capability.GrantChecker].
func (c *Capability) CheckGrant(grant document.Document) capability.Problems {
	var problems capability.Problems
	for _, f := range grant.Fields() {
		if f.Key != "keys" {
			continue
		}
		i := 0
		for item := range f.Value.All() {
			pattern := text(item)
			literal := strings.TrimSuffix(pattern, "*")
			problem := capability.Problem{Pointer: "/keys/" + strconv.Itoa(i)}
			switch {
			case strings.Contains(literal, "*"):
				problem.Text, problem.Hint = `"*" stands only at the end of a pattern`, `write as "cart/*" what every key begins with`
			case literal == "" && pattern == "*":
			default:
				problem.Text = keyFault(literal)
			}
			if problem.Text != "" {
				problems = append(problems, problem)
			}
			i++
		}
	}
	return problems
}

// Open implements [capability.Opener].
func (c *Capability) Open(_ context.Context, caller capability.Caller) (capability.Session, error) {
	s := c.session(caller)
	if s.view.space == "" {
		return nil, &capability.Error{
			Reason:  "no_space",
			Message: "the graph has no name for its values to stand under; give it one by `name`, or set `space` in [capabilities.kv]",
		}
	}
	return s, nil
}

// Replay implements [capability.Replayer]: nothing is read from the store.
func (c *Capability) Replay(caller capability.Caller) capability.Recaller { return c.session(caller) }

func (c *Capability) session(caller capability.Caller) *session {
	space := c.space
	if space == "" {
		space = caller.Graph
	}
	return &session{
		c: c, view: newView(c.store, space), writes: map[string]document.Document{},
		adds: map[string]document.Document{}, gone: map[string]bool{},
	}
}

// keyFault says what is wrong with a key; "" where nothing is.
func keyFault(key string) string {
	switch {
	case key == "":
		return "a key is not empty"
	case len(key) > MaxKeyBytes:
		return fmt.Sprintf("a key has at most %d bytes, this one has %d", MaxKeyBytes, len(key))
	case !utf8.ValidString(key):
		return "a key is UTF-8"
	}
	for _, r := range key {
		if r < ' ' || r >= 0x7F && r < 0xA0 || r == utf8.MaxRune {
			return fmt.Sprintf("a key has no control characters, this one has %U", r)
		}
	}
	return ""
}

// text is a string's text; "" of everything else.
func text(d document.Document) string {
	v, err := d.Value()
	if err != nil {
		return ""
	}
	s, _ := v.(string)
	return s
}

// size reads a positive number, or one with a unit.
func size(d document.Document) (int64, bool) {
	if d.Kind() == document.KindNumber {
		n, err := strconv.ParseInt(string(d.Canonical()), 10, 64)
		return n, err == nil && n > 0
	}
	s, unit := text(d), int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = rest, bytes
		}
	}
	if unit == 1 {
		s = strings.TrimSuffix(s, "B")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}
