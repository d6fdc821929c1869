package sandbox

import (
	"strings"
	"testing"
)

func BenchmarkCall(b *testing.B) {
	input := []byte(`{"items":[` + strings.Repeat(`{"price":12,"n":3},`, 50) + `{}]}`) // about 1 KB
	bench := func(name string, wasm func(testing.TB) []byte, c Call) {
		b.Run(name, func(b *testing.B) {
			p := program(b, wasm(b), Config{})
			c.Input = input
			b.ReportAllocs()
			for b.Loop() {
				r, err := p.Call(b.Context(), c)
				if err != nil || r.Stop != nil {
					b.Fatalf("%v %+v", err, r.Stop)
				}
			}
		})
	}
	bench("c-reactor", cReactor, Call{})
	bench("go-reactor-echo", goReactor, Call{Entry: "echo"})
	bench("go-reactor-json", goReactor, Call{})
	bench("c-command", cCommand, Call{})
	bench("go-command-echo", goCommand, Call{})
}

func BenchmarkCompile(b *testing.B) {
	m := read(b, goReactor(b))
	for _, bc := range []struct {
		name string
		dir  string
	}{{"cold", ""}, {"disk", b.TempDir()}} {
		b.Run(bc.name, func(b *testing.B) {
			if bc.dir != "" { // fill it
				if _, err := newEngine(b, Config{CacheDir: bc.dir}).Compile(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				e, err := New(b.Context(), Config{CacheDir: bc.dir})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := e.Compile(b.Context(), m); err != nil {
					b.Fatal(err)
				}
				if err := e.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
