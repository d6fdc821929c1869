package expr

import (
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// worn gives a document that is decoded as a whole whatever is read of it.
func worn(text string) document.Document {
	d := document.MustParse(text)
	for range 10_000 {
		if _, found := d.Peek("a"); found == document.Undecided {
			break
		}
	}
	return d
}

// What is read out of a document as it is written is what there is in the decoded one:
// results, complaints and cost.
func TestWays(t *testing.T) {
	documents := []string{
		`{"a":{"b":{"c":[1,2.50,{"d":"x"}]},"n":3},"n":7.0,"s":"\u00e9","list":[{"a":1},{"a":2}],"t":true,"no":null}`,
		`{"b":{},"alpha":1}`, `{}`, `[]`, `7`, `null`, `"a"`, `{"a":[]}`, `{"a":null}`, `{"a":{"b":"text"}}`,
	}
	env, ways := NewEnv("input", "output"), 0
	for _, source := range []string{
		`input.n > 3`, `input.a.b.c[0] + input.n`, `input.a.b`, `input.a.b.c[2].d`, `input.a`, `has(input.a)`, `has(input.a.b.c)`, `has(input.zero)`,
		`input.?a.?b.c.orValue(3)`, `input.?a.b.orValue(0)`, `input.a.?b.orValue("none")`, `input.?no`, `input.?nothing`, `input.no == null`,
		`input.list.map(x, x.a + input.n)`, `[1, 2, 3].map(i, input.a.n * i)`, `input.list.all(x, has(x.a) && x.a < input.n)`,
		`input.t ? input.s : input.zero`, `input.t || input.zero`, `input.zero || input.t`, `input.alph`, `input.a.b.c.d.e.f.g.h.i.j.k`,
		`input == {"a": input.a} || size(input) > 1`, `size(input.a) + size(input)`, `{"x": input.a, "y": input.a.b, "z": output.a}`, `input.a.b == output.a.b`,
		`cel.bind(input, output, input.a)`, `output.list.map(input, input.a)`, `.input.n`, `type(input.n)`, `input["a"].b`, `input.a["b"].c`, `absent(input.a)`, `output.zero.b`,
	} {
		p, err := env.Compile(source)
		if err != nil {
			continue // not all are functions that there are
		}
		ways += p.ways
		for _, text := range documents {
			got, fresh, cost := evaluated(t, p, document.MustParse(text))
			want, failure, costs := evaluated(t, p, worn(text))
			if got != want || fresh != failure || cost != costs {
				t.Errorf("%s on %s: %s %q for %d; decoded: %s %q for %d", source, text, got, fresh, cost, want, failure, costs)
			}
		}
	}
	if ways < 40 {
		t.Errorf("only %d fields were read as they are written", ways)
	}
}

// evaluated gives result, complaint and cost.
func evaluated(t *testing.T, p *Program, d document.Document) (result, complaint string, cost int) {
	t.Helper()
	f := enter(t.Context(), p, map[string]document.Document{"input": d, "output": d}, MaxCost)
	defer f.leave()
	made, err := f.result(p.root)
	if err != nil {
		complaint = err.Error()
	}
	return made.String(), complaint, MaxCost - f.slice - f.left
}
