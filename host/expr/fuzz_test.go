package expr_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
)

// FuzzExpression: compiling and evaluating never panics, errors are of the
// documented types, results are documents, and the normal form is one.
func FuzzExpression(f *testing.F) {
	for _, src := range []string{
		`output.total > 1000`, `input.list[output.i] + 1`, `{'a': [1, 2.5, null], ?'b': input.?x}`, `input.?x.y.orValue(3)`,
		`input.list.map(x, x * 2).filter(x, x % 2 == 0).exists_one(y, y == 4)`, `cel.bind(x, input, [x, x])`, `-1u + 0x1F`,
		`input.transformMap(k, v, size(k) > 1, v)`, `[3, 1].sortBy(x, -x)`, `math.least([1, 2.0])`, `'a\u00e9'.charAt(1)`,
		`"a,b".split(",").join("-").replace("a", "b")`, `timestamp("2024-01-01T00:00:00Z") + duration("1h")`, `b"\xff"`, `type(1)`,
		`input.name.matches("^[a-z]*$")`, `.input.x["y"][0]`, "r'raw' + '''long'''", `x{a: 1}`, `a.b.c(d)`, `!(!true) ? 1 : 2`,
		"has(input.`a-b`)", `optional.of(1).optMap(x, x + 1)`, `[1].all(i, v, v > i)`, `9007199254740993 * 1e300 / -0.0`,
	} {
		f.Add(src, `{"x":{"y":1.50},"list":[1,2.0,3e0],"name":"b"}`)
	}
	f.Fuzz(func(t *testing.T, src, input string) {
		d, err := document.Parse([]byte(input), document.Limits{})
		if err != nil {
			d = document.Null()
		}
		p, err := places.Compile(src)
		if err != nil {
			var s *expr.SyntaxError
			if !errors.As(err, &s) {
				t.Fatalf("not a SyntaxError: %v", err)
			}
			for _, c := range s.All() {
				if c.Line < 1 || c.Column < 1 || c.Text == "" {
					t.Fatalf("no place or text: %+v", c)
				}
			}
			return
		}
		if len(p.Normal()) > expr.MaxLength {
			return // spaces and escapes made it longer than what is read
		}
		again, err := places.Compile(p.Normal())
		if err != nil {
			t.Fatalf("the normal form %q of %q does not compile: %v", p.Normal(), src, err)
		}
		if again.Normal() != p.Normal() {
			t.Fatalf("the normal form %q has the normal form %q", p.Normal(), again.Normal())
		}
		vars := map[string]document.Document{"input": d, "output": d, "state": d}
		got, err := p.Eval(t.Context(), vars)
		same, errAgain := again.Eval(t.Context(), vars)
		if (err == nil) != (errAgain == nil) || !got.Equal(same) {
			t.Fatalf("%q gave %s, %v; its normal form %q %s, %v", src, got, err, p.Normal(), same, errAgain)
		}
		// What is read out of a document is what there is in the decoded one.
		whole := document.Trusted(d.Bytes())
		for found := document.Missing; found != document.Undecided; {
			_, found = whole.Peek("")
		}
		same, errAgain = p.Eval(t.Context(), map[string]document.Document{"input": whole, "output": whole, "state": whole})
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || got.String() != same.String() {
			t.Fatalf("%q gave %s, %v; of a document that is decoded %s, %v", src, got, err, same, errAgain)
		}
		if err != nil {
			if _, ok := errors.AsType[*expr.EvalError](err); !ok {
				t.Fatalf("not an EvalError: %v", err)
			}
			return
		}
		if _, err := document.Parse(got.Bytes(), document.Limits{Bytes: expr.MaxBytes}); err != nil {
			t.Fatalf("the result %q is no document: %v", got, err)
		}
	})
}
