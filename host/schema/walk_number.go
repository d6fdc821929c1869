package schema

// The walk over numbers: exact, in 64 bits, and without an opinion on what does
// not fit there.

import (
	"encoding/json"
	"math/big"
)

// fixed is the number mantissa / 10^scale.
type fixed struct {
	mantissa int64
	scale    int
}

// decimalDigits is how many digits a mantissa has at most.
const decimalDigits = 18

var powers = func() (p [decimalDigits + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// rescaled writes the number with another scale, where it fits.
func (d fixed) rescaled(scale int) (int64, bool) {
	up := scale - d.scale
	if up > decimalDigits {
		return 0, d.mantissa == 0
	}
	p := powers[up]
	if most := powers[decimalDigits] / p; d.mantissa > most || d.mantissa < -most {
		return 0, false
	}
	return d.mantissa * p, true
}

// aligned writes two numbers with the same scale.
func aligned(a, b fixed) (x, y int64, ok bool) {
	scale := max(a.scale, b.scale)
	x, okX := a.rescaled(scale)
	y, okY := b.rescaled(scale)
	return x, y, okX && okY
}

// exactly gives the fixed of a rational number, where there is one.
func exactly(r *big.Rat) (fixed, bool) {
	for scale := 0; scale <= decimalDigits; scale++ {
		scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt64(powers[scale]))
		if !scaled.IsInt() {
			continue
		}
		if m := scaled.Num(); m.IsInt64() {
			return fixed{m.Int64(), scale}, true
		}
		return fixed{}, false
	}
	return fixed{}, false
}

// number looks at the number at i.
func (w *walker) number(n *node, i int) (int, finding) {
	d, whole, end, ok := w.fixed(i)
	if !ok {
		return w.odd(n, i)
	}
	if n.kinds&isNumber == 0 && (n.kinds&isInteger == 0 || !whole) {
		return i, invalid
	}
	for _, c := range n.constants {
		if v := c.number(d); v != valid {
			return i, v
		}
	}
	if n.numbers == nil {
		return end, valid
	}
	return end, n.numbers.check(d)
}

// odd looks at a number that has many digits or an exponent.
func (w *walker) odd(n *node, i int) (int, finding) {
	end := i
	for end < len(w.b) && (w.b[end]-'0' <= 9 || w.b[end] == '-' || w.b[end] == '+' || w.b[end] == '.' || w.b[end] == 'e' || w.b[end] == 'E') {
		end++
	}
	if end == i || n.kinds&isNumber == 0 || n.constants != nil || n.numbers != nil || isHuge(json.Number(w.b[i:end])) {
		return i, unknown
	}
	return end, valid
}

// fixed reads a number without an exponent, of few digits: almost all are.
func (w *walker) fixed(i int) (d fixed, whole bool, end int, ok bool) {
	b, negative := w.b, false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	first, fraction := i, 0
	rest := int64(0) // of the fraction
	for ; i < len(b); i++ {
		c := b[i]
		if c-'0' <= 9 {
			if i-first > decimalDigits { // the point counts, too: less is allowed, never more
				return d, false, i, false
			}
			d.mantissa = d.mantissa*10 + int64(c-'0')
			if fraction > 0 {
				d.scale++
				rest |= int64(c - '0')
			}
			continue
		}
		if c != '.' || fraction > 0 {
			break
		}
		fraction = i
	}
	digits := i - first
	if fraction > 0 {
		digits--
	}
	if digits == 0 || digits > decimalDigits || i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		return d, false, i, false
	}
	if negative {
		d.mantissa = -d.mantissa
	}
	return d, rest == 0, i, true
}

// numberRules are the keywords about numbers.
type numberRules struct {
	bounds     []barrier
	multipleOf []fixed
	inexact    bool // one of them is no fixed
}

// barrier is a number that others must not pass.
type barrier struct {
	fixed
	upper, strict bool
}

func (r *numberRules) check(d fixed) finding {
	for _, b := range r.bounds {
		x, y, ok := aligned(d, b.fixed)
		switch {
		case !ok:
			return unknown
		case x == y && b.strict, x < y && !b.upper, x > y && b.upper:
			return invalid
		}
	}
	for _, m := range r.multipleOf {
		x, y, ok := aligned(d, m)
		switch {
		case !ok || y == 0:
			return unknown
		case x%y != 0:
			return invalid
		}
	}
	if r.inexact {
		return unknown
	}
	return valid
}

// number reports whether d is one of the constants.
func (c *constants) number(d fixed) finding {
	found := invalid
	if c.inexact {
		found = unknown
	}
	for _, one := range c.numbers {
		switch x, y, ok := aligned(d, one); {
		case !ok:
			found = unknown
		case x == y:
			return valid
		}
	}
	return found
}
