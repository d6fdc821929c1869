package expr

// Functions over numbers.

import (
	"math"
	"math/big"
)

// mathGreatest and mathLeast are what the macros math.greatest and math.least
// call, with a list.
const (
	mathGreatest = "math.@max"
	mathLeast    = "math.@min"
)

var mathTable = []function{
	{mathGreatest, extreme("math.greatest", 1), extremes},
	{mathLeast, extreme("math.least", -1), extremes},
	{"math.ceil", onFloat("math.ceil", math.Ceil), number1},
	{"math.floor", onFloat("math.floor", math.Floor), number1},
	{"math.round", onFloat("math.round", math.Round), number1},
	{"math.trunc", onFloat("math.trunc", math.Trunc), number1},
	{"math.abs", absolute, number1},
	{"math.sign", sign, number1},
	{"math.sqrt", root, number1},
}

var extremes = []signature{calls(tNumber, tNumbers), calls(tNumber, tNumber)}

var number1 = []signature{calls(tNumber, tNumber)}

// one reads the argument of a function of one number.
func (f *frame) one(name string, v any) (float64, *big.Int, error) {
	n, b, ok, err := f.number(v)
	if err == nil && !ok {
		err = failf("%s needs a number, found %s", name, describe(v))
	}
	return n, b, err
}

func extreme(name string, sign int) func(f *frame, a []any) (any, error) {
	find := least(name, sign)
	return func(f *frame, a []any) (any, error) {
		if typeOf(a[0]) == typeNumber {
			return a[0], nil
		}
		l, err := asList(name, a[0])
		if err != nil {
			return nil, err
		}
		for _, v := range l {
			if typeOf(v) != typeNumber {
				return nil, failf("%s needs numbers, found %s", name, describe(v))
			}
		}
		return find(f, a)
	}
}

// onFloat is a function that gives back whole numbers beyond 2^53 as they are.
func onFloat(name string, do func(float64) float64) func(f *frame, a []any) (any, error) {
	return func(f *frame, a []any) (any, error) {
		n, b, err := f.one(name, a[0])
		if err != nil {
			return nil, err
		}
		if b != nil {
			return b, nil
		}
		return fromFloat(do(n))
	}
}

func absolute(f *frame, a []any) (any, error) {
	n, b, err := f.one("math.abs", a[0])
	if err != nil {
		return nil, err
	}
	if b != nil {
		return new(big.Int).Abs(b), nil
	}
	return math.Abs(n), nil
}

func sign(f *frame, a []any) (any, error) {
	n, b, err := f.one("math.sign", a[0])
	if err != nil {
		return nil, err
	}
	return float64(compareNumbers(n, b, 0, nil)), nil
}

func root(f *frame, a []any) (any, error) {
	n, b, err := f.one("math.sqrt", a[0])
	if err != nil {
		return nil, err
	}
	if n < 0 || b != nil && b.Sign() < 0 {
		return nil, failf("math.sqrt of a negative number")
	}
	return fromFloat(math.Sqrt(toFloat(n, b)))
}
