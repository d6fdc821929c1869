package graph

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
)

// Source is what an author wrote, before defaults and checks: the input of
// [Build]. Package graphfile makes one from TOML; an embedder may fill one in
// by hand.
//
// A field with its zero value is "not written", and so gets its default.
// Positions are for diagnostics only and may be left out.
type Source struct {
	File        string // as diagnostics name it; also gives the name of a graph without one
	Version     int64  // 0 is taken as 1
	Name        string
	Description string
	Start       []Word // the first nodes; empty: found from the edges
	Chain       []Word // nodes in a row: an edge without condition from each to the next
	Deadline    time.Duration
	MaxSteps    int64
	Input       WireSource
	Output      WireSource
	State       []StateSource
	Defaults    NodeSource // any node key but module, graph and wait; its Name is not used
	Nodes       []NodeSource
	Edges       []EdgeSource

	Capabilities []Section // [capabilities.NAME]
	Secrets      []Section // [secrets.NAME]
	Budget       *Section  // [budget]

	// Graphs reads a graph that a node names, by a clean path with slashes
	// relative to this graph's folder; by is where it is named. The graph is nil
	// where the diagnostics have an error. nil: no graph can be named.
	Graphs func(name string, by Position) (*Graph, Diagnostics)

	// Partial says that whoever read the file has complained about something
	// that nodes and edges may depend on. Build then asks nothing about paths:
	// what it would miss may just not have been read.
	Partial bool

	Keys Positions // of the top keys: "version", "name", …; of tables: "input", "output"
}

// Positions says where keys were written. A key that is in it and whose field
// is zero was written with that value, which a missing key was not.
type Positions map[string]Position

// Find gives the place of the value at a JSON Pointer, or of the nearest one
// around it that is known, or else otherwise.
func (p Positions) Find(pointer string, otherwise Position) Position {
	for {
		if at, ok := p[pointer]; ok {
			return at
		}
		i := strings.LastIndexByte(pointer, '/')
		if i < 0 {
			return otherwise
		}
		pointer = pointer[:i]
	}
}

// Word is one string with its place: a node's name, a code.
type Word struct {
	Text string
	At   Position
}

// Value is a document with the places of what is in it.
type Value struct {
	Document document.Document // absent: not written
	At       Position
	// Places are those of the values inside, Keys those of their keys, by JSON
	// Pointer. May be nil.
	Places, Keys Positions
}

// Expression is an expression's text with its place.
type Expression struct {
	Text string // empty: not written
	At   Position
	// Segments say which part of Text stands where in the file, in order: it
	// differs from At by quotes, escapes and line breaks. May be nil.
	Segments []Segment
}

// Segment begins at Offset in an expression's text and at Line and Column in
// the file, and runs on in both alike until the next one.
type Segment struct {
	Offset, Line, Column int
}

// Position translates a place in the text to a place in the file. Both count
// from 1; column counts characters, as the compiler of expressions does.
func (e Expression) Position(line, column int) Position {
	offset := 0
	for ; line > 1; line-- {
		n := strings.IndexByte(e.Text[offset:], '\n')
		if n < 0 {
			break
		}
		offset += n + 1
	}
	for ; column > 1 && offset < len(e.Text); column-- {
		_, size := utf8.DecodeRuneInString(e.Text[offset:])
		offset += size
	}
	at := e.At
	for _, s := range e.Segments {
		if s.Offset > offset {
			break
		}
		at.Line, at.Column = s.Line, s.Column+offset-s.Offset
	}
	return at
}

// SchemaSource is a schema as written: a file's name, or the schema itself.
type SchemaSource struct {
	File   string // relative to the graph's folder
	Inline Value
	At     Position
}

// WireSource is [input] or [output].
type WireSource struct {
	Schema SchemaSource
	Value  Expression // the output's only
	At     Position
	Keys   Positions // "schema", "value"
}

// StateSource is one [state.KEY].
type StateSource struct {
	Name    string
	Initial Value
	Schema  SchemaSource
	Reduce  string
	At      Position
	Keys    Positions // "initial", "schema", "reduce"
}

// NodeSource is one [nodes.NAME], or [defaults].
type NodeSource struct {
	Name     string
	Module   string
	Graph    string
	Wait     bool
	Entry    string
	Encoding string
	Input    BindingSource
	Config   Value
	Write    []FieldSource // state key → expression
	// InputSchema and OutputSchema are the author's; the module may have its own.
	InputSchema  SchemaSource
	OutputSchema SchemaSource
	Fuel         int64
	Memory       int64 // bytes
	Timeout      time.Duration
	Deadline     time.Duration
	MaxVisits    int64
	Route        string
	Foreach      Expression
	Concurrency  int64
	OnError      string
	Cache        bool
	Retry        []RetrySource
	Grants       []Section // [nodes.NAME.grants.CAPABILITY]

	At   Position
	Keys Positions // of its keys: "module", "timeout", …
}

// BindingSource is a node's input: one expression, or a table of them.
type BindingSource struct {
	Expression Expression
	Fields     []FieldSource // where Expression is not written
	At         Position
}

// FieldSource is one key and its expression.
type FieldSource struct {
	Key        string
	Expression Expression
	At         Position // of the key
}

// RetrySource is one [[nodes.NAME.retry]].
type RetrySource struct {
	On              []Word
	MaxAttempts     int64
	InitialInterval *time.Duration // a pointer because 0 means something: at once
	MaxInterval     time.Duration
	Multiplier      float64
	Jitter          *float64 // a pointer because 0 means something: none
	MaxElapsed      time.Duration
	At              Position
	Keys            Positions
}

// EdgeSource is one [[edges]].
type EdgeSource struct {
	From, To Word
	When     Expression
	// On lists the codes of a failure edge. AnyError is on = "error".
	On       []Word
	AnyError bool
	At       Position
	Keys     Positions
}

// Section is a table that is handed on as it was written.
type Section struct {
	Name  string
	Value Value
	At    Position
}
