package schema

// JSON Pointers and the values that they lead to.

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
)

// foundBytes is about how much of a value a violation shows.
const foundBytes = 200

var tokenEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func escapeToken(t string) string { return tokenEscaper.Replace(t) }

func unescapeToken(t string) string {
	return strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
}

// pointerOf turns a location of the authority, which is percent-encoded, into a
// JSON Pointer.
func pointerOf(location string) string {
	location = strings.TrimPrefix(location, "#")
	if !strings.Contains(location, "%") {
		return location
	}
	tokens := strings.Split(location, "/")
	for i, t := range tokens {
		if plain, err := url.PathUnescape(t); err == nil {
			tokens[i] = plain
		}
	}
	return strings.Join(tokens, "/")
}

// lookup follows a JSON Pointer.
func lookup(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for t := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch parent := v.(type) {
		case map[string]any:
			next, ok := parent[unescapeToken(t)]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(parent) {
				return nil, false
			}
			v = parent[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// comparePointers orders pointers token by token, list indices as numbers, a
// parent before its children.
func comparePointers(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a = firstToken(a)
		y, b = firstToken(b)
		if x == y {
			continue
		}
		if isIndex(x) && isIndex(y) && len(x) != len(y) {
			return cmp.Compare(len(x), len(y))
		}
		return cmp.Compare(x, y)
	}
	return cmp.Compare(len(a), len(b))
}

// isIndex reports whether t is a number as list indices are written, so that
// the longer of two is the greater.
func isIndex(t string) bool {
	for i := range len(t) {
		if t[i] < '0' || t[i] > '9' {
			return false
		}
	}
	return t == "0" || (t != "" && t[0] != '0')
}

func firstToken(pointer string) (token, rest string) {
	pointer = pointer[1:]
	if i := strings.IndexByte(pointer, '/'); i >= 0 {
		return pointer[:i], pointer[i:]
	}
	return pointer, ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// excerpt is the beginning of a decoded value as JSON, keys sorted, cut to about
// n bytes. Only what is shown is written out.
func excerpt(v any, n int) string { return cut(appendExcerpt(nil, v, n), n) }

// appendExcerpt stops soon after dst has more than n bytes.
func appendExcerpt(dst []byte, v any, n int) []byte {
	switch v := v.(type) {
	case string:
		return append(dst, document.String(begin(v, n)).Bytes()...)
	case json.Number:
		return append(dst, begin(string(v), n)...)
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst = appendExcerpt(dst, item, n); len(dst) > n {
				return dst
			}
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(dst, document.String(begin(k, n)).Bytes()...), ':')
			if dst = appendExcerpt(dst, v[k], n); len(dst) > n {
				return dst
			}
		}
		return append(dst, '}')
	}
	d, err := document.FromValue(v)
	if err != nil {
		return append(dst, '?')
	}
	return append(dst, d.Bytes()...)
}

// begin is what can be seen of a string of which n bytes are shown.
func begin(s string, n int) string {
	if len(s) <= n+utf8.UTFMax {
		return s
	}
	n += utf8.UTFMax
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// cut shortens text to about n bytes, on the border of a character.
func cut(text []byte, n int) string {
	if len(text) <= n {
		return string(text)
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return string(text[:n]) + "…"
}
