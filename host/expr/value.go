package expr

// The values that expressions work on, which are those of JSON and few more.

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

// The values of JSON are as Document.Value has them (nil, bool, string,
// json.Number, []any, map[string]any) with the numbers of number.go. An
// expression can hold these besides, but its result cannot:

// optional is what x.?y, x[?i] and optional.of make; none when absent.
type optional struct {
	value   any
	present bool
}

var none = &optional{}

// typeValue is what type(x) and the names of types are.
type typeValue string

// The names of types. All numbers are of one type.
const (
	typeNull     typeValue = "null_type"
	typeBool     typeValue = "bool"
	typeNumber   typeValue = "number"
	typeString   typeValue = "string"
	typeBytes    typeValue = "bytes"
	typeList     typeValue = "list"
	typeMap      typeValue = "map"
	typeType     typeValue = "type"
	typeOptional typeValue = "optional_type"
	typeTime     typeValue = "timestamp"
	typeDuration typeValue = "duration"
)

// failed stands in an accumulator for an element whose predicate failed: as in
// && and ||, a later element may still decide the result.
type failed struct{ err error }

// typeOf is the type of a value.
func typeOf(v any) typeValue {
	switch v.(type) {
	case nil:
		return typeNull
	case bool:
		return typeBool
	case float64, json.Number, *big.Int:
		return typeNumber
	case string:
		return typeString
	case []byte:
		return typeBytes
	case []any:
		return typeList
	case map[string]any:
		return typeMap
	case typeValue:
		return typeType
	case *optional:
		return typeOptional
	case time.Time:
		return typeTime
	default:
		return typeDuration
	}
}

// describe names a value's type in the words of JSON, for complaints.
func describe(v any) string {
	switch t := typeOf(v); t {
	case typeNull:
		return "null"
	case typeBool:
		return "a boolean"
	case typeNumber:
		return "a number"
	case typeString:
		return "a string"
	case typeBytes:
		return "bytes"
	case typeList:
		return "a list"
	case typeMap:
		return "an object"
	case typeType:
		return "a type"
	case typeOptional:
		return "an optional value (take its value with .orValue(…) or .value())"
	default:
		return "a " + string(t)
	}
}

// sortedKeys are the keys of m in the order in which everything goes over them.
func sortedKeys(f *frame, m map[string]any) ([]string, error) {
	if err := f.build(16 * len(m)); err != nil {
		return nil, err
	}
	if err := f.spend(len(m)); err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys, nil
}

// equal compares deeply. Values of different types are not equal; numbers are
// equal by value, however they are written.
func (f *frame) equal(a, b any) (bool, error) {
	if err := f.spend(1); err != nil {
		return false, err
	}
	switch x := a.(type) {
	case nil:
		return b == nil, nil
	case bool:
		y, ok := b.(bool)
		return ok && x == y, nil
	case string:
		y, ok := b.(string)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		return x == y, f.spend(len(x) / bytesPerUnit)
	case []byte:
		y, ok := b.([]byte)
		return ok && string(x) == string(y), nil
	case typeValue:
		y, ok := b.(typeValue)
		return ok && x == y, nil
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y), nil
	case time.Duration:
		y, ok := b.(time.Duration)
		return ok && x == y, nil
	case *optional:
		y, ok := b.(*optional)
		if !ok || x.present != y.present {
			return false, nil
		}
		if !x.present {
			return true, nil
		}
		return f.equal(x.value, y.value)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		for i := range x {
			if same, err := f.equal(x[i], y[i]); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		return f.equalMaps(x, y)
	}
	p, m, ok, err := f.number(a)
	if err != nil || !ok {
		return false, err
	}
	q, n, ok, err := f.number(b)
	if err != nil || !ok {
		return false, err
	}
	return compareNumbers(p, m, q, n) == 0, nil
}

// equalMaps goes over the keys in order where order can matter: two members may
// differ and a third may be a number that is too large to compare.
func (f *frame) equalMaps(x, y map[string]any) (bool, error) {
	keys, err := sortedKeys(f, x)
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		w, ok := y[k]
		if !ok {
			return false, nil
		}
		if same, err := f.equal(x[k], w); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// compare orders numbers, strings (by code points), booleans, timestamps and
// durations; values of two types have no order.
func (f *frame) compare(a, b any) (int, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), f.spend(min(len(x), len(y)) / bytesPerUnit)
		}
	case bool:
		if y, ok := b.(bool); ok {
			switch {
			case x == y:
				return 0, nil
			case y:
				return -1, nil
			}
			return 1, nil
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y), nil
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			return int(min(max(x-y, -1), 1)), nil
		}
	default:
		p, m, ok, err := f.number(a)
		if err != nil {
			return 0, err
		}
		q, n, also, err := f.number(b)
		if err != nil {
			return 0, err
		}
		if ok && also {
			return compareNumbers(p, m, q, n), nil
		}
	}
	return 0, failf("cannot compare %s with %s", describe(a), describe(b))
}

// integer reads v as a whole number of moderate size.
func (f *frame) integer(v any, what string) (int, error) {
	n, b, ok, err := f.number(v)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, failf("%s must be a whole number, found %s", what, describe(v))
	}
	if b != nil {
		return 0, failf("%s is out of range: %s", what, formatNumber(n, b))
	}
	if !isWhole(n) {
		return 0, failf("%s must be a whole number, found %s", what, formatFloat(n))
	}
	return int(n), nil
}
