package secret

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The bounds of redaction.
const (
	// MinRedacted is the size in bytes from which on values are taken out of
	// documents and texts. Shorter ones would take half a text with them.
	MinRedacted = 8
	// MinLine is the size from which on a line of a value is a secret by itself.
	MinLine = 16
	// maxEscaped is the size up to which base64 of an escaped value is looked for.
	maxEscaped = 4 << 10
)

// forms are the automata that find a redactor's secrets, and what they find.
type forms struct {
	plain, code *automaton
	plains      []needle // by the automaton's index
	codes       []needle
}

// add puts in all forms of a value that are not found by decoding the text.
func (f *forms) add(secret int32, value string) {
	value = strings.TrimSpace(value)
	f.addPlain(secret, value)
	if repaired := string([]rune(value)); repaired != value && valid(value) >= MinRedacted {
		f.addPlain(secret, repaired) // what JSON makes of it
	}
	if strings.ContainsAny(value, "\r\n") {
		for line := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '\r' || r == '\n' }) {
			line = strings.TrimSpace(line)
			if len(line) >= MinLine && !strings.HasPrefix(line, "-----") {
				f.addPlain(secret, line)
			}
		}
	}
	f.addCode(secret, value)
	if len(value) <= maxEscaped {
		for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value), jsonEscape(value)} {
			if escaped != value {
				f.addCode(secret, escaped)
			}
		}
	}
}

// valid counts the bytes of s that are UTF-8.
func valid(s string) int {
	n := len(s)
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				n--
			}
		}
	}
	return n
}

func jsonEscape(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return s
	}
	return string(b[1 : len(b)-1])
}

func (f *forms) addPlain(secret int32, value string) {
	text := plainFolding.apply(value)
	if len(text) < 2 {
		return // line breaks alone
	}
	if f.plain.add(text, int32(len(f.plains)), false) {
		f.plains = append(f.plains, needle{secret: secret, size: int32(len(text))})
	}
}

// addCode adds the characters of base64 that a value alone decides, at each of
// the three places that it can have among what is encoded with it.
func (f *forms) addCode(secret int32, value string) {
	for before := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + value))
		bits := 8 * (before + len(value))
		n := needle{secret: secret, head: before > 0, tail: bits%6 != 0}
		from := (8*before + 5) / 6 // characters that have bits of what stands before
		core := []byte(encoded)[from : bits/6]
		n.size = int32(len(core))
		if f.code.add(core, int32(len(f.codes)), n.tail) {
			f.codes = append(f.codes, n)
		}
	}
}
