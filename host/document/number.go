package document

// Numbers are exact decimals of any size. Their normal form is found on the
// digits alone: nothing is converted to a float, and no exponent is expanded,
// so that the work is linear in the text, whatever the number's size.

import (
	"bytes"
	"strconv"
)

// The window in which the normal form has no exponent: as in ECMAScript and
// RFC 8785, the decimal point stands at most 21 digits to the right, or 6 zeros
// to the left, of the first significant digit.
const (
	plainRight = 21
	plainLeft  = -6
)

// appendNumber writes the normal form of the number t, which must be one of
// JSON's: its significant digits without zeros around them, plain inside the
// window above (120, 0.001) and else as D.DDDe±N. Zero is 0, without a sign.
func appendNumber(dst, t []byte) []byte {
	if isShortInteger(t) || isShortDecimal(t) {
		return append(dst, t...)
	}
	mantissa, exponent := t, []byte(nil)
	if e := bytes.IndexAny(t, "eE"); e >= 0 {
		mantissa, exponent = t[:e], t[e+1:]
	}
	negative := len(mantissa) > 0 && mantissa[0] == '-'
	if negative {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	significant, point := significantDigits(whole, fraction)
	if len(significant) == 0 {
		return append(dst, '0')
	}
	if negative {
		dst = append(dst, '-')
	}
	// The value is 0.SIGNIFICANT × 10^(point+exponent).
	small, isSmall := smallExponent(exponent)
	if isSmall {
		if p := int64(point) + small; plainLeft < p && p <= plainRight {
			return appendPlain(dst, significant, int(p))
		}
	}
	dst = append(dst, significant[0])
	if len(significant) > 1 {
		dst = append(append(dst, '.'), significant[1:]...)
	}
	dst = append(dst, 'e')
	if isSmall {
		e := int64(point) + small - 1
		if e >= 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, e, 10)
	}
	return appendSum(dst, exponent, int64(point)-1)
}

// isShortInteger reports whether t is in normal form at a glance: an integer of
// at most 18 digits. Almost every number is.
func isShortInteger(t []byte) bool {
	if len(t) == 0 || len(t) > 18 {
		return false
	}
	if t[0] == '-' {
		return len(t) > 1 && t[1] != '0' && digits(t, 1) == len(t)
	}
	return digits(t, 0) == len(t)
}

// isShortDecimal reports whether t is in normal form at a glance: of at most 18
// characters, with a point and no exponent, whose first digit is no zero, or its only
// digit before the point, and the next none, and whose last is none.
func isShortDecimal(t []byte) bool {
	if len(t) < 3 || len(t) > 18 || t[len(t)-1] == '0' {
		return false
	}
	i := 0
	if t[0] == '-' {
		i = 1
	}
	point := digits(t, i)
	if point == i || point+1 >= len(t) || t[point] != '.' || digits(t, point+1) != len(t) {
		return false
	}
	return t[i] != '0' || point == i+1 && t[point+1] != '0'
}

// significantDigits are the digits of whole.fraction without leading and
// trailing zeros, and the place of the decimal point counted from the first.
func significantDigits(whole, fraction []byte) (significant []byte, point int) {
	fraction = bytes.TrimRight(fraction, "0")
	whole = bytes.TrimLeft(whole, "0")
	switch {
	case len(fraction) == 0:
		return bytes.TrimRight(whole, "0"), len(whole)
	case len(whole) == 0:
		rest := bytes.TrimLeft(fraction, "0")
		return rest, len(rest) - len(fraction)
	default:
		return append(append(make([]byte, 0, len(whole)+len(fraction)), whole...), fraction...), len(whole)
	}
}

// appendPlain writes 0.SIGNIFICANT × 10^point without an exponent.
func appendPlain(dst, significant []byte, point int) []byte {
	switch {
	case point <= 0:
		dst = append(dst, '0', '.')
		for range -point {
			dst = append(dst, '0')
		}
		return append(dst, significant...)
	case point >= len(significant):
		dst = append(dst, significant...)
		for range point - len(significant) {
			dst = append(dst, '0')
		}
		return dst
	default:
		dst = append(dst, significant[:point]...)
		dst = append(dst, '.')
		return append(dst, significant[point:]...)
	}
}

// smallExponent reads an exponent of at most 17 digits; an empty one is 0.
func smallExponent(e []byte) (int64, bool) {
	negative, magnitude := splitSign(e)
	if len(magnitude) > 17 {
		return 0, false
	}
	var n int64
	for _, c := range magnitude {
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// splitSign takes the sign and the leading zeros from an integer.
func splitSign(e []byte) (negative bool, magnitude []byte) {
	if len(e) > 0 && (e[0] == '+' || e[0] == '-') {
		negative, e = e[0] == '-', e[1:]
	}
	return negative, bytes.TrimLeft(e, "0")
}

// appendSum writes e + delta with its sign, where e is an integer of 18 digits
// or more and delta is a count of characters, so far smaller: digit by digit,
// because an exponent may itself have millions of digits.
func appendSum(dst, e []byte, delta int64) []byte {
	negative, magnitude := splitSign(e)
	sum := bytes.Clone(magnitude)
	if negative {
		delta = -delta
		dst = append(dst, '-')
	} else {
		dst = append(dst, '+')
	}
	for i := len(sum) - 1; i >= 0 && delta != 0; i-- {
		d := int64(sum[i]-'0') + delta
		delta = d / 10
		if d %= 10; d < 0 {
			d += 10
			delta--
		}
		sum[i] = byte('0' + d)
	}
	if delta > 0 {
		dst = strconv.AppendInt(dst, delta, 10)
	} else {
		sum = bytes.TrimLeft(sum, "0")
	}
	return append(dst, sum...)
}
