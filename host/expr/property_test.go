package expr_test

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
)

// spellings are some ways to write a whole number.
func spellings(n int64) []string {
	s := strconv.FormatInt(n, 10)
	if n == 0 {
		return []string{"0", "-0", "0.0", "0e7", "-0.000e-3"}
	}
	return []string{s, s + ".0", s + ".000", s + "e0", s + "0e-1", s + "E+0"}
}

// Whole numbers are counted with exactly, whatever their size and spelling,
// and whether they are literals or come from a document.
func TestWholeNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Int64().Draw(t, "x")
		y := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-20, 20)).Draw(t, "y")
		vars := map[string]document.Document{
			"input":  document.MustParse(rapid.SampledFrom(spellings(x)).Draw(t, "written x")),
			"output": document.MustParse(rapid.SampledFrom(spellings(y)).Draw(t, "written y")),
		}
		a, b := big.NewInt(x), big.NewInt(y)
		for op, do := range map[string]func(z, x, y *big.Int) *big.Int{
			"+": (*big.Int).Add, "-": (*big.Int).Sub, "*": (*big.Int).Mul, "%": (*big.Int).Rem,
		} {
			if op == "%" && y == 0 {
				continue
			}
			want := document.MustParse(do(new(big.Int), a, b).String())
			for _, src := range []string{"input " + op + " output", fmt.Sprintf("input %s (%d)", op, y), fmt.Sprintf("(%d) %s output", x, op)} {
				got := evaluate(t, src, vars)
				if !got.Equal(want) {
					t.Fatalf("%s with %d and %d gave %s, must be %s", src, x, y, got, want)
				}
			}
		}
		for op, holds := range orders(a.Cmp(b)) {
			if got := evaluate(t, "input "+op+" output", vars).String(); got != strconv.FormatBool(holds) {
				t.Fatalf("%d %s %d gave %s", x, op, y, got)
			}
		}
	})
}

func orders(c int) map[string]bool {
	return map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0, "==": c == 0, "!=": c != 0}
}

// Numbers with a fraction are counted with as doubles; results are never a NaN
// or infinite, and read back as the same double.
func TestDoubles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(-1e15, 1e15).Draw(t, "x")
		y := rapid.Float64Range(-1e6, 1e6).Draw(t, "y")
		vars := map[string]document.Document{"input": number(x), "output": number(y)}
		for op, want := range map[string]float64{"+": x + y, "-": x - y, "*": x * y, "/": x / y} {
			if x == math.Trunc(x) && y == math.Trunc(y) && op != "/" || y == 0 && op == "/" ||
				math.IsInf(want, 0) {
				continue
			}
			got, err := strconv.ParseFloat(evaluate(t, "input "+op+" output", vars).String(), 64)
			if err != nil || got != want {
				t.Fatalf("%v %s %v gave %v, must be %v", x, op, y, got, want)
			}
		}
		c := 0
		if x < y {
			c = -1
		} else if x > y {
			c = 1
		}
		for op, holds := range orders(c) {
			if got := evaluate(t, "input "+op+" output", vars).String(); got != strconv.FormatBool(holds) {
				t.Fatalf("%v %s %v gave %s", x, op, y, got)
			}
		}
	})
}

func number(f float64) document.Document {
	d, err := document.FromValue(f)
	if err != nil {
		panic(err)
	}
	return d
}

// A result that is whole and below 2^53 is written as digits alone.
func TestWholeResultsHaveNoFraction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-1<<53+1, 1<<53-1).Draw(t, "n")
		half := strconv.FormatFloat(float64(n/2)+0.5*float64(n%2), 'f', -1, 64)
		vars := map[string]document.Document{"input": document.MustParse(half)}
		if got, want := evaluate(t, "input * 2", vars).String(), strconv.FormatInt(n, 10); got != want {
			t.Fatalf("%s * 2 gave %s, must be %s", half, got, want)
		}
	})
}

// How a number is written makes no difference to any expression.
func TestSpellingMakesNoDifference(t *testing.T) {
	sources := []string{
		`input.n * 2 + output.n`, `input.n == output.n`, `input.n < output.n ? 'a' : 'b'`, `[input.n, output.n, 1].sort()`,
		`[input.n, output.n, 1, 2].distinct().size()`, `{'a': input.n} == {'a': output.n}`, `input.n in [0, 1, output.n]`,
		`string(input.n) + string(output.n)`, `[10, 20, 30][?input.n].orValue(output.n)`, `lists.range(5).filter(x, x > input.n)`,
		`math.greatest(input.n, output.n, 2.5)`, `input.n / 4`, `[input.n, output.n].sum() % 5`, `int(input.n) == input.n`,
		`'abcdefgh'.substring(input.n)`, `lists.range(3).transformList(i, x, i == input.n ? output.n : x)`, `type(input.n) == type(output.n)`,
		`optional.ofNonZeroValue(input.n).hasValue()`, `[1, 2, 3].slice(0, input.n).size()`, `-input.n + math.abs(output.n)`,
	}
	rapid.Check(t, func(t *rapid.T) {
		m, n := rapid.Int64Range(-5, 9).Draw(t, "m"), rapid.Int64Range(-5, 9).Draw(t, "n")
		src := rapid.SampledFrom(sources).Draw(t, "source")
		run := func(m, n string) string {
			p, err := places.Compile(src)
			if err != nil {
				t.Fatalf("%s: %v", src, err)
			}
			d, err := p.Eval(t.Context(), map[string]document.Document{
				"input": document.MustParse(`{"n":` + m + `}`), "output": document.MustParse(`{"n":` + n + `}`),
			})
			if err != nil {
				return "fails: " + err.Error()
			}
			return string(d.Canonical())
		}
		plain := run(strconv.FormatInt(m, 10), strconv.FormatInt(n, 10))
		other := run(rapid.SampledFrom(spellings(m)).Draw(t, "written m"), rapid.SampledFrom(spellings(n)).Draw(t, "written n"))
		if plain != other {
			t.Fatalf("%s: %s and %s", src, plain, other)
		}
	})
}

// Equality and order agree, for numbers of all kinds.
func TestOrderOfNumbers(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`),
		rapid.Map(rapid.Int64Range(1<<53-3, 1<<53+3), func(n int64) string { return strconv.FormatInt(n, 10) }),
		rapid.Map(rapid.Float64(), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		vars := map[string]document.Document{}
		for _, v := range []string{"input", "output", "state"} {
			d, err := document.Parse([]byte(texts.Draw(t, v)), document.Limits{})
			if err != nil {
				t.Skip("not JSON")
			}
			vars[v] = d
		}
		for src, why := range map[string]string{
			`input == input`: "reflexive",
			`(input < output) == (output > input) && (input <= output) == !(input > output)`:               "antisymmetric",
			`[input < output, input == output, input > output].filter(x, x).size() == 1`:                   "total",
			`!(input <= output && output <= state) || input <= state`:                                      "transitive",
			`!(input == output && output == state) || input == state`:                                      "equality transitive",
			`(input == output) == ([input] == [output]) && (input == output) == (input in [1, output, 1])`: "the same in lists, but for 1",
		} {
			if strings.Contains(why, "but for 1") {
				src = strings.ReplaceAll(src, "[1, output, 1]", "[output, 'x']")
			}
			if got := evaluate(t, src, vars).String(); got != "true" {
				t.Fatalf("not %s: %v", why, vars)
			}
		}
	})
}

// tester is a test or one of rapid's.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

func evaluate(t tester, src string, vars map[string]document.Document) document.Document {
	t.Helper()
	p, err := places.Compile(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	d, err := p.Eval(t.Context(), vars)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return d
}

// One Program serves all goroutines, and every evaluation is the same.
func TestConcurrency(t *testing.T) {
	const src = `input.nested.transformMap(k, v, size(v) + state.n).map(k, k + '!' + string(input.list.map(x, x * state.n).sum()))`
	p, err := places.Compile(src)
	if err != nil {
		t.Fatal(err)
	}
	want, err := p.Eval(t.Context(), documents)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				if got, err := p.Eval(t.Context(), documents); err != nil || got.String() != want.String() {
					t.Errorf("gave %s, %v", got, err)
				}
				if _, err := expr.NewEnv("input", "other").Compile(`input.x + other.y`); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// An evaluation does not change the documents that it reads.
func TestDocumentsStayAsTheyAre(t *testing.T) {
	before := map[string]string{}
	for name, d := range documents {
		v, _ := d.Value()
		before[name] = fmt.Sprint(v)
	}
	for _, src := range []string{
		`input.list + [1]`, `input.list.sort()`, `input.list.reverse()`, `input.list.sortBy(x, -x)`, `input.list.slice(0, 2) + [9]`,
		`input.nested.transformMap(k, v, 1)`, `{'a': input.nested, 'n': state.n + 1}`, `[input.list, [state.n * 2]].flatten()`,
		`input.list.slice(0, 1).map(x, [x])`, `[[1, input.list], [2.5]]`,
	} {
		evaluate(t, src, documents)
	}
	for name, d := range documents {
		v, _ := d.Value()
		if after := fmt.Sprint(v); after != before[name] {
			t.Errorf("%s was %s and is %s", name, before[name], after)
		}
	}
}
