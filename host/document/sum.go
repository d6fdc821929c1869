package document

// Sums of numbers, exact as the numbers are, within bounds.

import (
	"math/big"
	"strconv"
	"strings"
)

// The bounds of numbers that [Sum] adds, and of what it gives.
const (
	MaxSumDigits   = 400
	MaxSumExponent = 400 // of the last digit, either way
)

// Sum adds two numbers exactly; the sum is in normal form. It gives false where one
// of them is no number, or where one of them or the sum is beyond the bounds.
func Sum(a, b Document) (Document, bool) {
	x, xe, ok := decimal(a)
	if !ok {
		return Document{}, false
	}
	y, ye, ok := decimal(b)
	if !ok {
		return Document{}, false
	}
	e := min(xe, ye)
	scale(x, xe-e)
	scale(y, ye-e)
	total := x.Add(x, y).String()
	if len(total) > 3*MaxSumDigits {
		return Document{}, false
	}
	d, err := Parse([]byte(total+"e"+strconv.Itoa(e)), Limits{})
	if err != nil {
		return Document{}, false
	}
	d = Trusted(d.Canonical())
	if _, _, ok = decimal(d); !ok {
		return Document{}, false
	}
	return d, true
}

// decimal is a number as digits × 10^exponent.
func decimal(d Document) (digits *big.Int, exponent int, ok bool) {
	if d.Kind() != KindNumber || len(d.Bytes()) > 2*MaxSumDigits {
		return nil, 0, false
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(d.String()), "e")
	if power != "" {
		n, err := strconv.Atoi(power)
		if err != nil || n > 2*MaxSumExponent || n < -2*MaxSumExponent {
			return nil, 0, false
		}
		exponent = n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	digits, ok = new(big.Int).SetString(whole+fraction, 10)
	if !ok || len(whole+fraction) > MaxSumDigits || exponent > MaxSumExponent || exponent < -MaxSumExponent {
		return nil, 0, false
	}
	return digits, exponent, true
}

func scale(n *big.Int, by int) {
	n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(by)), nil))
}
