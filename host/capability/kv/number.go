package kv

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// The bounds of numbers that are added to.
const (
	maxDigits   = 400
	maxExponent = 400
)

// sum adds two JSON numbers exactly; false where one of them, or their sum, is
// beyond the bounds.
func sum(a, b document.Document) (document.Document, bool) {
	x, xe, ok := decimal(a)
	if !ok {
		return document.Document{}, false
	}
	y, ye, ok := decimal(b)
	if !ok {
		return document.Document{}, false
	}
	e := min(xe, ye)
	scale(x, xe-e)
	scale(y, ye-e)
	total := x.Add(x, y).String()
	if len(total) > 3*maxDigits {
		return document.Document{}, false
	}
	d, err := document.Parse([]byte(total+"e"+strconv.Itoa(e)), document.Limits{})
	if err != nil {
		return document.Document{}, false
	}
	d = document.Trusted(d.Canonical())
	_, _, ok = decimal(d)
	return d, ok
}

// decimal is a number as digits × 10^exponent.
func decimal(d document.Document) (digits *big.Int, exponent int, ok bool) {
	text := strings.ToLower(d.String())
	if d.Kind() != document.KindNumber || len(text) > 2*maxDigits {
		return nil, 0, false
	}
	mantissa, power, _ := strings.Cut(text, "e")
	if power != "" {
		n, err := strconv.Atoi(power)
		if err != nil || n > 2*maxExponent || n < -2*maxExponent {
			return nil, 0, false
		}
		exponent = n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	digits, ok = new(big.Int).SetString(whole+fraction, 10)
	if !ok || len(whole+fraction) > maxDigits || exponent > maxExponent || exponent < -maxExponent {
		return nil, 0, false
	}
	return digits, exponent, true
}

func scale(n *big.Int, by int) {
	n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(by)), nil))
}
