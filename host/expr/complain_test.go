package expr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/expr"
)

func contains(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestComplaints(t *testing.T) {
	for src, want := range map[string]string{
		`outptu.total > 1`:                    `line 1, column 1: there is no variable "outptu" (did you mean "output"?)`,
		`inptu.x + outptu.y`:                  `line 1, column 1: there is no variable "inptu" (did you mean "input"?); line 1, column 11: there is no variable "outptu" (did you mean "output"?)`,
		"input.a +\n  xyz":                    `line 2, column 3: there is no variable "xyz" (known here: `,
		`input.name.contain('x')`:             `there is no function "contain" (did you mean "contains"?)`,
		`math.flor(1.5)`:                      `line 1, column 10: there is no function "math.flor" (did you mean "math.floor"?)`,
		`input.name.length()`:                 `there is no function "length" (the length is size())`,
		`input.a = 3`:                         `(equality is ==)`,
		`input.a === 3`:                       `(equality is ==)`,
		`input.a and input.b`:                 `(and is &&)`,
		`not input.a`:                         `(not is !)`,
		`input.a == None`:                     `(it is null)`,
		`input.null`:                          `a key that is no plain name is written x["key"]`,
		`input.f(`:                            `end of the expression`,
		``:                                    `line 1, column 1: `,
		`1 + 'a'`:                             `line 1, column 3: cannot apply + to (number, string)`,
		`'a' < 1`:                             `cannot apply < to (string, number)`,
		`-'a'`:                                `cannot apply - to (string)`,
		`!1`:                                  `cannot apply ! to (number)`,
		`1 ? 2 : 3`:                           `the condition of ?: must be a boolean`,
		`1 == 'a'`:                            `cannot apply == to (number, string)`,
		`1 && input.a`:                        `expected type 'bool' but found 'number'`,
		`[1, 2]['a']`:                         `cannot index: (list(number), string)`,
		`'abc'.foo`:                           `type 'string' does not support field selection`,
		`'abc'.startsWith(1)`:                 `startsWith cannot be applied to string.(number)`,
		`1 / 0`:                               `the expression always fails: division by zero`,
		`{'a': 1}.b`:                          `the expression always fails: no such key: "b"`,
		`{1: 2, 'x': input}`:                  `line 1, column 2: the key of an object must be a string, found a number`,
		`{'a': 1, 'a': 2}`:                    `two members have the key "a"`,
		`input.name.matches('(')`:             "missing closing )",
		`input.name.matches('(a{900}){900}')`: "invalid repeat count",
		`99999999999999999999`:                `the number is too long to be written in an expression`,
		`1e999`:                               `the number is beyond the range of numbers`,
		`Point{x: 1}`:                         `objects are written {"key": value}`,
		`timestamp(input.name)`:               `the result is a value of type timestamp`,
		`b'abc'`:                              `the result is a value of type bytes`,
		`lists.range(100000).map(x, lists.range(1000).map(y, x * y)).size()`: `the expression always costs more than the limit`,
		`input.map(x.y, 1)`:               `argument is not an identifier`,
		`input.map(x)`:                    `map is not called like this`,
		`has(input)`:                      `invalid argument to has() macro`,
		"input.\xff":                      `not valid UTF-8`,
		strings.Repeat("1+", 20000) + "1": `at most 16384 are allowed`,
	} {
		_, err := places.Compile(src)
		var s *expr.SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("%.60s: no SyntaxError but %v", src, err)
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) {
			t.Errorf("%.60s:\ngot  %s\nwant %s", src, got, want)
		}
		for _, c := range s.All() {
			if c.Line < 1 || c.Column < 1 || c.Text == "" {
				t.Errorf("%.60s: no place or text: %+v", src, c)
			}
		}
	}
}

func TestNormal(t *testing.T) {
	for _, same := range [][]string{
		{`output.total>1`, `output.total > 1`, `(output.total) > (1)`, "output.total\n > 1 // comment"},
		{`!(output.ok)`, `!output.ok`, `! ( output . ok )`},
		{`'a' + "b"`, `"a"+'b'`},
		{`input.list.all(x, x > 1)`, `input.list.all( x,x>1 )`},
		{`has(input.a.b)`, `has( (input.a).b )`},
		{`[0].all(x, x == 0)`, `[0].all(x, x == -(0))`, `[-0].all(x, x == -(-(-0)))`},
	} {
		normal := ""
		for i, src := range same {
			p, err := places.Compile(src)
			if err != nil {
				t.Fatalf("%s: %v", src, err)
			}
			if i == 0 {
				normal = p.Normal()
			}
			if p.Normal() != normal {
				t.Errorf("%s: normal form %s, not %s", src, p.Normal(), normal)
			}
			again, err := places.Compile(p.Normal())
			if err != nil || again.Normal() != p.Normal() {
				t.Errorf("%s: the normal form %s is not stable: %v", src, p.Normal(), err)
			}
			if p.Source() != src {
				t.Errorf("Source is %s, not %s", p.Source(), src)
			}
		}
	}
}

// What is not too long to be read has a normal form, though that may be longer.
func TestNormalOfLong(t *testing.T) {
	list := "[" + strings.Repeat("1,", 8000)
	for src, end := range map[string]string{list + "'-0']": `, "-0"]`, list + "-0.5]": ", -0.5]", list + "-(-0)]": ", 0]"} {
		p, err := places.Compile(src)
		if err != nil {
			t.Fatal(err)
		}
		if n := p.Normal(); len(n) <= expr.MaxLength || !strings.HasSuffix(n, end) {
			t.Errorf("%d bytes, ending in %s", len(n), n[len(n)-10:])
		}
	}
}

func TestOpposite(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`output.ok`, `!output.ok`, true},
		{`output.ok`, `!(output.ok)`, true},
		{`!(output.n > 1)`, `output.n>1`, true},
		{`output.n > 1 && input.x`, `!(output.n > 1 && input.x)`, true},
		{`!output.ok`, `!!output.ok`, true},
		{`output.n > 1`, `output.n <= 1`, false},
		{`output.n`, `!output.n && true`, false},
		{`output.ok`, `output.ok`, false},
		{`!output.ok`, `!output.ok`, false},
		{`output.ok`, `!input.ok`, false},
		{`output.s == "a"`, `!(output.s == "b")`, false},
	} {
		a, errA := places.Compile(c.a)
		b, errB := places.Compile(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if expr.Opposite(a, b) != c.want || expr.Opposite(b, a) != c.want {
			t.Errorf("Opposite(%s, %s) is not %v", c.a, c.b, c.want)
		}
	}
}

func TestUses(t *testing.T) {
	for _, c := range []struct {
		src, name string
		want      bool
	}{
		{`output.total > 1`, "output", true},
		{`output.total > 1`, "input", false},
		{`output.input`, "input", false},
		{`[1].map(input, input)`, "input", false},
		{`[1].map(input, .input)`, "input", true},
		{`has(error.code)`, "error", true},
		{`run.input.x`, "run", true},
		{`true || state.x`, "state", true},
	} {
		p, err := places.Compile(c.src)
		if err != nil {
			t.Fatal(err)
		}
		if p.Uses(c.name) != c.want {
			t.Errorf("%s: Uses(%s) is not %v", c.src, c.name, c.want)
		}
	}
}
