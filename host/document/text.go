package document

// Strings and structure: escapes there and back, and walks over bytes that were
// checked before. The walks never read outside the bytes, whatever they are.

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// hex4 reads four hexadecimal digits at i.
func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape is the content of a checked string, without its quotes.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		c := b[i]
		if c != '\\' || i+1 >= len(b) {
			out = append(out, c)
			i++
			continue
		}
		switch e := b[i+1]; e {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(b, i+2)
			if utf16.IsSurrogate(r) {
				lo, _ := hex4(b, i+8)
				r = utf16.DecodeRune(r, lo)
				i += 6
			}
			out = utf8.AppendRune(out, r)
			i += 4
		default:
			out = append(out, e)
		}
		i += 2
	}
	return out
}

// appendString writes s, which is valid UTF-8, as a JSON string with only those
// escapes that JSON demands, the short ones where there are any.
func appendString[S []byte | string](dst []byte, s S) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// quote shows a key in a complaint, cut to a readable length.
func quote(key []byte) string {
	const most = 60
	if len(key) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(key[cut]) {
			cut--
		}
		return strconv.Quote(string(key[:cut])) + "…"
	}
	return strconv.Quote(string(key))
}

// stringEnd is the index after the string that begins at i in checked text, and
// whether there is an escape in it.
func stringEnd(b []byte, i int) (end int, escaped bool) {
	for i++; i < len(b); {
		i = plainRun(b, i)
		for i < len(b) && b[i] >= 0x80 {
			i++
		}
		if i >= len(b) {
			break
		}
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			i++
		}
		i++
	}
	return len(b), escaped
}

// scalarEnd is the index after the number or word that begins at i.
func scalarEnd(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ',', ']', '}', ':', '"', '[', '{', ' ', '\n', '\r', '\t':
			return i
		}
		i++
	}
	return i
}

// content is the unescaped content of the string at b[start:end].
func content(b []byte, start, end int, escaped bool) []byte {
	if end-start < 2 {
		return nil
	}
	b = b[start+1 : end-1]
	if escaped {
		return unescape(b)
	}
	return b
}

// nesting counts the levels of containers in checked text.
func nesting(b []byte) int {
	deepest, depth := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			end, _ := stringEnd(b, i)
			i = end - 1
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}
