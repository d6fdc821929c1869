package expr

// Functions that belong to no one type: size, conversions, types, optionals.

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"
)

var basicTable = []function{
	{"size", size, []signature{
		calls(tNumber, tString), calls(tNumber, tList), calls(tNumber, tMap),
		method(tNumber, tString), method(tNumber, tList), method(tNumber, tMap),
	}},
	{"dyn", func(_ *frame, a []any) (any, error) { return a[0], nil }, []signature{calls(tAny, tA)}},
	{
		"type", func(_ *frame, a []any) (any, error) { return typeOf(a[0]), nil },
		[]signature{calls(typeTypeOf(), tA)},
	},
	{"bool", toBool, []signature{calls(tBool, tBool), calls(tBool, tString)}},
	{"string", toString, []signature{
		calls(tString, tString), calls(tString, tNumber), calls(tString, tBool),
		calls(tString, tTime), calls(tString, tDuration),
	}},
	{"double", toNumber, []signature{calls(tNumber, tNumber), calls(tNumber, tString)}},
	{"int", toWhole, []signature{calls(tNumber, tNumber), calls(tNumber, tString), calls(tNumber, tTime)}},
	{"uint", toUnsigned, []signature{calls(tNumber, tNumber), calls(tNumber, tString)}},

	{
		"optional.of", func(_ *frame, a []any) (any, error) { return &optional{a[0], true}, nil },
		[]signature{calls(tOptional, tA)},
	},
	{"optional.none", func(*frame, []any) (any, error) { return none, nil }, []signature{calls(tOptional)}},
	{"optional.ofNonZeroValue", ofNonZero, []signature{calls(tOptional, tA)}},
	{"hasValue", hasValue, []signature{method(tBool, tOptional)}},
	{"value", optionalValue, []signature{method(tA, tOptional)}},
}

// size is the number of code points, elements or members.
func size(f *frame, a []any) (any, error) {
	switch x := a[0].(type) {
	case string:
		if err := f.spend(len(x) / bytesPerUnit); err != nil {
			return nil, err
		}
		return float64(utf8.RuneCountInString(x)), nil
	case []byte:
		return float64(len(x)), nil
	case []any:
		return float64(len(x)), nil
	case map[string]any:
		return float64(len(x)), nil
	}
	return nil, failf("size needs a string, a list or an object, found %s", describe(a[0]))
}

// contained is `in`.
func contained(f *frame, a []any) (any, error) {
	switch c := a[1].(type) {
	case []any:
		for _, v := range c {
			if same, err := f.equal(a[0], v); same || err != nil {
				return same, err
			}
		}
		return false, nil
	case map[string]any:
		k, ok := a[0].(string)
		if !ok {
			return false, nil
		}
		_, found := c[k]
		return found, nil
	}
	return nil, failf("in needs a list or an object on its right, found %s", describe(a[1]))
}

func toBool(_ *frame, a []any) (any, error) {
	switch x := a[0].(type) {
	case bool:
		return x, nil
	case string:
		switch x {
		case "true", "True", "TRUE", "t", "1":
			return true, nil
		case "false", "False", "FALSE", "f", "0":
			return false, nil
		}
		return nil, failf("bool: %q is neither true nor false", clip(x))
	}
	return nil, failf("bool needs a string, found %s", describe(a[0]))
}

func toString(f *frame, a []any) (any, error) {
	switch x := a[0].(type) {
	case string:
		return x, nil
	case bool:
		return strconv.FormatBool(x), nil
	case time.Time:
		return x.Format(time.RFC3339Nano), nil
	case time.Duration:
		return strconv.FormatFloat(x.Seconds(), 'f', -1, 64) + "s", nil
	case []byte:
		if !utf8.Valid(x) {
			return nil, failf("string: the bytes are no UTF-8")
		}
		return string(x), f.build(len(x))
	}
	n, b, ok, err := f.number(a[0])
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, failf("string needs a number, a boolean or a string, found %s", describe(a[0]))
	}
	s := formatNumber(n, b)
	return s, f.build(len(s))
}

// toNumber is double(x), which is every number's own value.
func toNumber(f *frame, a []any) (any, error) {
	v := a[0]
	if s, ok := v.(string); ok {
		if !json.Valid([]byte(s)) || len(s) > 2*maxDigits || s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
			return nil, failf("%q is no number", clip(s))
		}
		v = json.Number(s)
	}
	n, b, ok, err := f.number(v)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, failf("a number or a string that shows one is needed, found %s", describe(v))
	}
	if b != nil {
		return b, nil
	}
	return n, nil
}

// toWhole is int(x): what is behind the point is cut off.
func toWhole(f *frame, a []any) (any, error) {
	if t, ok := a[0].(time.Time); ok {
		return fromBig(big.NewInt(t.Unix()))
	}
	v, err := toNumber(f, a)
	if x, ok := v.(float64); ok && err == nil {
		return math.Trunc(x) + 0, nil
	}
	return v, err
}

// toUnsigned is uint(x): as int, and negative numbers are refused.
func toUnsigned(f *frame, a []any) (any, error) {
	v, err := toWhole(f, a)
	if err != nil {
		return nil, err
	}
	n, b, _, _ := number(v)
	if compareNumbers(n, b, 0, nil) < 0 {
		return nil, failf("uint: %s is negative", formatNumber(n, b))
	}
	return v, nil
}

func hasValue(_ *frame, a []any) (any, error) {
	o, ok := a[0].(*optional)
	if !ok {
		return nil, failf("hasValue needs an optional value, as x.?y is; found %s", describe(a[0]))
	}
	return o.present, nil
}

func optionalValue(_ *frame, a []any) (any, error) {
	o, ok := a[0].(*optional)
	switch {
	case !ok:
		return nil, failf("value needs an optional value, as x.?y is; found %s", describe(a[0]))
	case !o.present:
		return nil, failf("the optional value is absent")
	}
	return o.value, nil
}

// ofNonZero is absent for null, false, 0 and what is empty.
func ofNonZero(f *frame, a []any) (any, error) {
	var empty bool
	switch x := a[0].(type) {
	case nil:
		empty = true
	case bool:
		empty = !x
	case string:
		empty = x == ""
	case []byte:
		empty = len(x) == 0
	case []any:
		empty = len(x) == 0
	case map[string]any:
		empty = len(x) == 0
	case time.Duration:
		empty = x == 0
	case *optional:
		empty = !x.present
	default:
		n, b, ok, err := f.number(x)
		if err != nil {
			return nil, err
		}
		empty = ok && b == nil && n == 0
	}
	if empty {
		return none, nil
	}
	return &optional{a[0], true}, nil
}
