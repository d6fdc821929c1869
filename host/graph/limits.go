package graph

// The keys that every grant may have, and the amounts in them.

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// The most that limits and budgets may allow. They leave room to add.
const (
	maxAmount    = 1 << 60       // calls, bytes, tokens
	maxCostUnits = 1_000_000_000 // of the unit of the prices
	maxMethods   = 256
)

// limitKeys are the common keys of grants, in the order of the documentation.
var limitKeys = []string{"calls", "bytes", "tokens", "cost", "methods"}

// LimitKeys are the names of the keys that every grant may have.
func LimitKeys() []string { return slices.Clone(limitKeys) }

// Fault is what is wrong with a value in a table.
type Fault struct {
	Pointer string // RFC 6901, within the table
	Code    string // of a diagnostic
	Text    string // begins with the key
	Hint    string
}

// ReadLimits reads the common keys of a grant's terms, but those that are the
// capability's own. own may be nil: none is. What is wrong with a key is a fault,
// and its limit is not set.
func ReadLimits(terms document.Document, own func(key string) bool) (Limits, []Fault) {
	var l Limits
	var found []Fault
	for _, f := range terms.Fields() {
		if !slices.Contains(limitKeys, f.Key) || own != nil && own(f.Key) {
			continue
		}
		var fault *Fault
		switch f.Key {
		case "calls":
			l.Calls, fault = wholeAmount(f)
		case "tokens":
			l.Tokens, fault = wholeAmount(f)
		case "bytes":
			l.Bytes, fault = sizeAmount(f)
		case "cost":
			l.Cost, fault = costAmount(f)
		case "methods":
			l.Methods, fault = methodList(f)
		}
		if fault != nil {
			found = append(found, *fault)
		}
	}
	return l, found
}

func wrongAmount(f document.Field, code, expected, hint string) *Fault {
	text := fmt.Sprintf("%s: found %s, expected %s", f.Key, shown(f.Value), expected)
	return &Fault{Pointer: "/" + pointerToken(f.Key), Code: code, Text: text, Hint: hint}
}

// shown is a value as a complaint names it.
func shown(d document.Document) string {
	switch d.Kind() {
	case document.KindObject:
		return "a table"
	case document.KindArray:
		return "an array"
	case document.KindAbsent, document.KindNull, document.KindBool, document.KindNumber, document.KindString:
	}
	text := d.String()
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}

var pointerTokens = strings.NewReplacer("~", "~0", "/", "~1")

func pointerToken(key string) string { return pointerTokens.Replace(key) }

const noBoundHint = "leave it out for no bound"

// wholeAmount reads a whole number from 1.
func wholeAmount(f document.Field) (int64, *Fault) {
	if f.Value.Kind() != document.KindNumber {
		return 0, wrongAmount(f, CodeWrongType, "an integer", "")
	}
	n, err := strconv.ParseInt(string(f.Value.Canonical()), 10, 64)
	if err != nil || n < 1 || n > maxAmount {
		return 0, wrongAmount(f, CodeBadValue, fmt.Sprintf("an integer from 1 to %d", int64(maxAmount)), noBoundHint)
	}
	return n, nil
}

// sizeAmount reads a number of bytes from 1, perhaps with a unit.
func sizeAmount(f document.Field) (int64, *Fault) {
	const expected = `a number of bytes or a size such as "16MiB"`
	if f.Value.Kind() == document.KindNumber {
		return wholeAmount(f)
	}
	s, ok := text(f.Value)
	if !ok {
		return 0, wrongAmount(f, CodeWrongType, expected, "")
	}
	n, hint, ok := ParseSize(s)
	switch {
	case !ok:
		return 0, wrongAmount(f, CodeBadValue, expected, hint)
	case n < 1 || n > maxAmount:
		return 0, wrongAmount(f, CodeBadValue, fmt.Sprintf("a size of 1 to %d bytes", int64(maxAmount)), noBoundHint)
	}
	return n, nil
}

// costAmount reads an amount of money, exactly, as billionths.
func costAmount(f document.Field) (int64, *Fault) {
	if f.Value.Kind() != document.KindNumber {
		return 0, wrongAmount(f, CodeWrongType, "a number such as 0.25", "")
	}
	outOfRange := func() (int64, *Fault) {
		return 0, wrongAmount(f, CodeBadValue, fmt.Sprintf("a number above 0, at most %d", maxCostUnits), noBoundHint)
	}
	number := string(f.Value.Canonical()) // exact
	_, exponent, _ := strings.Cut(number, "e")
	inexact := func() (int64, *Fault) {
		return 0, wrongAmount(f, CodeBadValue, "at most nine digits after the point: amounts are counted in billionths", "")
	}
	switch {
	case strings.HasPrefix(number, "-") || number == "0" || strings.HasPrefix(exponent, "+"):
		return outOfRange()
	case len(exponent) > len("-99"), len(number) > 100:
		return inexact()
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return outOfRange()
	}
	r.Mul(r, big.NewRat(1_000_000_000, 1))
	switch {
	case r.Cmp(big.NewRat(maxCostUnits*1_000_000_000, 1)) > 0:
		return outOfRange()
	case !r.IsInt():
		return inexact()
	}
	return r.Num().Int64(), nil
}

// methodList reads a list of names without repeats.
func methodList(f document.Field) ([]string, *Fault) {
	const expected = `a list of methods such as ["get"]`
	if f.Value.Kind() != document.KindArray {
		hint := ""
		if s, ok := text(f.Value); ok {
			hint = fmt.Sprintf("write [%q]", s)
		}
		return nil, wrongAmount(f, CodeWrongType, expected, hint)
	}
	items := f.Value.Items()
	if len(items) == 0 || len(items) > maxMethods {
		return nil, wrongAmount(f, CodeBadValue, fmt.Sprintf("1 to %d methods", maxMethods), "leave it out to grant all methods; without the whole table nothing is granted")
	}
	names := make([]string, 0, len(items))
	for i, d := range items {
		pointer := fmt.Sprintf("/%s/%d", f.Key, i)
		s, ok := text(d)
		switch {
		case !ok:
			return nil, &Fault{pointer, CodeWrongType, fmt.Sprintf("%s[%d]: found %s, expected a string", f.Key, i, shown(d)), ""}
		case slices.Contains(names, s):
			return nil, &Fault{pointer, CodeDuplicate, fmt.Sprintf("%s: %q is listed twice", f.Key, s), "remove one"}
		}
		names = append(names, s)
	}
	return names, nil
}

// text gives a string document's characters.
func text(d document.Document) (string, bool) {
	if d.Kind() != document.KindString {
		return "", false
	}
	v, err := d.Value()
	s, ok := v.(string)
	return s, ok && err == nil
}
