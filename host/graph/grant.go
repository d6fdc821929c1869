package graph

import (
	"github.com/chainrun/chainrun/host/document"
)

// Grant is what a node may ask of one capability: [nodes.NAME.grants.CAPABILITY].
type Grant struct {
	Capability string
	// Terms is the whole table as it was written, an object. What its keys beside
	// the common ones mean is the capability's business, see package plan.
	Terms document.Document
	// Limits are the common keys as far as they hold good. Package plan says what
	// is wrong with the others: it knows which keys are the capability's own.
	Limits Limits
	// Inherited says that [defaults] grants it, not the node itself.
	Inherited bool
	At        Position
	Places    Positions // of the values in Terms, by JSON Pointer
	Keys      Positions // of the keys in Terms, by JSON Pointer
}

// Limits are the keys that every grant may have. They count over all attempts of
// a step, or of an element of a foreach. 0: no limit, or the key is one of the
// capability's own.
type Limits struct {
	Calls  int64
	Bytes  int64 // of requests and answers together
	Tokens int64 // of input and output together
	Cost   int64 // billionths of the unit in which the prices are written
	// Methods are the methods that may be called; empty: all.
	Methods []string
}

// Settings are what a graph sets of a capability: [capabilities.NAME].
type Settings struct {
	Name string
	// Kind is the name under which the host offers what is set here; Name, where
	// the author wrote none.
	Kind   string
	Value  document.Document // the table without `kind`, an object
	At     Position
	KindAt Position  // of `kind`, or of the table
	Places Positions // of the values in the table, by JSON Pointer
	Keys   Positions // of the keys in the table, by JSON Pointer
}

// Secret is a reference to a value that the host alone reads: [secrets.NAME].
// Exactly one of Env and File is set.
type Secret struct {
	Name string
	Env  string // a variable of the environment
	File string // a file's name, absolute or relative to the graph's folder
	At   Position
}

// Budget bounds what a run may use up; beyond it the run ends with code budget.
// 0: no bound.
type Budget struct {
	Calls  int64
	Tokens int64
	Cost   int64 // billionths
	At     Position
}
