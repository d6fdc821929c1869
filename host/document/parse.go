package document

// The check: one pass over the bytes that accepts exactly RFC 8259 less
// duplicate keys, invalid UTF-8 and lone surrogates.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Limits bound a document. A zero field means its default; Depth is never more
// than [MaxDepth].
type Limits struct {
	Bytes int // size of the whole text, space included; default [DefaultBytes]
	Depth int // levels of arrays and objects; default [DefaultDepth]
}

// The defaults of [Limits], and the deepest nesting that can be allowed.
const (
	DefaultBytes = 16 << 20
	DefaultDepth = 512
	MaxDepth     = 10_000
)

func (l Limits) resolved() Limits {
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	l.Depth = min(l.Depth, MaxDepth)
	return l
}

// What a [SyntaxError] wraps where the text may well be JSON but exceeds
// [Limits]. [Document.Within] returns them too.
var (
	ErrTooLarge = errors.New("the document is too large")
	ErrTooDeep  = errors.New("the document is nested too deeply")
)

// SyntaxError says where and why a text is not a JSON document.
type SyntaxError struct {
	Offset int    // in bytes, from 0
	Line   int    // from 1
	Column int    // in characters, from 1
	Text   string // what was expected and what was found
	limit  error  // ErrTooLarge or ErrTooDeep
}

// Error is "line L, column C: " and the text.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

// Unwrap is [ErrTooLarge], [ErrTooDeep] or nil.
func (e *SyntaxError) Unwrap() error { return e.limit }

// Parse checks that b is exactly one JSON value (RFC 8259), perhaps with space
// around it, and makes a document of it. Duplicate keys (compared unescaped),
// invalid UTF-8, lone surrogates and a byte order mark are refused, and so is
// what exceeds l. Any error is a *[SyntaxError].
//
// The document keeps b; nobody may modify it afterwards.
func Parse(b []byte, l Limits) (Document, error) {
	l = l.resolved()
	if len(b) > l.Bytes {
		return Document{}, &SyntaxError{
			Offset: l.Bytes, Line: 1, Column: 1, limit: ErrTooLarge,
			Text: fmt.Sprintf("%v: %d bytes, at most %d are allowed", ErrTooLarge, len(b), l.Bytes),
		}
	}
	s := scanner{b: b, limit: l.Depth}
	start := skipSpace(b, 0)
	end, err := s.value(start, 0)
	if err != nil {
		return Document{}, err
	}
	if rest := skipSpace(b, end); rest < len(b) {
		return Document{}, s.expected(rest, "the end after one JSON value")
	}
	return Document{&shared{b: b[start:end:end], depth: s.deepest}}, nil
}

// MustParse is [Parse] with the default limits for literals and tests. It
// panics where s is no document.
func MustParse(s string) Document {
	d, err := Parse([]byte(s), Limits{})
	if err != nil {
		panic(fmt.Sprintf("document.MustParse(%q): %v", s, err))
	}
	return d
}

// Trusted makes a document without the check. It is for bytes that were a
// document's Bytes or Canonical before and that this process, or a digest, has
// kept since. With other bytes the document's methods do not panic, but what
// they answer is not defined.
func Trusted(b []byte) Document {
	if len(b) == 0 {
		return Document{}
	}
	return Document{&shared{b: b, depth: unknownDepth}}
}

// scanner is the state of one check.
type scanner struct {
	b       []byte
	limit   int
	deepest int

	// The unescaped keys of the objects that are open, outermost first: the first of
	// them are in near, which is enough for most documents and needs no allocation.
	open int
	near [nearKeys][]byte
	far  [][]byte
}

const nearKeys = 24

// key gives the i-th key of the objects that are open.
func (s *scanner) key(i int) []byte {
	if i < nearKeys {
		return s.near[i]
	}
	return s.far[i-nearKeys]
}

// push adds a key to those of the objects that are open.
func (s *scanner) push(key []byte) {
	if s.open < nearKeys {
		s.near[s.open] = key
	} else {
		s.far = append(s.far[:s.open-nearKeys], key)
	}
	s.open++
}

// manyKeys is the size from which an object's keys are looked up in a map
// instead of one after another. Go's maps hash with a seed of the process, so
// that nobody can make keys that collide.
const manyKeys = 24

func (s *scanner) value(i, depth int) (int, error) {
	if i >= len(s.b) {
		return 0, s.expected(i, "a value")
	}
	switch c := s.b[i]; c {
	case '{':
		return s.object(i, depth+1)
	case '[':
		return s.array(i, depth+1)
	case '"':
		_, end, err := s.str(i)
		return end, err
	case 't':
		return s.word(i, "true")
	case 'f':
		return s.word(i, "false")
	case 'n':
		return s.word(i, "null")
	default:
		if c == '-' || isDigit(c) {
			return s.number(i)
		}
		return 0, s.expected(i, "a value")
	}
}

func (s *scanner) word(i int, w string) (int, error) {
	for k := range len(w) {
		if i+k >= len(s.b) || s.b[i+k] != w[k] {
			return 0, s.expected(i+k, "the rest of "+w)
		}
	}
	return i + len(w), nil
}

func (s *scanner) enter(i, depth int) error {
	if depth > s.limit {
		e := s.fail(i, fmt.Sprintf("%v: at most %d levels are allowed", ErrTooDeep, s.limit))
		e.limit = ErrTooDeep
		return e
	}
	s.deepest = max(s.deepest, depth)
	return nil
}

func (s *scanner) array(i, depth int) (int, error) {
	if err := s.enter(i, depth); err != nil {
		return 0, err
	}
	i = skipSpace(s.b, i+1)
	if i < len(s.b) && s.b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = s.value(i, depth); err != nil {
			return 0, err
		}
		i = skipSpace(s.b, i)
		switch {
		case i < len(s.b) && s.b[i] == ',':
			i = skipSpace(s.b, i+1)
		case i < len(s.b) && s.b[i] == ']':
			return i + 1, nil
		default:
			return 0, s.expected(i, "',' or ']' after an element")
		}
	}
}

func (s *scanner) object(i, depth int) (int, error) {
	if err := s.enter(i, depth); err != nil {
		return 0, err
	}
	i = skipSpace(s.b, i+1)
	if i < len(s.b) && s.b[i] == '}' {
		return i + 1, nil
	}
	first := s.open
	var index map[string]struct{} // of the keys from first on, once they are many
	for {
		if i >= len(s.b) || s.b[i] != '"' {
			return 0, s.expected(i, "a key in double quotes")
		}
		key, end, err := s.str(i)
		if err != nil {
			return 0, err
		}
		if index, err = s.note(key, i, first, index); err != nil {
			return 0, err
		}
		i = skipSpace(s.b, end)
		if i >= len(s.b) || s.b[i] != ':' {
			return 0, s.expected(i, "':' after a key")
		}
		if i, err = s.value(skipSpace(s.b, i+1), depth); err != nil {
			return 0, err
		}
		i = skipSpace(s.b, i)
		switch {
		case i < len(s.b) && s.b[i] == ',':
			i = skipSpace(s.b, i+1)
		case i < len(s.b) && s.b[i] == '}':
			s.open = first
			return i + 1, nil
		default:
			return 0, s.expected(i, "',' or '}' after a member")
		}
	}
}

// note remembers a key of the object whose keys begin at first, and refuses one
// that it knows.
func (s *scanner) note(key []byte, at, first int, index map[string]struct{}) (map[string]struct{}, error) {
	known := false
	switch {
	case index != nil:
		_, known = index[string(key)]
	case s.open-first < manyKeys:
		for i := first; i < s.open; i++ {
			known = known || bytes.Equal(s.key(i), key)
		}
	default:
		index = make(map[string]struct{}, 4*manyKeys)
		for i := first; i < s.open; i++ {
			index[string(s.key(i))] = struct{}{}
		}
		s.open = first
		_, known = index[string(key)]
	}
	switch {
	case known:
		return nil, s.fail(at, "the key "+quote(key)+" stands twice in one object")
	case index != nil:
		index[string(key)] = struct{}{}
	default:
		s.push(key)
	}
	return index, nil
}

// str checks the string that begins at i and returns its unescaped content,
// which is a part of the text where there is no escape, and where it ends.
func (s *scanner) str(i int) (content []byte, end int, err error) {
	b, start := s.b, i+1
	escaped := false
	for i = start; ; {
		i = plainRun(b, i)
		if i >= len(b) {
			return nil, 0, s.expected(i, "'\"' at the end of a string")
		}
		switch c := b[i]; {
		case c == '"':
			if escaped {
				return unescape(b[start:i]), i + 1, nil
			}
			return b[start:i], i + 1, nil
		case c == '\\':
			escaped = true
			if i, err = s.escape(i); err != nil {
				return nil, 0, err
			}
		case c < ' ':
			return nil, 0, s.fail(i, fmt.Sprintf("a control character (U+%04X) in a string must be escaped", c))
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				return nil, 0, s.fail(i, fmt.Sprintf("invalid UTF-8 in a string: byte 0x%02x", c))
			}
			i += n
		}
	}
}

// escape checks the escape at i and returns where it ends.
func (s *scanner) escape(i int) (int, error) {
	if i+1 >= len(s.b) {
		return 0, s.expected(i+1, "an escape after '\\'")
	}
	switch s.b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
	default:
		return 0, s.expected(i+1, `one of " \ / b f n r t u after '\'`)
	}
	hi, ok := hex4(s.b, i+2)
	if !ok {
		return 0, s.fail(i, `\u must be followed by four hexadecimal digits`)
	}
	if hi < 0xD800 || hi > 0xDFFF {
		return i + 6, nil
	}
	if hi < 0xDC00 && i+7 < len(s.b) && s.b[i+6] == '\\' && s.b[i+7] == 'u' {
		if lo, ok := hex4(s.b, i+8); ok && lo >= 0xDC00 && lo <= 0xDFFF {
			return i + 12, nil
		}
	}
	return 0, s.fail(i, fmt.Sprintf(`a lone surrogate (\u%04x) is not a character`, hi))
}

func (s *scanner) number(i int) (int, error) {
	end, missing := number(s.b, i)
	switch missing {
	case "":
		return end, nil
	case noDigit:
		return 0, s.fail(end, "a number must not begin with 0 and another digit")
	}
	return 0, s.expected(end, missing)
}

// noDigit is what number misses behind a 0 that a number begins with.
const noDigit = "no digit"

// number gives where the number at i ends, or where something is missing, and what.
func number(b []byte, i int) (end int, missing string) {
	if b[i] == '-' {
		i++
	}
	if i >= len(b) || !isDigit(b[i]) {
		return i, "a digit after '-'"
	}
	if b[i] == '0' {
		i++
		if i < len(b) && isDigit(b[i]) {
			return i, noDigit
		}
	} else {
		i = digits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		i++
		if i >= len(b) || !isDigit(b[i]) {
			return i, "a digit after '.'"
		}
		i = digits(b, i)
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i >= len(b) || !isDigit(b[i]) {
			return i, "a digit of the exponent"
		}
		i = digits(b, i)
	}
	return i, ""
}

// expected is a complaint that names what stands at offset instead.
func (s *scanner) expected(offset int, what string) error {
	found, hint := "the end of the text", ""
	if offset < len(s.b) {
		r, n := utf8.DecodeRune(s.b[offset:])
		switch {
		case r == utf8.RuneError && n <= 1:
			found = fmt.Sprintf("the byte 0x%02x", s.b[offset])
		case r == '\uFEFF':
			found = "a byte order mark"
		case r == '\'':
			found, hint = `"'"`, " (JSON's strings are in double quotes)"
		case unicode.IsPrint(r):
			found = "'" + string(r) + "'"
		default:
			found = fmt.Sprintf("%U", r)
		}
	}
	return s.fail(offset, "expected "+what+", found "+found+hint)
}

func (s *scanner) fail(offset int, text string) *SyntaxError {
	before := s.b[:offset]
	line := 1 + bytes.Count(before, []byte{'\n'})
	begin := 1 + bytes.LastIndexByte(before, '\n')
	return &SyntaxError{
		Offset: offset, Line: line, Text: text,
		Column: 1 + utf8.RuneCount(before[begin:]),
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func digits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

// plainRun skips the characters of a string that need no look: printable ASCII
// but '"' and '\'. Eight at a time, because strings are most of most documents.
func plainRun(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quoteAt := w ^ (ones * '"')
		slashAt := w ^ (ones * '\\')
		// A byte of the mask has its top bit set where w's is not plain. Borrows
		// can set bits above a true one only, and the lowest is what counts.
		mask := (w | (w - ones*' ') | (quoteAt - ones) | (slashAt - ones)) & tops
		if mask != 0 {
			return i + bits.TrailingZeros64(mask)/8
		}
		i += 8
	}
	for i < len(b) && isPlain(b[i]) {
		i++
	}
	return i
}

func isPlain(c byte) bool { return c >= ' ' && c < 0x80 && c != '"' && c != '\\' }
