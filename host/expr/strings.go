package expr

// Functions over strings. Places in a string are counted in code points.

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

var stringTable = []function{
	{"contains", onText("contains", strings.Contains), []signature{method(tBool, tString, tString)}},
	{"startsWith", onText("startsWith", strings.HasPrefix), []signature{method(tBool, tString, tString)}},
	{"endsWith", onText("endsWith", strings.HasSuffix), []signature{method(tBool, tString, tString)}},
	{"matches", matches, []signature{method(tBool, tString, tString), calls(tBool, tString, tString)}},
	{"charAt", charAt, []signature{method(tString, tString, tNumber)}},
	{"indexOf", indexOf, []signature{method(tNumber, tString, tString), method(tNumber, tString, tString, tNumber)}},
	{"lastIndexOf", lastIndexOf, []signature{
		method(tNumber, tString, tString), method(tNumber, tString, tString, tNumber),
	}},
	{"substring", substring, []signature{
		method(tString, tString, tNumber), method(tString, tString, tNumber, tNumber),
	}},
	{"lowerAscii", changed("lowerAscii", lowerASCII), []signature{method(tString, tString)}},
	{"upperAscii", changed("upperAscii", upperASCII), []signature{method(tString, tString)}},
	{
		"trim", changed("trim", func(s string) string { return strings.TrimFunc(s, unicode.IsSpace) }),
		[]signature{method(tString, tString)},
	},
	{"replace", replace, []signature{
		method(tString, tString, tString, tString), method(tString, tString, tString, tString, tNumber),
	}},
	{"split", split, []signature{method(tStrings, tString, tString), method(tStrings, tString, tString, tNumber)}},
	{"join", joinList, []signature{method(tString, tStrings), method(tString, tStrings, tString)}},
	{"strings.quote", changed("strings.quote", quote), []signature{calls(tString, tString)}},
}

// texts reads the arguments that must be strings, and pays for going over them.
func (f *frame) texts(name string, args ...any) error {
	n := 0
	for _, a := range args {
		s, ok := a.(string)
		if !ok {
			return failf("%s needs a string, found %s", name, describe(a))
		}
		n += len(s)
	}
	return f.spend(n / bytesPerUnit)
}

func onText(name string, do func(a, b string) bool) func(*frame, []any) (any, error) {
	return func(f *frame, a []any) (any, error) {
		if err := f.texts(name, a...); err != nil {
			return nil, err
		}
		return do(a[0].(string), a[1].(string)), nil
	}
}

// changed is a function that makes one string of one string, at most a few
// times longer.
func changed(name string, do func(string) string) func(*frame, []any) (any, error) {
	return func(f *frame, a []any) (any, error) {
		if err := f.texts(name, a[0]); err != nil {
			return nil, err
		}
		s := a[0].(string)
		if err := f.build(2 * len(s)); err != nil {
			return nil, err
		}
		return do(s), nil
	}
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

var quoter = strings.NewReplacer("\a", `\a`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`,
	"\v", `\v`, `\`, `\\`, `"`, `\"`)

func quote(s string) string { return `"` + quoter.Replace(s) + `"` }

// offset is the byte at which code point n of s begins; false beyond the end.
func offset(s string, n int) (int, bool) {
	if n < 0 {
		return 0, false
	}
	at := 0
	for ; n > 0; n-- {
		if at >= len(s) {
			return 0, false
		}
		_, w := utf8.DecodeRuneInString(s[at:])
		at += w
	}
	return at, true
}

func charAt(f *frame, a []any) (any, error) {
	if err := f.texts("charAt", a[0]); err != nil {
		return nil, err
	}
	n, err := f.integer(a[1], "the index")
	if err != nil {
		return nil, err
	}
	s := a[0].(string)
	at, ok := offset(s, n)
	if !ok {
		return nil, failf("index %d is out of range", n)
	}
	_, w := utf8.DecodeRuneInString(s[at:])
	return s[at : at+w], nil
}

func indexOf(f *frame, a []any) (any, error) {
	if err := f.texts("indexOf", a[0], a[1]); err != nil {
		return nil, err
	}
	s, from := a[0].(string), 0
	if len(a) > 2 {
		n, err := f.integer(a[2], "the offset")
		if err != nil {
			return nil, err
		}
		at, ok := offset(s, n)
		if !ok {
			return nil, failf("offset %d is out of range", n)
		}
		from = at
	}
	i := strings.Index(s[from:], a[1].(string))
	if i < 0 {
		return -1.0, nil
	}
	return float64(utf8.RuneCountInString(s[:from+i])), nil
}

func lastIndexOf(f *frame, a []any) (any, error) {
	if err := f.texts("lastIndexOf", a[0], a[1]); err != nil {
		return nil, err
	}
	s, sub := a[0].(string), a[1].(string)
	end := len(s)
	if len(a) > 2 {
		n, err := f.integer(a[2], "the offset")
		if err != nil {
			return nil, err
		}
		at, ok := offset(s, n)
		if !ok {
			return nil, failf("offset %d is out of range", n)
		}
		end = min(at+len(sub), len(s))
	}
	i := strings.LastIndex(s[:end], sub)
	if i < 0 {
		return -1.0, nil
	}
	return float64(utf8.RuneCountInString(s[:i])), nil
}

func substring(f *frame, a []any) (any, error) {
	if err := f.texts("substring", a[0]); err != nil {
		return nil, err
	}
	s := a[0].(string)
	start, err := f.integer(a[1], "the start")
	if err != nil {
		return nil, err
	}
	from, ok := offset(s, start)
	if !ok {
		return nil, failf("start %d is out of range", start)
	}
	to := len(s)
	if len(a) > 2 {
		end, err := f.integer(a[2], "the end")
		if err != nil {
			return nil, err
		}
		if to, ok = offset(s, end); !ok {
			return nil, failf("end %d is out of range", end)
		}
		if to < from {
			return nil, failf("the end %d is before the start %d", end, start)
		}
	}
	return s[from:to], nil
}

func replace(f *frame, a []any) (any, error) {
	if err := f.texts("replace", a[:3]...); err != nil {
		return nil, err
	}
	s, old, with, n := a[0].(string), a[1].(string), a[2].(string), -1
	if len(a) > 3 {
		limit, err := f.integer(a[3], "the number of replacements")
		if err != nil {
			return nil, err
		}
		n = limit
	}
	count := strings.Count(s, old)
	if n >= 0 {
		count = min(count, n)
	}
	if err := f.build(len(s) + count*max(len(with)-len(old), 0)); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, with, n), nil
}

func split(f *frame, a []any) (any, error) {
	if err := f.texts("split", a[:2]...); err != nil {
		return nil, err
	}
	s, by, n := a[0].(string), a[1].(string), -1
	if len(a) > 2 {
		limit, err := f.integer(a[2], "the number of parts")
		if err != nil {
			return nil, err
		}
		n = limit
	}
	count := strings.Count(s, by) + 1
	if n >= 0 {
		count = min(count, n)
	}
	if err := f.build(count * (16 + 16)); err != nil {
		return nil, err
	}
	parts := strings.SplitN(s, by, n)
	items := make([]any, len(parts))
	for i, p := range parts {
		items[i] = p
	}
	return items, nil
}

func joinList(f *frame, a []any) (any, error) {
	items, ok := a[0].([]any)
	if !ok {
		return nil, failf("join needs a list of strings, found %s", describe(a[0]))
	}
	by := ""
	if len(a) > 1 {
		if by, ok = a[1].(string); !ok {
			return nil, failf("join needs a string, found %s", describe(a[1]))
		}
	}
	if err := f.spend(len(items)); err != nil {
		return nil, err
	}
	var text strings.Builder
	for i, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, failf("join needs a list of strings, found %s in it", describe(item))
		}
		if i > 0 {
			s = by + s
		}
		if err := f.build(2 * len(s)); err != nil {
			return nil, err
		}
		text.WriteString(s)
	}
	return text.String(), nil
}

// maxPattern is how many instructions a regular expression may have.
const maxPattern = 2000

// pattern compiles a regular expression of bounded size. Go's take time linear
// in the text, whatever the pattern.
func pattern(s string) (*regexp.Regexp, int, error) {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, 0, failf("%v", err)
	}
	n := instructions(tree)
	if n > maxPattern {
		return nil, 0, failf("the regular expression is too large")
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, 0, failf("%v", err)
	}
	return re, n, nil
}

// instructions is an upper bound of the size of a compiled pattern, which grows
// with each repetition in it.
func instructions(re *syntax.Regexp) int {
	n := 2
	if re.Op == syntax.OpLiteral {
		n += len(re.Rune)
	}
	for _, sub := range re.Sub {
		n += instructions(sub)
		if n > maxPattern {
			return maxPattern + 1
		}
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Max, re.Min, 1)
	}
	return min(n, maxPattern+1)
}

func matches(f *frame, a []any) (any, error) {
	if err := f.texts("matches", a...); err != nil {
		return nil, err
	}
	p := a[1].(string)
	if err := f.build(64 * len(p)); err != nil {
		return nil, err
	}
	re, n, err := pattern(p)
	if err != nil {
		return nil, err
	}
	if err := f.build(100 * n); err != nil {
		return nil, err
	}
	return match(f, re, n, a[0].(string))
}

func match(f *frame, re *regexp.Regexp, n int, s string) (any, error) {
	if err := f.spend(n/8 + len(s)*n/8); err != nil {
		return nil, err
	}
	return re.MatchString(s), nil
}

// patternNode is x.matches("…") with a pattern that is known.
type patternNode struct {
	x    node
	re   *regexp.Regexp
	size int
}

func (n *patternNode) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	x, err := n.x.eval(f)
	if err != nil {
		return nil, err
	}
	s, ok := x.(string)
	if !ok {
		return nil, failf("matches needs a string, found %s", describe(x))
	}
	return match(f, n.re, n.size, s)
}
