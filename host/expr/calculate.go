package expr

// The operators + - * / % on values of whatever type.

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"time"
)

// number is [number] within a budget: a document's number can be long.
func (f *frame) number(v any) (float64, *big.Int, bool, error) {
	switch n := v.(type) {
	case json.Number:
		if len(n) > bytesPerUnit {
			if err := f.spend(len(n) / (bytesPerUnit / 4)); err != nil {
				return 0, nil, false, err
			}
		}
	case *big.Int:
		if err := f.spend(n.BitLen() / 16); err != nil {
			return 0, nil, false, err
		}
	}
	return number(v)
}

func (n *calculation) eval(f *frame) (any, error) {
	a, b, err := both(f, n.x, n.y)
	if err != nil {
		return nil, err
	}
	return f.calculate(n.op, a, b)
}

func (f *frame) calculate(op byte, a, b any) (any, error) {
	p, m, ok, err := f.number(a)
	if err != nil {
		return nil, err
	}
	if ok {
		q, n, ok, err := f.number(b)
		if err != nil {
			return nil, err
		}
		if ok {
			r, err := arithmetic(op, p, m, q, n)
			if large, ok := r.(*big.Int); ok && err == nil {
				err = f.build(40 + large.BitLen()/8)
			}
			return r, err
		}
	}
	if op == '+' {
		if r, ok, err := f.join(a, b); ok || err != nil {
			return r, err
		}
	}
	if r, ok, err := timeArithmetic(op, a, b); ok || err != nil {
		return r, err
	}
	return nil, failf("cannot apply %c to %s and %s", op, describe(a), describe(b))
}

// join is + of strings and lists.
func (f *frame) join(a, b any) (any, bool, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			if err := f.build(len(x) + len(y)); err != nil {
				return nil, false, err
			}
			return x + y, true, nil
		}
	case []any:
		if y, ok := b.([]any); ok {
			if err := f.build(16 * (len(x) + len(y))); err != nil {
				return nil, false, err
			}
			return slices.Concat(x, y), true, nil
		}
	}
	return nil, false, nil
}

// timeArithmetic is + and - of timestamps and durations.
func timeArithmetic(op byte, a, b any) (any, bool, error) {
	if op != '+' && op != '-' {
		return nil, false, nil
	}
	if y, ok := b.(time.Duration); ok && op == '-' {
		if y == math.MinInt64 {
			return nil, false, failf("the duration is out of range")
		}
		b = -y // and then as for +
	}
	switch x := a.(type) {
	case time.Time:
		if y, ok := b.(time.Duration); ok {
			r, err := checkTime(x.Add(y))
			return r, true, err
		}
		if y, ok := b.(time.Time); ok && op == '-' {
			d := x.Sub(y)
			if !y.Add(d).Equal(x) {
				return nil, false, failf("the duration between the two timestamps is out of range")
			}
			return d, true, nil
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			r := x + y
			if (r > x) != (y > 0) {
				return nil, false, failf("the duration is out of range")
			}
			return r, true, nil
		}
		if y, ok := b.(time.Time); ok && op == '+' {
			r, err := checkTime(y.Add(x))
			return r, true, err
		}
	}
	return nil, false, nil
}
