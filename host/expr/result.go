package expr

// From a value back to a document.

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/document"
)

// result works n out, as a document.
func (f *frame) result(n node) (document.Document, error) {
	v, err := n.eval(f)
	if err != nil {
		return document.Document{}, err
	}
	return f.document(v)
}

// The results of most expressions, made once.
var docNull, docTrue, docFalse = document.Null(), document.MustParse("true"), document.MustParse("false")

// document is v as a document. What v shares with a variable's document as a
// whole stays the bytes of that document.
func (f *frame) document(v any) (document.Document, error) {
	if o, ok := v.(*optional); ok {
		if !o.present {
			return document.Document{}, failf("the result is an optional value that is absent; say what then, with .orValue(…)")
		}
		v = o.value
	}
	switch x := v.(type) {
	case nil:
		return docNull, nil
	case bool:
		if x {
			return docTrue, nil
		}
		return docFalse, nil
	}
	if d, ok := f.origin(v); ok {
		return d, nil
	}
	size := MaxBytes
	j, err := f.json(v, 0, &size)
	if err != nil {
		return document.Document{}, err
	}
	d, err := document.FromValue(j)
	if err != nil {
		return document.Document{}, failf("the result is no JSON: %v", err)
	}
	if err := d.Within(document.Limits{Bytes: MaxBytes}); err != nil {
		return document.Document{}, failf("the result is no document: %v", err)
	}
	return d, nil
}

// origin is the document that v is the whole value of.
func (f *frame) origin(v any) (document.Document, bool) {
	switch v.(type) {
	case map[string]any, []any:
	default:
		return document.Document{}, false
	}
	for i, name := range f.names {
		if same(f.slots[i], v) {
			return f.vars[name], true
		}
	}
	return document.Document{}, false
}

// same reports whether two values are one and the same object or list.
func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && reflect.ValueOf(x).UnsafePointer() == reflect.ValueOf(y).UnsafePointer()
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	}
	return false
}

// maxDepth is where the way down a value ends at the latest; a document may
// not be as deep.
const maxDepth = 1000

// json gives v as document.FromValue takes it, and sees to it that the result
// is bounded: an expression can make a small value whose JSON is huge, by
// having one list in another many times.
func (f *frame) json(v any, depth int, left *int) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, failf("the result is nested more than %d deep", maxDepth)
	}
	size := 4
	switch x := v.(type) {
	case nil, bool:
	case string:
		size = len(x) + 2
	case json.Number:
		size = len(x)
	case float64:
		v = json.Number(formatFloat(x))
	case *big.Int:
		v = json.Number(formatNumber(0, x))
		size = maxDigits
	case []byte, typeValue, time.Time, time.Duration:
		return nil, failf("the result has %s in it, which is not a JSON value%s", describe(v), remedy(v))
	case *optional:
		return nil, failf("the result has %s in it", describe(v))
	}
	if d, ok := f.origin(v); ok {
		v, size = d, len(d.Bytes())
	}
	if *left -= size; *left < 0 {
		return nil, &stopped{text: fmt.Sprintf("makes a result of more than the limit of %d MiB", MaxBytes>>20), cause: ErrCost}
	}
	switch x := v.(type) {
	case []any:
		return f.jsonList(x, depth, left)
	case map[string]any:
		return f.jsonObject(x, depth, left)
	}
	return v, nil
}

func remedy(v any) string {
	switch v.(type) {
	case []byte, time.Time, time.Duration:
		return "; string(…) makes one of it"
	}
	return ""
}

func (f *frame) jsonList(l []any, depth int, left *int) (any, error) {
	var changed []any
	for i, v := range l {
		j, err := f.json(v, depth+1, left)
		if err != nil {
			return nil, err
		}
		if changed == nil && differs(v, j) {
			changed = slices.Clone(l)
		}
		if changed != nil {
			changed[i] = j
		}
	}
	if changed != nil {
		return changed, nil
	}
	return l, nil
}

func (f *frame) jsonObject(m map[string]any, depth int, left *int) (any, error) {
	var changed map[string]any
	keys, err := sortedKeys(f, m) // of two errors, always the same is told
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		v := m[k]
		*left -= len(k) + 4
		j, err := f.json(v, depth+1, left)
		if err != nil {
			return nil, err
		}
		if !differs(v, j) {
			continue
		}
		if changed == nil {
			changed = make(map[string]any, len(m))
			maps.Copy(changed, m)
		}
		changed[k] = j
	}
	if changed != nil {
		return changed, nil
	}
	return m, nil
}

// differs reports whether json made another value of v.
func differs(v, j any) bool {
	switch x := v.(type) {
	case float64, *big.Int:
		return true
	case []any:
		y, ok := j.([]any)
		return !ok || !same(x, y)
	case map[string]any:
		y, ok := j.(map[string]any)
		return !ok || !same(x, y)
	}
	return false
}
