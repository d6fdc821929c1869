package nodes

// The functions that templates have beside those of text/template.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// functions are all but the builtin ones; an underscore at the end: not for authors.
var functions = map[string]any{
	"text_": written,
	"url_":  urlPart,
	"raw":   func(v any) any { return rawValue{v} },

	// Comparisons take numbers for numbers, and anything that is equal as JSON for equal.
	"eq": func(a any, more ...any) (bool, error) {
		if len(more) == 0 {
			return false, errors.New("eq needs something to compare with")
		}
		return slices.ContainsFunc(more, func(b any) bool { return equal(a, b) }), nil
	},
	"ne": func(a, b any) bool { return !equal(a, b) },
	"lt": func(a, b any) (bool, error) { c, err := compare(a, b); return c < 0, err },
	"le": func(a, b any) (bool, error) { c, err := compare(a, b); return c <= 0, err },
	"gt": func(a, b any) (bool, error) { c, err := compare(a, b); return c > 0, err },
	"ge": func(a, b any) (bool, error) { c, err := compare(a, b); return c >= 0, err },

	"add": func(a, b any) (any, error) {
		return calculate(a, b, (*big.Int).Add, func(a, b float64) float64 { return a + b })
	},
	"sub": func(a, b any) (any, error) {
		return calculate(a, b, (*big.Int).Sub, func(a, b float64) float64 { return a - b })
	},
	"mul": func(a, b any) (any, error) {
		return calculate(a, b, (*big.Int).Mul, func(a, b float64) float64 { return a * b })
	},
	"div": func(a, b any) (any, error) { return calculate(a, b, nil, func(a, b float64) float64 { return a / b }) },
	"mod": func(a, b any) (any, error) { return calculate(a, b, nil, math.Mod) },
	"fixed": func(digits int, v any) (string, error) {
		f, err := quantity(v)
		return strconv.FormatFloat(f, 'f', min(max(digits, 0), 100), 64), err
	},

	"upper":     strings.ToUpper,
	"lower":     strings.ToLower,
	"trim":      strings.TrimSpace,
	"contains":  func(part, s string) bool { return strings.Contains(s, part) },
	"hasPrefix": func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
	"hasSuffix": func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
	"replace": func(old, by, s string) (string, error) {
		if grown := strings.Count(s, old) * len(by); grown > maxBytes {
			return "", errTooLarge
		}
		return strings.ReplaceAll(s, old, by), nil
	},
	"split": func(separator, s string) []any {
		var parts []any
		for part := range strings.SplitSeq(s, separator) {
			parts = append(parts, part)
		}
		return parts
	},
	"join": func(separator string, list []any) (string, error) {
		var b bounded
		for i, v := range list {
			s, err := written(v)
			if err != nil {
				return "", err
			}
			if i > 0 {
				s = separator + s
			}
			if _, err := b.WriteString(s); err != nil {
				return "", err
			}
		}
		return b.String(), nil
	},
	"truncate": func(n int, s string) string {
		for i := range s {
			if n--; n < 0 {
				return s[:i]
			}
		}
		return s
	},
	"indent": func(n int, s string) (string, error) {
		pad := strings.Repeat(" ", min(max(n, 0), 100))
		if strings.Count(s, "\n")*len(pad) > maxBytes {
			return "", errTooLarge
		}
		return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
	},

	"json": func(v any) (string, error) { b, err := encode(v); return string(b), err },
	"prettyJSON": func(v any) (string, error) {
		b, err := encode(v)
		if err != nil {
			return "", err
		}
		var pretty bytes.Buffer
		err = json.Indent(&pretty, b, "", "  ")
		return pretty.String(), err
	},
	"default": func(otherwise, v any) any {
		if truth, _ := template.IsTrue(v); truth {
			return v
		}
		return otherwise
	},
	"has": func(key string, v any) bool { m, _ := v.(map[string]any); _, ok := m[key]; return ok },
	"get": func(key string, v any) any { m, _ := v.(map[string]any); return m[key] },
	"keys": func(m map[string]any) []any {
		var keys []any
		for _, k := range slices.Sorted(maps.Keys(m)) {
			keys = append(keys, k)
		}
		return keys
	},
	"first": func(list []any) any {
		if len(list) == 0 {
			return nil
		}
		return list[0]
	},
	"last": func(list []any) any {
		if len(list) == 0 {
			return nil
		}
		return list[len(list)-1]
	},
	// Functions of text/template that would write Go's view of a value.
	"print": func(v ...any) (string, error) { return printed(v, "") },
	"println": func(v ...any) (string, error) {
		s, err := printed(v, " ")
		return s + "\n", err
	},
}

// builtins are the functions of text/template that stay what they are.
var builtins = map[string]any{
	"and": true, "call": true, "html": true, "index": true, "js": true, "len": true, "not": true, "or": true,
	"printf": true, "slice": true, "urlquery": true,
}

func printed(values []any, between string) (string, error) {
	var b bounded
	for i, v := range values {
		s, err := written(v)
		if err != nil {
			return "", err
		}
		if i > 0 {
			s = between + s
		}
		if _, err := b.WriteString(s); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func equal(a, b any) bool {
	x, aNumber := exact(a)
	y, bNumber := exact(b)
	if aNumber && bNumber {
		return x.Cmp(y) == 0
	}
	return reflect.DeepEqual(a, b)
}

// compare orders two numbers, or two texts.
func compare(a, b any) (int, error) {
	x, aNumber := exact(a)
	y, bNumber := exact(b)
	if aNumber && bNumber {
		return x.Cmp(y), nil
	}
	s, aText := a.(string)
	t, bText := b.(string)
	if aText && bText {
		return strings.Compare(s, t), nil
	}
	return 0, fmt.Errorf("%s and %s cannot be compared: expected two numbers, or two texts", shortly(a), shortly(b))
}

// exact is a number without rounding, where it is one of a size to calculate with.
func exact(v any) (*big.Float, bool) {
	const precision = 2048
	switch v := v.(type) {
	case int:
		return new(big.Float).SetPrec(precision).SetInt64(int64(v)), true
	case float64:
		if math.IsNaN(v) {
			return nil, false
		}
		return new(big.Float).SetPrec(precision).SetFloat64(v), true
	case json.Number:
		if len(v) > 600 {
			return nil, false
		}
		return new(big.Float).SetPrec(precision).SetString(string(v))
	}
	return nil, false
}

// calculate gives an exact result of two integers, and a float64 of other numbers.
func calculate(a, b any, integers func(z, x, y *big.Int) *big.Int, floats func(a, b float64) float64) (any, error) {
	x, isX := integer(a)
	y, isY := integer(b)
	if integers != nil && isX && isY {
		z := integers(new(big.Int), x, y)
		if z.IsInt64() {
			return int(z.Int64()), nil
		}
		return json.Number(z.String()), nil
	}
	f, err := quantity(a)
	if err != nil {
		return nil, err
	}
	g, err := quantity(b)
	if err != nil {
		return nil, err
	}
	r := floats(f, g)
	if math.IsNaN(r) || math.IsInf(r, 0) {
		return nil, fmt.Errorf("%s and %s have no result", shortly(a), shortly(b))
	}
	if r == math.Trunc(r) && math.Abs(r) < 1<<53 {
		return int(r), nil
	}
	return r, nil
}

func integer(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case int:
		return big.NewInt(int64(v)), true
	case json.Number:
		if len(v) <= 600 {
			return new(big.Int).SetString(string(v), 10)
		}
	}
	return nil, false
}
