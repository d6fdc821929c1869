package document

// Decoding: a document's bytes to Go values.

import (
	"encoding/json"
	"errors"
)

// errUnchecked is what decoding answers for bytes that never were a document.
var errUnchecked = errors.New("decoding a document: its bytes are not JSON")

// Value is the document as Go values: map[string]any, []any, string,
// [json.Number] (exact, as it was spelled), bool and nil. It is decoded at most
// once and shared by all callers, who must not modify it. An absent document's
// value is nil.
//
// The error is always nil but for a [Trusted] document that was none.
func (d Document) Value() (any, error) {
	if d.s == nil {
		return nil, nil
	}
	m := d.s.worked()
	m.decode.Do(func() {
		// One copy of the text, of which all strings are parts.
		c := decoder{b: d.s.b, text: string(d.s.b)}
		v, end := c.value(0, 0)
		if c.bad || end != len(d.s.b) {
			m.err = errUnchecked
			return
		}
		m.value = v
	})
	return m.value, m.err
}

type decoder struct {
	b    []byte
	text string
	bad  bool
}

// value decodes the value at i and returns where it ends.
func (c *decoder) value(i, depth int) (any, int) {
	if i >= len(c.b) || depth > MaxDepth {
		c.bad = true
		return nil, len(c.b)
	}
	switch c.b[i] {
	case '{':
		return c.object(i, depth+1)
	case '[':
		return c.array(i, depth+1)
	case '"':
		return c.str(i)
	}
	end := scalarEnd(c.b, i)
	switch word := c.text[i:end]; word {
	case "true":
		return true, end
	case "false":
		return false, end
	case "null":
		return nil, end
	default:
		if !isNumber(c.b[i:end]) {
			c.bad = true
		}
		return json.Number(word), end
	}
}

func (c *decoder) str(i int) (string, int) {
	end, escaped := stringEnd(c.b, i)
	if end-i < 2 {
		c.bad = true
		return "", len(c.b)
	}
	if escaped {
		return string(unescape(c.b[i+1 : end-1])), end
	}
	return c.text[i+1 : end-1], end
}

func (c *decoder) array(i, depth int) ([]any, int) {
	list := []any{}
	i = skipSpace(c.b, i+1)
	for !c.bad && i < len(c.b) && c.b[i] != ']' {
		var v any
		v, i = c.value(i, depth)
		list = append(list, v)
		i = skipPast(c.b, i, ',')
	}
	if i >= len(c.b) {
		c.bad = true
	}
	return list, i + 1
}

func (c *decoder) object(i, depth int) (map[string]any, int) {
	fields := map[string]any{}
	i = skipSpace(c.b, i+1)
	for !c.bad && i < len(c.b) && c.b[i] != '}' {
		if c.b[i] != '"' {
			c.bad = true
			break
		}
		var key string
		key, i = c.str(i)
		var v any
		v, i = c.value(skipPast(c.b, i, ':'), depth)
		fields[key] = v
		i = skipPast(c.b, i, ',')
	}
	if i >= len(c.b) {
		c.bad = true
	}
	return fields, i + 1
}

// isNumber reports whether t is one of JSON's numbers.
func isNumber(t []byte) bool {
	if len(t) == 0 || t[0] != '-' && !isDigit(t[0]) {
		return false
	}
	end, missing := number(t, 0)
	return missing == "" && end == len(t)
}
