package pack

// What is wrong with a script, for its author.

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// A Diagnostic is one complaint about a script.
type Diagnostic struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	Text         string // what was found
	Hint         string // what to do about it; may be empty
}

// String gives "file:line:column: text; hint".
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.File)
	if d.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", d.Line, d.Column)
	}
	b.WriteString(": " + d.Text)
	if d.Hint != "" {
		b.WriteString("; " + d.Hint)
	}
	return b.String()
}

// A ScriptError says that a script cannot become a node, and why; its author can
// do something about it.
type ScriptError struct {
	Diagnostics []Diagnostic // at least one
}

// Error gives one diagnostic a line.
func (e *ScriptError) Error() string {
	lines := make([]string, len(e.Diagnostics))
	for n, d := range e.Diagnostics {
		lines[n] = d.String()
	}
	return strings.Join(lines, "\n")
}

// diagnostics translates esbuild's messages; its files are relative to dir.
func diagnostics(dir string, messages []api.Message) []Diagnostic {
	list := make([]Diagnostic, 0, len(messages))
	for _, m := range messages {
		d := Diagnostic{Text: m.Text}
		if l := m.Location; l != nil {
			d.File, d.Line, d.Column = filepath.Join(dir, filepath.FromSlash(l.File)), l.Line, l.Column+1
		}
		for _, n := range m.Notes {
			if n.Text != "" && n.Location == nil && d.Hint == "" {
				d.Hint = n.Text
			}
		}
		list = append(list, d)
	}
	return list
}
