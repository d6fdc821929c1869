package inspect

// Values inside documents, and the JSON Pointers (RFC 6901) that lead to them.

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

var (
	tokenEscaper   = strings.NewReplacer("~", "~0", "/", "~1")
	tokenUnescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// member and element give the pointer to what is in the value that pointer leads to.
func member(pointer, key string) string          { return pointer + "/" + tokenEscaper.Replace(key) }
func elementAt(pointer string, index int) string { return pointer + "/" + strconv.Itoa(index) }

// values decodes a document and keeps nothing of that, unlike its own Value: the
// documents of a whole journal go through here. What is none is nil.
func values(d document.Document) any {
	v, err := document.Trusted(d.Bytes()).Value()
	if err != nil {
		return nil
	}
	return v
}

// lookup follows a pointer. Where it does not lead anywhere it gives the part of it
// that does.
func lookup(v any, pointer string) (found any, known string, ok bool) {
	if pointer == "" {
		return v, "", true
	}
	if !strings.HasPrefix(pointer, "/") {
		return nil, "", false
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		next, ok := child(v, token)
		if !ok {
			return v, known, false
		}
		v, known = next, known+"/"+token
	}
	return v, known, true
}

func child(v any, token string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		next, ok := v[tokenUnescaper.Replace(token)]
		return next, ok
	case []any:
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i >= len(v) || strconv.Itoa(i) != token {
			return nil, false
		}
		return v[i], true
	}
	return nil, false
}

// seeker looks for a value in others. It does a bounded amount of work.
type seeker struct {
	target any
	plain  []byte // a text that stands in every document without escapes that holds the target; nil: unknown
	work   int    // values that may still be looked at
}

// newSeeker looks for target, at up to work values.
func newSeeker(target any, work int) *seeker {
	s := &seeker{target: target, work: work}
	if text, ok := target.(string); ok {
		if quoted := document.String(text).Bytes(); !bytes.ContainsRune(quoted, '\\') {
			s.plain = quoted
		}
	}
	return s
}

// find gives pointers to where the target stands in a document, at most tracePlaces, in
// the order of keys and indices. Within what it has found it looks no further.
func (s *seeker) find(d document.Document) []string {
	b := d.Bytes()
	if len(b) == 0 || s.work <= 0 {
		return nil
	}
	if s.plain != nil && !bytes.ContainsRune(b, '\\') && !bytes.Contains(b, s.plain) {
		s.work -= 1 + len(b)/256
		return nil
	}
	var found []string
	s.walk(values(d), "", &found)
	return found
}

func (s *seeker) walk(v any, pointer string, found *[]string) {
	if len(*found) >= tracePlaces || s.work <= 0 {
		return
	}
	if s.same(v, s.target) {
		*found = append(*found, pointer)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			s.walk(v[key], member(pointer, key), found)
		}
	case []any:
		for i, item := range v {
			s.walk(item, elementAt(pointer, i), found)
		}
	}
}

// same compares two values; numbers by what they mean.
func (s *seeker) same(a, b any) bool {
	if s.work--; s.work < 0 {
		return false
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for _, key := range slices.Sorted(maps.Keys(a)) { // how much work it was must not depend on chance
			other, ok := b[key]
			if !ok || !s.same(a[key], other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, s.same)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a, b)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

func sameNumber(a, b json.Number) bool {
	return a == b || bytes.Equal(document.Trusted([]byte(a)).Canonical(), document.Trusted([]byte(b)).Canonical())
}

// Change is one place where two documents differ.
type Change struct {
	Pointer string            `json:"pointer"` // RFC 6901; "": the documents as a whole
	A       document.Document `json:"a,omitzero"`
	B       document.Document `json:"b,omitzero"` // absent: there is nothing there
}

// Changes says where two documents differ, by the smallest values that do: members of
// objects in the order of their keys, elements of lists one by one. It gives at most
// limit of them, and whether there are more. Absent documents are allowed.
func Changes(a, b document.Document, limit int) (list []Change, more bool) {
	switch {
	case a.IsZero() && b.IsZero(), bytes.Equal(a.Bytes(), b.Bytes()):
		return nil, false
	case a.IsZero() || b.IsZero():
		return []Change{{A: a, B: b}}, false
	}
	c := comparer{limit: limit}
	c.compare("", values(a), values(b))
	return c.list, c.more
}

type comparer struct {
	list  []Change
	limit int
	more  bool
}

func (c *comparer) compare(pointer string, a, b any) {
	if c.more {
		return
	}
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			c.members(pointer, a, b)
			return
		}
	case []any:
		if b, ok := b.([]any); ok {
			c.elements(pointer, a, b)
			return
		}
	case json.Number:
		if b, ok := b.(json.Number); ok && sameNumber(a, b) {
			return
		}
	default:
		switch b.(type) {
		case map[string]any, []any:
		default:
			if a == b {
				return
			}
		}
	}
	c.differ(pointer, whole(a), whole(b))
}

func (c *comparer) members(pointer string, a, b map[string]any) {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		x, inA := a[key]
		y, inB := b[key]
		at := member(pointer, key)
		switch {
		case !inA:
			c.differ(at, document.Document{}, whole(y))
		case !inB:
			c.differ(at, whole(x), document.Document{})
		default:
			c.compare(at, x, y)
		}
	}
}

func (c *comparer) elements(pointer string, a, b []any) {
	for i := range max(len(a), len(b)) {
		at := elementAt(pointer, i)
		switch {
		case c.more:
			return
		case i >= len(a):
			c.differ(at, document.Document{}, whole(b[i]))
		case i >= len(b):
			c.differ(at, whole(a[i]), document.Document{})
		default:
			c.compare(at, a[i], b[i])
		}
	}
}

func (c *comparer) differ(pointer string, a, b document.Document) {
	if len(c.list) >= c.limit {
		c.more = true
		return
	}
	c.list = append(c.list, Change{pointer, a, b})
}

// whole makes a document of a part of one.
func whole(v any) document.Document {
	d, err := document.FromValue(v)
	if err != nil {
		return document.Null() // a part of a document is one
	}
	return d
}
