package cli

import (
	"strings"
	"unicode"
)

// printable keeps what a stranger wrote (a node, a graph, the name of a file)
// from steering the terminal: control characters and those that turn the
// direction of writing become visible, lines stay lines.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp):
			return '·'
		}
		return r
	}, s)
}

// indented is printable text of which only the first line begins at the margin,
// so that what a stranger wrote is not taken for a line of chainrun's own.
func indented(s string) string {
	return strings.ReplaceAll(printable(strings.TrimRight(s, "\n")), "\n", "\n    ")
}
