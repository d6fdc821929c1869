package graph

import (
	"fmt"
	"strings"
)

// Position is a place in a file. Line and Column count from 1; columns count
// bytes. The zero Position is "nowhere in particular".
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String gives file:line:column, leaving out what is not known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Severity says whether a diagnostic stops a run.
type Severity string

// Only errors stop a run.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Diagnostic is one complaint about a file.
type Diagnostic struct {
	Position
	Code     string   `json:"code"` // stable, snake_case, documented
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`           // what was found and what was expected; names the key
	Hint     string   `json:"hint,omitempty"` // what to do
}

// String gives the line that a person reads:
// graphs/shop.toml:12:5: node "charge" needs "cart": no such node (did you mean "card"?).
func (d Diagnostic) String() string {
	var b strings.Builder
	if at := d.Position.String(); at != "" {
		b.WriteString(at + ": ")
	}
	if d.Severity != Error && d.Severity != "" {
		b.WriteString(string(d.Severity) + ": ")
	}
	b.WriteString(d.Text)
	if d.Hint != "" {
		b.WriteString(" (" + d.Hint + ")")
	}
	return b.String()
}

// Diagnostics are all complaints about a graph, in the order of the file. As an
// error they mean: the graph cannot be run, tell the author.
type Diagnostics []Diagnostic //nolint:errname // a list of complaints first, an error second

// Failed reports whether any of them is an error.
func (ds Diagnostics) Failed() bool {
	for _, d := range ds {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Error lists them, one a line.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}
