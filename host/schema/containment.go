package schema

// Whether what one schema allows can satisfy another.

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// Verdict is what is known about documents of one shape that are bound for a
// place of another.
type Verdict int

const (
	// Unknown says that some documents may fit and others may not, or it was not found out.
	Unknown Verdict = iota
	// Compatible says that every document is proved to fit. Documents beyond the
	// bounds of a check, which fit nowhere, are left aside.
	Compatible
	// Incompatible says that no document can fit.
	Incompatible
)

// String is the verdict in lower case.
func (v Verdict) String() string {
	return [...]string{"unknown", "compatible", "incompatible"}[v]
}

// Contains compares what up allows with what down allows: the output schema of
// one node with the input schema of the next, for instance. It proves what it
// can in bounded time, and answers [Unknown] to the rest.
func Contains(down, up *Schema) Verdict {
	if down.Digest() == up.Digest() {
		return Compatible
	}
	v, _ := Compare(up.Shape(), down.Shape())
	return v
}

// Mismatch is one reason why no document fits.
type Mismatch struct {
	Pointer string // a JSON Pointer; the reason is about what stands there
	Given   string // what stands there: "a string", "at most 3"
	Wanted  string // what must stand there: "an object", "at least 5"
}

// String is the reason as a sentence without a full stop.
func (m Mismatch) String() string {
	at := "it"
	if m.Pointer != "" {
		at = strconv.Quote(m.Pointer)
	}
	return fmt.Sprintf("%s is %s, and must be %s", at, m.Given, m.Wanted)
}

// Compare is [Contains] for shapes. Where they are incompatible it says why.
func Compare(up, down *Shape) (Verdict, Mismatch) {
	r := newRelation()
	return r.compare(up, down)
}

func (r *relation) compare(up, down *Shape) (Verdict, Mismatch) {
	if r.within(up, down) {
		return Compatible, Mismatch{}
	}
	if r.intersect(up, down).IsEmpty() && !up.IsEmpty() {
		return Incompatible, r.explain("", up, down)
	}
	return Unknown, Mismatch{}
}

// explain says why two shapes have nothing in common.
func (r *relation) explain(pointer string, up, down *Shape) Mismatch {
	plain := Mismatch{Pointer: pointer, Given: up.String(), Wanted: down.String()}
	for _, x := range up.alternatives() {
		for _, y := range down.alternatives() {
			if x.kind != y.kind {
				continue
			}
			if m, ok := r.explainAtoms(pointer, x, y); ok {
				return m
			}
			return plain
		}
	}
	return plain
}

func (r *relation) explainAtoms(pointer string, x, y *atom) (Mismatch, bool) {
	switch x.kind { //nolint:exhaustive // the others are said by describing them
	case document.KindArray:
		for i := range min(max(len(x.prefix), len(y.prefix))+1, max(x.from, y.from)) {
			if a, b := x.item(i), y.item(i); !a.IsEmpty() && !b.IsEmpty() && r.intersect(a, b).IsEmpty() {
				return r.explain(pointer+"/"+strconv.Itoa(i), a, b), true
			}
		}
	case document.KindObject:
		if name, ok := impossible(y.required, x); ok {
			return Mismatch{Pointer: pointer, Given: "an object that never has " + strconv.Quote(name), Wanted: "one that has it"}, true
		}
		if name, ok := impossible(x.required, y); ok {
			return Mismatch{Pointer: pointer, Given: "an object that always has " + strconv.Quote(name), Wanted: "one without it"}, true
		}
		for _, name := range slices.Concat(x.required, y.required) {
			if a, b := x.member(name), y.member(name); r.intersect(a, b).IsEmpty() {
				return r.explain(pointer+"/"+escapeToken(name), a, b), true
			}
		}
	}
	return Mismatch{}, false
}

// impossible finds a name that an object cannot have.
func impossible(names []string, a *atom) (string, bool) {
	i := slices.IndexFunc(names, func(name string) bool { return a.member(name).IsEmpty() })
	if i < 0 {
		return "", false
	}
	return names[i], true
}

// String says in a few words what is in a shape: "null or an object".
func (s *Shape) String() string {
	var words []string
	for _, a := range s.alternatives() {
		if w := a.describe(); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	const shown = 4
	switch n := len(words); {
	case n == 0:
		return "nothing at all"
	case s.all:
		return "anything"
	case n == 1:
		return words[0]
	case n > shown:
		return strings.Join(words[:shown], ", ") + " or another of " + strconv.Itoa(n) + " kinds"
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}

func (a *atom) describe() string {
	switch a.kind {
	case document.KindNull:
		return "null"
	case document.KindBool:
		return [...]string{"", "false", "true", "a boolean"}[a.truths]
	case document.KindNumber:
		return a.describeNumber()
	case document.KindString:
		return a.describeString()
	case document.KindArray:
		return "a list" + a.describeSize("items")
	case document.KindObject:
		return "an object" + a.describeSize("members")
	case document.KindAbsent:
	}
	return "a value"
}

func (a *atom) describeNumber() string {
	word := "a number"
	if a.whole {
		word = "an integer"
	}
	if a.least != nil && a.most != nil && a.least.Cmp(a.most) == 0 {
		return decimal(a.least)
	}
	var bounds []string
	if a.least != nil {
		bounds = append(bounds, map[bool]string{true: "above ", false: "of at least "}[a.aboveLeast]+decimal(a.least))
	}
	if a.most != nil {
		bounds = append(bounds, map[bool]string{true: "below ", false: "of at most "}[a.belowMost]+decimal(a.most))
	}
	if len(bounds) == 0 {
		return word
	}
	return word + " " + strings.Join(bounds, " and ")
}

func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return strings.TrimRight(r.FloatString(6), "0")
}

func (a *atom) describeString() string {
	if a.values == nil {
		return "a string" + a.describeSize("characters")
	}
	const shown = 4
	words := make([]string, 0, shown)
	for _, v := range a.values[:min(len(a.values), shown)] {
		words = append(words, cut([]byte(strconv.Quote(v)), foundBytes))
	}
	if len(a.values) > shown {
		return strings.Join(words, ", ") + " or another of " + strconv.Itoa(len(a.values)) + " strings"
	}
	return strings.Join(words, " or ")
}

func (a *atom) describeSize(noun string) string {
	from, to := a.from, a.to
	if a.kind == document.KindObject { // what its members say is no size
		if from <= len(a.required) {
			from = 0
		}
		if a.rest.IsEmpty() && to > 0 && to == len(a.members) {
			to = -1
		}
	}
	switch {
	case from > 0 && to == from:
		return fmt.Sprintf(" of %d %s", to, noun)
	case from > 0 && to >= 0:
		return fmt.Sprintf(" of %d to %d %s", from, to, noun)
	case from > 0:
		return fmt.Sprintf(" of at least %d %s", from, noun)
	case to >= 0:
		return fmt.Sprintf(" of at most %d %s", to, noun)
	}
	return ""
}
