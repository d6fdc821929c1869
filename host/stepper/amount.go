package stepper

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// amount is a number as sum, min and max count it: an exact decimal, so that it
// does not matter in which groups numbers are added.
type amount struct {
	small    int64
	large    *big.Int          // in place of small where that is too small; never changed
	exponent int               // the value is small or large × 10^exponent
	written  document.Document // as it was written; absent: it was worked out
}

// The bounds of a number that can be counted: an exact sum of numbers beyond
// them could have more digits than anybody can store.
const (
	maxNumberBytes    = 1000
	maxNumberExponent = 1000
)

// newAmount reads a number; false where the document is none that can be
// counted.
func newAmount(d document.Document) (*amount, bool) {
	text := d.Bytes()
	if d.Kind() != document.KindNumber || len(text) > maxNumberBytes {
		return nil, false
	}
	mantissa, rest := text, []byte(nil)
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		mantissa, rest = text[:i], text[i+1:]
	}
	a := &amount{written: d}
	if rest != nil {
		e, err := strconv.Atoi(string(rest))
		if err != nil || e < -maxNumberExponent || e > maxNumberExponent {
			return nil, false
		}
		a.exponent = e
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	a.exponent -= len(fraction)
	digits := whole
	if len(fraction) > 0 {
		digits = append(append(make([]byte, 0, len(text)), whole...), fraction...)
	}
	var err error
	if a.small, err = strconv.ParseInt(string(digits), 10, 64); err == nil {
		return a, true
	}
	var ok bool
	a.large, ok = new(big.Int).SetString(string(digits), 10)
	return a, ok
}

// digits are those of the amount, not to be changed.
func (a *amount) digits() *big.Int {
	if a.large != nil {
		return a.large
	}
	return big.NewInt(a.small)
}

// counts reports whether a reducer works on numbers.
func counts(r graph.Reduce) bool {
	return r == graph.ReduceSum || r == graph.ReduceMin || r == graph.ReduceMax
}

// add reduces two amounts, the first of which is earlier; nil is none.
func add(r graph.Reduce, a, b *amount) *amount {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	if r == graph.ReduceSum && a.large == nil && b.large == nil && a.exponent == b.exponent {
		sum := a.small + b.small
		if (sum > a.small) == (b.small > 0) { // it has not overflowed
			return &amount{small: sum, exponent: a.exponent}
		}
	}
	x, y, exponent := a.aligned(b)
	if r == graph.ReduceSum {
		return &amount{large: new(big.Int).Add(x, y), exponent: exponent}
	}
	if order := x.Cmp(y); r == graph.ReduceMin && order > 0 || r == graph.ReduceMax && order < 0 {
		return b
	}
	return a
}

// aligned writes two amounts with one exponent.
func (a *amount) aligned(b *amount) (x, y *big.Int, exponent int) {
	exponent = min(a.exponent, b.exponent)
	return a.shifted(exponent), b.shifted(exponent), exponent
}

func (a *amount) shifted(exponent int) *big.Int {
	if a.exponent == exponent {
		return a.digits()
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(a.exponent-exponent)), nil)
	return power.Mul(power, a.digits())
}

// document is the amount as JSON, in normal form where it was worked out.
func (a *amount) document() document.Document {
	if !a.written.IsZero() {
		return a.written
	}
	text := a.digits().Append(nil, 10)
	text = strconv.AppendInt(append(text, 'e'), int64(a.exponent), 10)
	return document.Trusted(document.Trusted(text).Canonical())
}

// fits says why an update is not one that its key's reducer takes; nil where it
// is.
func fits(u update) []failure.Violation {
	want := ""
	switch kind := u.value.Kind(); u.key.Reduce {
	case graph.ReduceMerge:
		if kind != document.KindObject {
			want = "an object"
		}
	case graph.ReduceSum:
		want = "a number"
	case graph.ReduceMin, graph.ReduceMax:
		if kind != document.KindNull {
			want = "a number or null"
		}
	case graph.ReduceReplace, graph.ReduceAppend, graph.ReduceUnion:
	}
	if want == "" {
		return nil
	}
	if counts(u.key.Reduce) {
		if _, ok := newAmount(u.value); ok {
			return nil
		}
	}
	found := u.value.Kind().String()
	if found == "number" {
		want, found = fmt.Sprintf("a number of at most %d characters with an exponent within ±%d", maxNumberBytes, maxNumberExponent), "one beyond"
	}
	return []failure.Violation{{
		Keyword: "reduce", Message: fmt.Sprintf("reduce = %q takes %s", u.key.Reduce, want), Found: found,
	}}
}
