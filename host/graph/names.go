package graph

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameBytes bounds a node's or a state key's name.
const maxNameBytes = 128

// reservedNames could not be written after a dot in an expression
// (inputs.true), because they are words of the expression language.
var reservedNames = []string{"true", "false", "null", "in"}

// nameFault says why a name of a node or a state key cannot be one; "" if it
// can. Step ids (review[2], score#17, sub/score) and expressions are made of
// names, so that the characters which those use are not allowed.
func nameFault(name string) string {
	if name == "" {
		return "a name cannot be empty"
	}
	if len(name) > maxNameBytes {
		return "a name has at most 128 bytes"
	}
	if !utf8.ValidString(name) {
		return "a name is UTF-8"
	}
	if slices.Contains(reservedNames, name) {
		return "the word is reserved: it means something in expressions"
	}
	for i, r := range name {
		switch {
		case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
		case r == '-' && i > 0:
		case unicode.IsMark(r) && i > 0:
		default:
			return "a name is made of letters, digits, _ and -, and does not begin with -"
		}
	}
	return ""
}

// maxNearest bounds the names that are compared, so that a large graph with
// many mistakes is still refused quickly.
const maxNearest = 20_000

// Nearest gives the one of names that was probably meant by name; "" where none
// is near. Of several equally near it is the first.
func Nearest(name string, names []string) string {
	if len(name) > maxNameBytes {
		return ""
	}
	lower := []rune(strings.ToLower(name))
	best, bound := "", max(1, len(lower)/3)+1
	for _, n := range names[:min(len(names), maxNearest)] {
		if n == "" || n == name || len(n) > maxNameBytes {
			continue
		}
		if d := distance(lower, []rune(strings.ToLower(n)), bound); d < bound {
			best, bound = n, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between a and b; anything from bound on is the same to it.
func distance(a, b []rune, bound int) int {
	if d := len(a) - len(b); d >= bound || -d >= bound {
		return bound
	}
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		least := row[0]
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
			least = min(least, row[j+1])
		}
		if least >= bound {
			return bound
		}
		before, last = last, row
	}
	return last[len(b)]
}
