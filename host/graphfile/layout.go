package graphfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/graph"
)

// maxDepth bounds how deep tables, arrays and dotted keys may be nested.
const maxDepth = 64

// spot is a place in the text; lines and columns count from 1, columns bytes.
type spot struct{ line, column int }

// place is where a value stands, and where the values inside it do.
type place struct {
	key      spot // of its key, or of the key in its [header]; of the value itself in an array
	value    spot // where the value begins; of a [table], its key
	names    []string
	children map[string]*place
	items    []*place        // of an array, and of an [[array of tables]]
	text     string          // of a string, decoded
	segments []graph.Segment // of a string: what of it stands where
	twice    *spot           // of the whole text: a key that has a value already
}

func (p *place) child(name string) *place {
	if p == nil {
		return nil
	}
	return p.children[name]
}

func (p *place) item(i int) *place {
	if p == nil || i >= len(p.items) {
		return nil
	}
	return p.items[i]
}

func (p *place) put(name string, c *place) {
	if p.children == nil {
		p.children = map[string]*place{}
	}
	if _, ok := p.children[name]; !ok {
		p.names = append(p.names, name)
	}
	p.children[name] = c
}

// maxPathsBytes bounds the keys of all values together, each with the keys around
// it: the parser writes them out one by one, and one long key can stand around a
// million others.
const maxPathsBytes = 128 << 20

// boundError says where the text goes beyond a bound.
type boundError struct {
	at   spot
	text string
}

func (e *boundError) Error() string { return e.text }

// twiceError says where a key is given a value that it has already. The parser
// lets "a.b = 1" be followed by "a = 0".
type twiceError struct{ at spot }

func (e *twiceError) Error() string { return "not TOML: the key has a value already" }

// scanLayout finds the places of a TOML text. The text need not be valid: where
// it is not, the scanner stops, and what it found so far is what it returns. The
// only error is a *[boundError].
func scanLayout(text string) (root *place, err error) {
	root = &place{key: spot{1, 1}, value: spot{1, 1}}
	s := &scanner{text: text, line: 1, root: root}
	defer func() {
		// A scan ends early by a panic of one of these two; see give and value.
		switch r := recover().(type) {
		case nil, giveUp:
		case *boundError:
			err = r
		default:
			panic(r)
		}
	}()
	s.document(root)
	return root, nil
}

// giveUp is the panic of a scanner that found what is not TOML.
type giveUp struct{}

type scanner struct {
	text  string
	pos   int
	line  int
	start int // where the line begins
	root  *place

	path  int // bytes of the keys around what is being read
	paths int // of all that was read
}

func (s *scanner) here() spot { return spot{s.line, s.pos - s.start + 1} }

func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) starts(prefix string) bool { return strings.HasPrefix(s.text[s.pos:], prefix) }

// step goes over one byte.
func (s *scanner) step() {
	if s.pos >= len(s.text) {
		panic(giveUp{})
	}
	if s.text[s.pos] == '\n' {
		s.line++
		s.start = s.pos + 1
	}
	s.pos++
}

func (s *scanner) expect(c byte) {
	if s.peek() != c {
		panic(giveUp{})
	}
	s.step()
}

// space goes over blanks; over line ends and comments too where lines is set.
func (s *scanner) space(lines bool) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t':
		case lines && (c == '\n' || c == '\r'):
		case lines && c == '#':
			for s.pos < len(s.text) && s.text[s.pos] != '\n' {
				s.step()
			}
			continue
		default:
			return
		}
		s.step()
	}
}

func (s *scanner) document(root *place) {
	table, depth := root, 0
	for {
		s.space(true)
		if s.pos >= len(s.text) {
			return
		}
		switch {
		case s.starts("[["):
			s.step()
			s.step()
			parts := s.key()
			depth, s.path = s.deep(len(parts), parts[0].at), bytes(parts)
			s.long(len(parts), parts[0].at)
			s.expect(']')
			s.expect(']')
			last := parts[len(parts)-1]
			list := s.walk(root, parts)
			table = &place{key: last.at, value: last.at}
			list.items = append(list.items, table)
		case s.peek() == '[':
			s.step()
			parts := s.key()
			depth, s.path = s.deep(len(parts), parts[0].at), bytes(parts)
			s.long(len(parts), parts[0].at)
			s.expect(']')
			list := s.walk(root, parts)
			list.key, list.value = parts[len(parts)-1].at, parts[len(parts)-1].at
			table = list
		default:
			s.pair(table, depth)
		}
		s.space(false)
		if c := s.peek(); s.pos < len(s.text) && c != '\n' && c != '\r' && c != '#' {
			panic(giveUp{})
		}
	}
}

// long counts the keys to a value, of which so many are its own.
func (s *scanner) long(own int, at spot) {
	if s.paths += own * s.path; s.paths > maxPathsBytes {
		panic(&boundError{at, "the keys are too long for as many values as stand below them"})
	}
}

// bytes is how long keys are when they are written out.
func bytes(parts []part) int {
	n := 0
	for _, k := range parts {
		n += len(k.name) + 1
	}
	return n
}

func (s *scanner) deep(depth int, at spot) int {
	if depth > maxDepth {
		panic(&boundError{at, fmt.Sprintf("nested deeper than %d", maxDepth)})
	}
	return depth
}

// walk follows a header's key from the root, through the last table of each
// array of tables on the way, and gives the place at its end.
func (s *scanner) walk(from *place, parts []part) *place {
	for i, k := range parts {
		if n := len(from.items); n > 0 {
			from = from.items[n-1]
		}
		next := from.children[k.name]
		if next == nil {
			next = &place{key: parts[i].at, value: parts[i].at}
			from.put(k.name, next)
		}
		from = next
	}
	return from
}

// part is one part of a dotted key.
type part struct {
	name string
	at   spot
}

// key reads a dotted key and the blanks around it.
func (s *scanner) key() []part {
	var parts []part
	for {
		s.space(false)
		at := s.here()
		var name string
		switch s.peek() {
		case '"', '\'':
			if s.starts(`"""`) || s.starts(`'''`) {
				panic(giveUp{})
			}
			name, _ = s.str()
		default:
			from := s.pos
			for isBare(s.peek()) {
				s.step()
			}
			if s.pos == from {
				panic(giveUp{})
			}
			name = s.text[from:s.pos]
		}
		parts = append(parts, part{name, at})
		s.deep(len(parts), at)
		s.space(false)
		if s.peek() != '.' {
			return parts
		}
		s.step()
	}
}

func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// pair reads key = value into a table.
func (s *scanner) pair(table *place, depth int) {
	parts := s.key()
	s.deep(depth+len(parts), parts[0].at)
	around := s.path
	s.path += bytes(parts)
	s.long(len(parts), parts[0].at)
	s.expect('=')
	s.space(false)
	last := len(parts) - 1
	for _, k := range parts[:last] {
		next := table.children[k.name]
		if next == nil {
			next = &place{key: k.at, value: k.at}
			table.put(k.name, next)
		}
		table = next
	}
	v := s.value(depth + len(parts))
	v.key = parts[last].at
	if table.children[parts[last].name] != nil && s.root.twice == nil {
		s.root.twice = &v.key
	}
	table.put(parts[last].name, v)
	s.path = around
}

// value reads a value. It recurs as deep as values are nested, which is
// bounded.
func (s *scanner) value(depth int) *place {
	p := &place{key: s.here(), value: s.here()}
	switch s.peek() {
	case '"', '\'':
		p.text, p.segments = s.str()
	case '[':
		s.deep(depth+1, p.value)
		s.long(1, p.value)
		s.step()
		for s.space(true); s.peek() != ']'; s.space(true) {
			p.items = append(p.items, s.value(depth+1))
			s.space(true)
			if s.peek() == ',' {
				s.step()
			} else if s.peek() != ']' {
				panic(giveUp{})
			}
		}
		s.step()
	case '{':
		s.deep(depth+1, p.value)
		s.long(1, p.value)
		s.step()
		for s.space(true); s.peek() != '}'; s.space(true) {
			s.pair(p, depth+1)
			s.space(true)
			if s.peek() == ',' {
				s.step()
			} else if s.peek() != '}' {
				panic(giveUp{})
			}
		}
		s.step()
	default:
		from := s.pos
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\n\r", rune(s.peek())) {
			s.step()
		}
		if s.pos == from {
			panic(giveUp{})
		}
	}
	return p
}

// str reads a string of any of the four kinds, with the places of its parts.
func (s *scanner) str() (string, []graph.Segment) {
	quote := s.text[s.pos : s.pos+1]
	raw := quote == `'`
	long := s.starts(quote + quote + quote)
	s.step()
	if long {
		s.step()
		s.step()
		if s.starts("\r\n") {
			s.step()
		}
		if s.peek() == '\n' {
			s.step()
		}
	}
	var b strings.Builder
	var segments []graph.Segment
	mark := func() {
		at := s.here()
		segments = append(segments, graph.Segment{Offset: b.Len(), Line: at.line, Column: at.column})
	}
	mark()
	for {
		switch c := s.peek(); {
		case s.pos >= len(s.text):
			panic(giveUp{})
		case c == quote[0]:
			if !long {
				s.step()
				return b.String(), segments
			}
			run := 1
			for run < 5 && s.starts(strings.Repeat(quote, run+1)) {
				run++
			}
			if run < 3 {
				b.WriteString(s.text[s.pos : s.pos+run])
			} else {
				b.WriteString(strings.Repeat(quote, run-3))
			}
			for range run {
				s.step()
			}
			if run >= 3 {
				return b.String(), segments
			}
		case c == '\n':
			if !long {
				panic(giveUp{})
			}
			b.WriteByte(c)
			s.step()
			mark()
		case c == '\\' && !raw:
			s.escape(&b, long)
			mark()
		default:
			b.WriteByte(c)
			s.step()
		}
	}
}

var escapes = map[byte]string{
	'b': "\b", 't': "\t", 'n': "\n", 'f': "\f", 'r': "\r", 'e': "\x1b", '"': `"`, '\\': `\`,
}

var escapeDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// escape reads one escape; in a long string also a backslash before a line end,
// with the blanks and line ends after it.
func (s *scanner) escape(b *strings.Builder, long bool) {
	s.step()
	c := s.peek()
	if text, ok := escapes[c]; ok {
		b.WriteString(text)
		s.step()
		return
	}
	if n, ok := escapeDigits[c]; ok {
		s.step()
		var r rune
		for range n {
			d := strings.IndexByte("0123456789abcdef", s.peek()|0x20)
			if d < 0 {
				panic(giveUp{})
			}
			r = r<<4 | rune(d)
			s.step()
		}
		if !utf8.ValidRune(r) {
			panic(giveUp{})
		}
		b.WriteRune(r)
		return
	}
	if !long || !slices.Contains([]byte(" \t\r\n"), c) {
		panic(giveUp{})
	}
	for strings.IndexByte(" \t\r\n", s.peek()) >= 0 && s.pos < len(s.text) {
		s.step()
	}
}
