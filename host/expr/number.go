package expr

// The one kind of number: what it is, how it is read, compared and counted with.

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// A number is at run time one of three Go types:
//
//   - json.Number: as a document has it, not looked at yet;
//   - float64: anything below 2^53, whole or not;
//   - *big.Int: a whole number from 2^53 on.
//
// The last two are the normal form that [number] makes. A float64 of 2^53 or
// more is the whole number that its shortest decimal form says, because that
// form is what JSON would show; so a number is always what it looks like.
const exactLimit = 1 << 53

// maxDigits is how long a whole number can be: that of the largest double.
const maxDigits = 309

func errNotFinite() error { return failf("the result is beyond the range of numbers") }
func errDivZero() error   { return failf("division by zero") }

// number reads v as a number in normal form: f, or b where b is not nil. ok is
// false where v is no number; err tells of a number that is too large to count
// with.
func number(v any) (f float64, b *big.Int, ok bool, err error) {
	switch n := v.(type) {
	case float64:
		return n, nil, true, nil
	case json.Number:
		f, b, err = parseNumber(string(n))
		return f, b, true, err
	case *big.Int:
		return 0, n, true, nil
	}
	return 0, nil, false, nil
}

// parseNumber reads a JSON number in time linear in its length.
func parseNumber(s string) (float64, *big.Int, error) {
	if len(s) <= 15 {
		if f, ok := smallInteger(s); ok {
			return f, nil, nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		if len(s) > 40 {
			s = s[:40] + "…"
		}
		return 0, nil, failf("%s is beyond the range of numbers", s)
	}
	if math.Abs(f) < exactLimit {
		return f + 0, nil, nil
	}
	if b := wholeNumber(s); b != nil {
		return 0, b, nil
	}
	return 0, wholeNumber(strconv.FormatFloat(f, 'e', -1, 64)), nil
}

// smallInteger reads at most 15 digits, the common case, without ParseFloat.
func smallInteger(s string) (float64, bool) {
	digits, negative := s, false
	if strings.HasPrefix(s, "-") {
		digits, negative = s[1:], true
	}
	if digits == "" {
		return 0, false
	}
	n := int64(0)
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if negative {
		n = -n
	}
	return float64(n), true
}

// wholeNumber reads a JSON number whose size is known to be within the doubles
// as an exact integer; nil if it has a fraction.
func wholeNumber(s string) *big.Int {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil {
			return nil
		}
		mantissa, exponent = s[:i], e
	}
	negative := strings.HasPrefix(mantissa, "-")
	mantissa = strings.TrimPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	if exponent < 0 {
		cut := len(digits) + exponent
		if cut < 0 || strings.Trim(digits[cut:], "0") != "" {
			return nil
		}
		digits, exponent = digits[:cut], 0
	}
	if len(digits)+exponent > maxDigits {
		return nil
	}
	b, ok := new(big.Int).SetString(digits+strings.Repeat("0", exponent), 10)
	if !ok {
		return nil
	}
	if negative {
		b.Neg(b)
	}
	return b
}

// fromFloat brings the result of a calculation into normal form.
func fromFloat(f float64) (any, error) {
	if math.Abs(f) < exactLimit {
		return f + 0, nil // -0 is written 0
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, errNotFinite()
	}
	return wholeNumber(strconv.FormatFloat(f, 'e', -1, 64)), nil
}

// fromBig brings an exact integer into normal form.
func fromBig(b *big.Int) (any, error) {
	if b.BitLen() <= 53 {
		return float64(b.Int64()), nil
	}
	if b.BitLen() > 1024 {
		return nil, errNotFinite()
	}
	return b, nil
}

// isWhole reports whether a finite float has no fraction.
func isWhole(f float64) bool { return f == math.Trunc(f) }

// toFloat is the double nearest to a number in normal form.
func toFloat(f float64, b *big.Int) float64 {
	if b == nil {
		return f
	}
	r, _ := new(big.Float).SetInt(b).Float64()
	return r
}

// toBig is a number in normal form as an exact integer; nil if it has a fraction.
func toBig(f float64, b *big.Int) *big.Int {
	if b != nil {
		return b
	}
	if !isWhole(f) {
		return nil
	}
	return big.NewInt(int64(f))
}

// compareNumbers orders two numbers in normal form by value.
func compareNumbers(f float64, b *big.Int, g float64, c *big.Int) int {
	switch {
	case b == nil && c == nil:
		if f < g {
			return -1
		} else if f > g {
			return 1
		}
		return 0
	case b != nil && c != nil:
		return b.Cmp(c)
	case b != nil:
		return b.Sign() // larger than any double below 2^53
	default:
		return -c.Sign()
	}
}

// arithmetic is one of + - * / %. Whole numbers are exact however long they
// are; everything else is the nearest double.
func arithmetic(op byte, f float64, b *big.Int, g float64, c *big.Int) (any, error) {
	if op == '/' {
		if c == nil && g == 0 {
			return nil, errDivZero()
		}
		if x, y := toBig(f, b), toBig(g, c); (b != nil || c != nil) && x != nil && y != nil {
			if q, r := new(big.Int).QuoRem(x, y, new(big.Int)); r.Sign() == 0 {
				return fromBig(q)
			}
		}
		return fromFloat(toFloat(f, b) / toFloat(g, c))
	}
	if op == '%' {
		return modulo(f, b, g, c)
	}
	if b == nil && c == nil {
		r := 0.0
		switch op {
		case '+':
			r = f + g
		case '-':
			r = f - g
		case '*':
			r = f * g
		}
		if math.Abs(r) < exactLimit {
			return r + 0, nil
		}
	}
	x, y := toBig(f, b), toBig(g, c)
	if x == nil || y == nil {
		f, g = toFloat(f, b), toFloat(g, c)
		switch op {
		case '+':
			return fromFloat(f + g)
		case '-':
			return fromFloat(f - g)
		default:
			return fromFloat(f * g)
		}
	}
	r := new(big.Int)
	switch op {
	case '+':
		r.Add(x, y)
	case '-':
		r.Sub(x, y)
	default:
		r.Mul(x, y)
	}
	return fromBig(r)
}

// modulo is the remainder of whole numbers, with the sign of the dividend.
func modulo(f float64, b *big.Int, g float64, c *big.Int) (any, error) {
	x, y := toBig(f, b), toBig(g, c)
	switch {
	case x == nil:
		return nil, failf("%% needs whole numbers, found %s", formatFloat(f))
	case y == nil:
		return nil, failf("%% needs whole numbers, found %s", formatFloat(g))
	case y.Sign() == 0:
		return nil, errDivZero()
	case b == nil && c == nil:
		return math.Mod(f, g) + 0, nil
	}
	return fromBig(new(big.Int).Rem(x, y))
}

// formatNumber is a number in normal form as JSON shows it: a whole number
// without a fraction.
func formatNumber(f float64, b *big.Int) string {
	if b == nil {
		return formatFloat(f)
	}
	s := b.String()
	if len(s) <= 21 {
		return s
	}
	digits, sign := strings.TrimPrefix(s, "-"), s[:len(s)-len(strings.TrimPrefix(s, "-"))]
	short := strings.TrimRight(digits, "0")
	if len(digits)-len(short) <= 4 {
		return s
	}
	mantissa := short[:1]
	if len(short) > 1 {
		mantissa += "." + short[1:]
	}
	return sign + mantissa + "e+" + strconv.Itoa(len(digits)-1)
}

// formatFloat writes a double below 2^53 in its shortest form.
func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && a < 1e-6 {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		return strings.Replace(s, "e-0", "e-", 1)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
