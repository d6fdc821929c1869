package document

// Building: Go values and other documents to a document.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Field is one member of an [Object].
type Field struct {
	Key   string
	Value Document
}

// Null is the document null.
func Null() Document { return Trusted([]byte("null")) }

// Bool is the document true or false.
func Bool(v bool) Document { return Trusted(strconv.AppendBool(nil, v)) }

// Int is the document of a whole number.
func Int(n int64) Document { return Trusted(strconv.AppendInt(nil, n, 10)) }

// String is the document of a string. Bytes of s that are no UTF-8 become
// U+FFFD.
func String(s string) Document {
	return Trusted(appendString(make([]byte, 0, len(s)+2), strings.ToValidUTF8(s, "\uFFFD")))
}

// Array is the document of a list, in order. An absent item becomes null.
func Array(items ...Document) Document {
	depth, size := 0, 2
	for _, d := range items {
		depth, size = max(depth, d.depth()), size+max(len(d.Bytes()), len("null"))+1
	}
	b := append(make([]byte, 0, size), '[')
	for i, d := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDocument(b, d)
	}
	return Document{&shared{b: append(b, ']'), depth: depth + 1}}
}

// manyFields is the number from which on keys are looked up in a map.
const manyFields = 8

// Object is the document of an object with these members in this order. Absent
// values are left out; of several fields with one key the last value stands, in
// the place of the first. Bytes of keys that are no UTF-8 become U+FFFD.
func Object(fields ...Field) Document {
	depth, size := 0, 2
	var few [manyFields]Field
	members := few[:0]
	var place map[string]int // of the members, where they are many
	if len(fields) > manyFields {
		members, place = make([]Field, 0, len(fields)), make(map[string]int, len(fields))
	}
	for _, f := range fields {
		if f.Value.IsZero() {
			continue
		}
		f.Key = strings.ToValidUTF8(f.Key, "\uFFFD")
		at, ok := place[f.Key]
		if place == nil {
			at = slices.IndexFunc(members, func(m Field) bool { return m.Key == f.Key })
			ok = at >= 0
		}
		if ok {
			members[at] = f
			continue
		}
		if place != nil {
			place[f.Key] = len(members)
		}
		members = append(members, f)
		size += len(f.Key) + len(f.Value.Bytes()) + 4
	}
	b := append(make([]byte, 0, size), '{')
	for i, f := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, f.Key), ':')
		b = appendDocument(b, f.Value)
		depth = max(depth, f.Value.depth())
	}
	return Document{&shared{b: append(b, '}'), depth: depth + 1}}
}

func appendDocument(dst []byte, d Document) []byte {
	if d.IsZero() {
		return append(dst, "null"...)
	}
	return append(dst, d.Bytes()...)
}

// What [FromValue] refuses.
var (
	errDeep   = fmt.Errorf("%w: more than %d levels", ErrTooDeep, MaxDepth)
	errUTF8   = errors.New("a string is not valid UTF-8")
	errNumber = errors.New("a number is not one of JSON's")
)

// FromValue makes a document of a Go value: nil, bool, string, [json.Number],
// the integers and floats, []any and map[string]any of such values, whose keys
// are written sorted, and [Document] (absent inside is null; absent itself
// stays absent). Everything else goes through [json.Marshal] and must give a
// document. Equal values give equal bytes.
//
// NaN and the infinities, invalid UTF-8 and nesting beyond [MaxDepth] are
// errors. There is no limit of size; see [Document.Within].
func FromValue(v any) (Document, error) {
	if d, ok := v.(Document); ok {
		return d, nil
	}
	e := encoder{}
	if err := e.value(v, 0); err != nil {
		return Document{}, fmt.Errorf("making a document: %w", err)
	}
	return Document{&shared{b: e.dst, depth: e.deepest}}, nil
}

type encoder struct {
	dst     []byte
	deepest int
}

func (e *encoder) value(v any, depth int) error {
	switch v := v.(type) {
	case nil:
		e.dst = append(e.dst, "null"...)
	case bool:
		e.dst = strconv.AppendBool(e.dst, v)
	case string:
		return e.str(v)
	case json.Number:
		if !isNumber([]byte(v)) {
			return fmt.Errorf("%w: %q", errNumber, string(v))
		}
		e.dst = append(e.dst, v...)
	case float64:
		return e.float(v, 64)
	case float32:
		return e.float(float64(v), 32)
	case int:
		e.dst = strconv.AppendInt(e.dst, int64(v), 10)
	case int32:
		e.dst = strconv.AppendInt(e.dst, int64(v), 10)
	case int64:
		e.dst = strconv.AppendInt(e.dst, v, 10)
	case uint:
		e.dst = strconv.AppendUint(e.dst, uint64(v), 10)
	case uint32:
		e.dst = strconv.AppendUint(e.dst, uint64(v), 10)
	case uint64:
		e.dst = strconv.AppendUint(e.dst, v, 10)
	case []any:
		return e.array(v, depth+1)
	case map[string]any:
		return e.object(v, depth+1)
	case Document:
		return e.document(v, depth)
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		d, err := Parse(b, Limits{Bytes: len(b), Depth: MaxDepth})
		if err != nil {
			return fmt.Errorf("encoding a %T: %w", v, err)
		}
		return e.document(d, depth)
	}
	return nil
}

func (e *encoder) enter(depth int) error {
	if depth > MaxDepth {
		return errDeep // also how a value that contains itself ends
	}
	e.deepest = max(e.deepest, depth)
	return nil
}

func (e *encoder) str(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %.60q", errUTF8, s)
	}
	e.dst = appendString(e.dst, s)
	return nil
}

// float writes the shortest decimal that reads back as f, in normal form.
func (e *encoder) float(f float64, size int) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%w: %v", errNumber, f)
	}
	e.dst = appendNumber(e.dst, strconv.AppendFloat(nil, f, 'e', -1, size))
	return nil
}

func (e *encoder) document(d Document, depth int) error {
	if err := e.enter(depth + d.depth()); err != nil {
		return err
	}
	e.dst = appendDocument(e.dst, d)
	return nil
}

func (e *encoder) array(list []any, depth int) error {
	if err := e.enter(depth); err != nil {
		return err
	}
	e.dst = append(e.dst, '[')
	for i, v := range list {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		if err := e.value(v, depth); err != nil {
			return err
		}
	}
	e.dst = append(e.dst, ']')
	return nil
}

func (e *encoder) object(fields map[string]any, depth int) error {
	if err := e.enter(depth); err != nil {
		return err
	}
	keys := make([]string, 0, len(fields))
	for k := range fields {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	e.dst = append(e.dst, '{')
	for i, k := range keys {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		if err := e.str(k); err != nil {
			return err
		}
		e.dst = append(e.dst, ':')
		if err := e.value(fields[k], depth); err != nil {
			return err
		}
	}
	e.dst = append(e.dst, '}')
	return nil
}
