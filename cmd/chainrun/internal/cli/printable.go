package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable keeps what a stranger wrote (a node, a graph, the name of a file)
// from steering the terminal: control characters and those that turn the
// direction of writing become visible, lines stay lines.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case steers(r):
			return '·'
		}
		return r
	}, s)
}

// steers tells whether a character does something else than show itself.
func steers(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// indented is printable text of which only the first line begins at the margin,
// so that what a stranger wrote is not taken for a line of chainrun's own.
func indented(s string) string {
	return strings.ReplaceAll(printable(strings.TrimRight(s, "\n")), "\n", "\n    ")
}

// visibleJSON is a JSON text that means the same and holds no character that
// [printable] would replace: within a string each is written as an escape, and
// outside of strings there is none but line breaks and tabs.
func visibleJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r == '\n' || r == '\t' || !steers(r):
			out = utf8.AppendRune(out, r)
		default: // all of them are below U+10000
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
