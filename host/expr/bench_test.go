package expr

import (
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

var benchVariables = []string{"input", "inputs", "output", "error", "state", "run"}

func BenchmarkEval(b *testing.B) {
	vars := map[string]document.Document{
		"output": document.MustParse(`{"total": 1500.5, "status": "ok", "items": [1,2,3,4,5,6,7,8,9,10]}`),
		"state":  document.MustParse(`{"n": 3}`),
		"input":  document.MustParse(`{"id": 7, "name": "a"}`),
	}
	for _, src := range []string{
		`output.total > 1000`,
		`output.status == "ok" && state.n + 1 < 10`,
		`output.items.exists(x, x == 10)`,
		`output.items.map(x, x * 2)`,
		`{"id": input.id, "total": output.total * 2}`,
		`output`,
	} {
		p, err := NewEnv(benchVariables...).Compile(src)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(src, func(b *testing.B) {
			b.ReportAllocs()
			ctx := b.Context()
			for b.Loop() {
				if _, err := p.Eval(ctx, vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirstCompile is what a process pays that compiles one expression.
func BenchmarkFirstCompile(b *testing.B) {
	for b.Loop() {
		l, err := newLanguage()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := newParser(); err != nil {
			b.Fatal(err)
		}
		if _, err := newChecker(l, benchVariables); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	env := NewEnv(benchVariables...)
	for b.Loop() {
		if _, err := env.Compile(`output.total > 1000 && state.n + 1 < 3`); err != nil {
			b.Fatal(err)
		}
	}
}
