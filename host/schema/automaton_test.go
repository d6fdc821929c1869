package schema

import (
	"regexp"
	"testing"
)

// patterns are all that automata know and do not know.
var patterns = []string{
	``, `^$`, `$^`, `^`, `$`, `a`, `^a`, `a$`, `^a$`, `^a|b$`, `^[A-Z]-[0-9]+$`, `^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$`,
	`(?i)straSSe`, `(?i)k`, `^(?:a|ab)(?:c|bcd)$`, `(a*)*b`, `a{3,5}`, `^a{0}$`, `^.*$`, `(?s)^.$`, `^.$`, `[^a]`, `\d{4}-\d\d`, `\x00`,
	`\bword\b`, `(?m)^a$`, `x$y`, `^^a`, `a$$`, `(^a|b)c`, `(a|$)b?$`, `\pL+`, `é`, `[é-ü]`, `\S+\s\S+`, `a?a?a?a?a?aaaaa`, `(?:)*`, `a|`, `[^\x00-\x7f]`, `\z`, `\Aa\z`,
}

// heldPattern holds the automaton of a pattern against regexp.
func heldPattern(t *testing.T, source string, texts ...string) (known int) {
	t.Helper()
	re, err := regexp.Compile(source)
	if err != nil {
		return 0
	}
	a, p := newAutomaton(source), newPattern(re)
	for _, text := range texts {
		want := re.MatchString(text)
		if got := p.match([]byte(text)); got != want {
			t.Fatalf("%q on %q: %t, regexp: %t", source, text, got, want)
		}
		if a == nil {
			continue
		}
		if got, sure := a.match([]byte(text)); sure {
			known++
			if got != want {
				t.Fatalf("%q on %q: the automaton says %t, regexp %t", source, text, got, want)
			}
		}
	}
	return known
}

func TestAutomaton(t *testing.T) {
	texts := []string{
		"", "a", "b", "ab", "abc", "abcd", "abbcd", "aaa", "aaaaa", "aaaaaaaaaa", "xy", "x", "A-1002", "A-", "A-1x", "xA-1", "A-1\n", "\n", "a\n", "a\nb", "b\na",
		"someone@example.org", "someone@example", "STRASSE", "strasse", "word", "a word b", "swords", "2026-11-23", "\x00", "é", "aé", "éa", "K", "\xff", "a\xff", "ac", "bc", "xbc", "xac", " ", "a b", "\x7f",
	}
	known := 0
	for _, p := range patterns {
		known += heldPattern(t, p, texts...)
	}
	if known < 1000 {
		t.Errorf("the automata knew the answer in %d cases", known)
	}
	for _, p := range []string{`^[A-Z]-[0-9]+$`, `^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$`, `\d{4}-\d\d`} {
		if newAutomaton(p) == nil {
			t.Errorf("there is no automaton of %s", p)
		}
	}
	for _, p := range []string{`\bword\b`, `(?m)^a$`, `a{100}`, `(?:a|b)*a(?:a|b)(?:a|b)(?:a|b)(?:a|b)(?:a|b)(?:a|b)(?:a|b)`} {
		if newAutomaton(p) != nil {
			t.Errorf("there is an automaton of %s", p)
		}
	}
}

func FuzzAutomaton(f *testing.F) {
	for i, p := range patterns {
		f.Add(p, "aab", patterns[(i+1)%len(patterns)])
	}
	f.Fuzz(func(t *testing.T, source, one, other string) {
		if len(source) > 100 || len(one)+len(other) > 200 {
			t.Skip()
		}
		heldPattern(t, source, one, other, one+other, "")
	})
}
