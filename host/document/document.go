// Package document holds the JSON values that cross a wire.
//
// A [Document] is immutable and is kept as the bytes it came as: it is checked
// once, by [Parse], decoded at most once, when somebody asks for its
// [Document.Value], and written again only where something changed it.
//
// Its [Document.Canonical] form is what two documents are compared by and what
// the lineage digest is made of: equal values have equal bytes.
package document

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Document is one JSON value. The zero Document is absent: no value at all,
// which is not null. Documents are cheap to copy, immutable, and safe for
// concurrent use.
//
// Compare documents with [Document.Equal], never with == or reflection.
type Document struct{ s *shared }

// shared is what all copies of one document have in common.
type shared struct {
	b     []byte // one valid JSON value without space around it
	depth int    // deepest nesting of containers, or unknownDepth

	made   atomic.Pointer[made]
	held   [heldRules]atomic.Pointer[string] // see Hold
	peeked atomic.Int64                      // bytes, see Peek
}

// made is what is worked out of a document once somebody asks. Most documents of a run
// are handed on, and nobody does.
type made struct {
	decode sync.Once
	value  any
	err    error

	canonize  sync.Once
	canonical []byte

	hash   sync.Once
	digest string
}

// worked gives the place for what is worked out, the same to all.
func (s *shared) worked() *made {
	if m := s.made.Load(); m != nil {
		return m
	}
	s.made.CompareAndSwap(nil, new(made))
	return s.made.Load()
}

const unknownDepth = -1

// Kind is which of JSON's six sorts of value a document is, or KindAbsent.
type Kind uint8

// The kinds of documents.
const (
	KindAbsent Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

var kindNames = [...]string{"absent", "null", "boolean", "number", "string", "array", "object"}

// String is the kind's name as JSON Schema writes it: "null", "boolean",
// "number", "string", "array" or "object"; "absent" for [KindAbsent].
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// IsZero reports whether d is absent.
func (d Document) IsZero() bool { return d.s == nil }

// Bytes is the document as it came, without space around it; nil when absent.
// The caller must not modify it.
func (d Document) Bytes() []byte {
	if d.s == nil {
		return nil
	}
	return d.s.b
}

// String is the document's text as it came; "" when absent.
func (d Document) String() string { return string(d.Bytes()) }

// Kind is the sort of value that d is, told from its first byte.
func (d Document) Kind() Kind {
	if d.s == nil || len(d.s.b) == 0 {
		return KindAbsent
	}
	switch d.s.b[0] {
	case 'n':
		return KindNull
	case 't', 'f':
		return KindBool
	case '"':
		return KindString
	case '[':
		return KindArray
	case '{':
		return KindObject
	}
	return KindNumber
}

// Within says whether d keeps l: nil, or an error that is [ErrTooLarge] or
// [ErrTooDeep]. [Parse] has asked already; this is for documents that were
// built ([FromValue], [Object] and the like), which have no limit of size.
func (d Document) Within(l Limits) error {
	l = l.resolved()
	if n := len(d.Bytes()); n > l.Bytes {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, n, l.Bytes)
	}
	if n := d.depth(); n > l.Depth {
		return fmt.Errorf("%w: %d levels of nesting, at most %d are allowed", ErrTooDeep, n, l.Depth)
	}
	return nil
}

// depth counts the levels of nesting: 0 for a scalar, 1 for [] and {}.
func (d Document) depth() int {
	if d.s == nil {
		return 0
	}
	if d.s.depth != unknownDepth {
		return d.s.depth
	}
	return nesting(d.s.b)
}

// Canonical is the one normal form of d's value: no space, the keys of every
// object sorted by their Unicode code points (which is the order of their UTF-8
// bytes), numbers exact in one normal form (so 1, 1.0 and 1e0 are the same),
// and only those escapes in strings that JSON demands. For documents whose
// numbers are shortest doubles and whose keys have no characters beyond U+FFFF
// it is the form of RFC 8785. Two documents are equal exactly if their
// canonical forms are, and the canonical form of a canonical form is itself.
//
// It is made at most once; nil when d is absent. The caller must not modify it.
func (d Document) Canonical() []byte {
	if d.s == nil {
		return nil
	}
	m := d.s.worked()
	m.canonize.Do(func() {
		c, ok := canonicalInOnePass(d.s.b)
		if !ok {
			c = appendCanonical(c[:0], d.s.b)
		}
		if bytes.Equal(c, d.s.b) {
			c = d.s.b // most of what chainrun writes itself; keep one copy
		}
		m.canonical = c
	})
	return m.canonical
}

const digestPrefix = "sha256:"

// Digest is "sha256:" and the hexadecimal SHA-256 of [Document.Canonical]; ""
// when d is absent. It is made at most once.
func (d Document) Digest() string {
	if d.s == nil {
		return ""
	}
	m := d.s.worked()
	m.hash.Do(func() {
		sum := sha256.Sum256(d.Canonical())
		var text [len(digestPrefix) + 2*sha256.Size]byte
		hex.Encode(text[copy(text[:], digestPrefix):], sum[:])
		m.digest = string(text[:])
	})
	return m.digest
}

// Equal reports whether d and o are the same value: the same canonical form,
// whatever the order of keys, the space and the spelling of numbers and
// strings. An absent document equals only an absent one.
func (d Document) Equal(o Document) bool {
	if d.s == nil || o.s == nil {
		return d.s == o.s
	}
	return d.s == o.s || bytes.Equal(d.s.b, o.s.b) || bytes.Equal(d.Canonical(), o.Canonical())
}

// MarshalJSON is the document as it came; null when absent.
func (d Document) MarshalJSON() ([]byte, error) {
	if d.s == nil {
		return []byte("null"), nil
	}
	return d.s.b, nil
}

// UnmarshalJSON reads what [Parse] reads, without a limit of size (the bytes
// are in memory already) and with [MaxDepth] as the limit of depth.
func (d *Document) UnmarshalJSON(b []byte) error {
	parsed, err := Parse(slices.Clone(b), Limits{Bytes: len(b) + 1, Depth: MaxDepth})
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
