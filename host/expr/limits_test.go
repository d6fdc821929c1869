package expr_test

// Hostile expressions end, soon and within their memory.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
)

// nest makes f(f(…f(inner))).
func nest(inner, before, after string, n int) string {
	return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
}

// doubling names a value and its double, n times: cel.bind(a1, [a0, a0], …).
// In double and last, $ is the name before.
func doubling(n int, first, double, last string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "cel.bind(a0, %s, ", first)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&s, "cel.bind(a%d, %s, ", i, strings.ReplaceAll(double, "$", fmt.Sprintf("a%d", i-1)))
	}
	s.WriteString(strings.ReplaceAll(last, "$", fmt.Sprintf("a%d", n)))
	return s.String() + strings.Repeat(")", n+1)
}

func TestHostile(t *testing.T) {
	long := strings.Repeat("ab", 200_000)
	vars := map[string]document.Document{
		"input": document.String(long),
		"state": document.MustParse("[" + strings.Repeat("1,", 99_999) + "1]"),
		"run":   document.MustParse(nest("1", "[", "]", 500)),
		"item":  document.MustParse("1" + strings.Repeat("0", 100_000)),
		"index": document.MustParse("0." + strings.Repeat("3", 1_000_000)),
	}
	for name, src := range map[string]string{
		"loop over loop":        `state.map(x, state.map(y, x * y))`,
		"loops that find none":  `state.exists(x, state.exists(y, state.exists(z, x + y + z < 0)))`,
		"loops over literals":   `input == '' ? 0 : ` + nest("x", "[1,2,3,4,5,6,7,8,9].map(x, ", ")", 6) + `.size()`,
		"growing text":          doubling(28, `input`, `$ + $`, `$.size()`),
		"growing list":          doubling(28, `state`, `$ + $`, `$.size()`),
		"growing result":        doubling(28, `[input]`, `[$, $]`, `$`),
		"growing comparison":    doubling(28, `[input.size()]`, `[$, $]`, `$ == $`),
		"growing object":        doubling(28, `{'x': input}`, `{'l': $, 'r': $}`, `$`),
		"growing flatten":       doubling(28, `[input.size()]`, `[$, $]`, `$.flatten(60)`),
		"growing format":        doubling(20, `input`, `"%s%s%s%s%s%s%s%s".format([$, $, $, $, $, $, $, $])`, `$`),
		"format of a dag":       doubling(28, `[input.size()]`, `[$, $]`, `"%s".format([$])`),
		"format of digits":      `state.map(x, "%.100f%.100f%.100f".format([1e300 / x, 1e300, 1e300]))`,
		"growing types":         doubling(90, `{'x': input}`, `{'l': $, 'r': $}`, `$`),
		"growing join":          `state.map(x, input).join(input).size()`,
		"growing replace":       `input.replace('', input)`,
		"growing replace loop":  doubling(20, `input`, `$.replace('a', 'aaaaaaaa')`, `$`),
		"many splits":           `state.map(x, input.split(''))`,
		"large range":           `lists.range(1000000).map(x, lists.range(1000000))`,
		"range out of range":    `lists.range(state.size() * 1000000)`,
		"distinct is quadratic": `state.transformList(i, x, i).distinct()`,
		"sort":                  doubling(5, `state`, `$ + $`, `$.sortBy(x, string(x))`),
		"sets":                  `sets.equivalent(state.transformList(i, x, i), state.transformList(i, x, -i))`,
		"large pattern":         `input.matches('(((a{30}){30}){30}){30}' + input.substring(0, 0))`,
		"pattern on long text":  `state.exists(x, input.matches('(a*)*(a*)*(a*)*c' + string(x)))`,
		"long pattern":          `input.matches(input)`,
		"known pattern":         `input.matches('^(a|b|ab)*c(x+x+)+y$') || state.all(x, input.matches('(.*)(.*)(.*)(.*)(.*)[^ab]$'))`,
		"powers":                doubling(28, `state.size()`, `$ * $`, `$`),
		"small powers":          doubling(28, `0.5 / state.size()`, `$ * $`, `1 / $`),
		"huge number":           `item + 1`,
		"long number in a loop": `state.map(x, index == index)`,
		"deep result":           nest(`run`, "[", "]", 40),
		"brackets":              nest("1", "(", ")", 5000),
		"lists":                 nest("1", "[", "]", 5000),
		"signs":                 nest("1", "- ", "", 5000),
		"nots":                  nest("input", "!", "", 9000),
		"ternaries":             nest("1", "true?1:", "", 1500),
		"ternaries left":        nest("1", "true?(", "):1", 1500),
		"fields":                "input" + strings.Repeat(".a", 5000),
		"indices":               "input" + strings.Repeat("[0]", 5000),
		"calls":                 nest("input", "size(", ")", 2500),
		"methods":               "input" + strings.Repeat(".size()", 2000),
		"sums":                  "state[0]" + strings.Repeat("+1", 8000),
		"ands":                  "true" + strings.Repeat("&&true", 2700),
		"open brackets":         strings.Repeat("(", 16000),
		"open braces":           strings.Repeat("{", 16000),
		"open strings":          strings.Repeat(`"`, 15999),
		"commas":                strings.Repeat(",", 16000),
		"operators":             strings.Repeat("+", 16000),
		"dots":                  strings.Repeat(".", 16000),
		"names":                 strings.Repeat("xyz ", 4000),
		"unknown names":         "[" + strings.Repeat("inputx,", 2000) + "1]",
		"macros":                nest("1", "[1].map(x,", ")", 1200),
		"optional maps":         nest("state[?0]", "", ".optMap(x, x + 1)", 900),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			begun := time.Now()
			p, err := places.Compile(src)
			compiled := time.Since(begun)
			if err == nil {
				var d document.Document
				d, err = p.Eval(t.Context(), vars)
				if n := len(d.Bytes()); n > expr.MaxBytes {
					t.Errorf("the result has %d bytes", n)
				}
			}
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%v (compiled in %v), %d MiB allocated: %.200v", took, compiled, allocated, err)
			// Generous, for machines that are slow or busy.
			if took > time.Minute {
				t.Errorf("took %v", took)
			}
			if allocated > 1024 {
				t.Errorf("allocated %d MiB", allocated)
			}
		})
	}
}

func TestCostIsToldApart(t *testing.T) {
	p, err := places.Compile(`state.map(x, state.map(y, x * y))`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Eval(t.Context(), map[string]document.Document{"state": document.MustParse("[" + strings.Repeat("1,", 9_999) + "1]")})
	var e *expr.EvalError
	if !errors.As(err, &e) || !errors.Is(err, expr.ErrCost) {
		t.Errorf("not an EvalError about the cost: %v", err)
	}
	_, err = p.Eval(t.Context(), map[string]document.Document{"state": document.MustParse("1")})
	if !errors.As(err, &e) || errors.Is(err, expr.ErrCost) {
		t.Errorf("an EvalError about the cost: %v", err)
	}
}

// A limit cannot be absorbed by && and ||, or kept in a loop.
func TestCostIsNotAbsorbed(t *testing.T) {
	for _, src := range []string{
		`state.map(x, state.map(y, x * y)) == [] || true`,
		`true || state.map(x, state.map(y, x * y)) == []`, // never evaluated
		`state.exists(x, state.map(x, state.map(y, x * y)) == [])`,
		`cel.bind(x, state.map(x, state.map(y, x * y)), true)`,
	} {
		p, err := places.Compile(src)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Eval(t.Context(), map[string]document.Document{"state": document.MustParse("[" + strings.Repeat("1,", 9_999) + "1]")})
		if strings.HasPrefix(src, "true") != (err == nil) {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestInterruption(t *testing.T) {
	p, err := places.Compile(`state.map(x, state.map(y, x * y))`)
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]document.Document{"state": document.MustParse("[" + strings.Repeat("1,", 9_999) + "1]")}
	gone := errors.New("the run was canceled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := p.Eval(ctx, vars); !errors.Is(err, gone) {
		t.Errorf("canceled before: %v", err)
	}
	if _, err := p.Holds(ctx, vars); !errors.Is(err, gone) {
		t.Errorf("canceled before: %v", err)
	}
	// counting is canceled by its own n-th look at the context: no clock needed.
	for _, looks := range []int{1, 2, 10, 100} {
		ctx := &counting{Context: t.Context(), left: looks, cause: gone}
		_, err := p.Eval(ctx, vars)
		var e *expr.EvalError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "interrupted") || ctx.left != 0 {
			t.Errorf("canceled at look %d: %v", looks, err)
		}
	}
}

type counting struct {
	context.Context
	left  int
	cause error
}

func (c *counting) Err() error {
	if c.left--; c.left <= 0 {
		c.left = 0
		return c.cause
	}
	return nil
}
