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

// BenchmarkReset compares attempts whose instance is set back, in every way
// there is, with attempts that leave it as it is. (What a guest prepares in its
// first attempt, as goreactor's default entry does, it has to prepare in every
// one, which is no matter of the reset; bench/fresh.go has a handler that does
// not.)
func BenchmarkReset(b *testing.B) {
	input := []byte(`{"items":[` + strings.Repeat(`{"price":12,"n":3},`, 50) + `{}]}`)
	for _, bc := range []struct {
		name string
		wasm func(testing.TB) []byte
		call Call
	}{
		{"c-reactor", cReactor, Call{Input: input}},
		{"go-reactor-echo", goReactor, Call{Input: input, Entry: "echo"}},
	} {
		for _, s := range ImageStrategies() {
			p := program(b, bc.wasm(b), Config{Images: s})
			if got := p.engine.ImageStrategy(); got != s {
				b.Logf("%s is not to be had here", s)
				continue
			}
			b.Run(bc.name+"/"+string(s), func(b *testing.B) {
				for b.Loop() {
					if r, err := p.Call(b.Context(), bc.call); err != nil || r.Stop != nil {
						b.Fatalf("%v %+v", err, r.Stop)
					}
				}
			})
		}
		b.Run(bc.name+"/none", func(b *testing.B) {
			p := program(b, bc.wasm(b), Config{})
			limits := bc.call.Limits.orDefaults()
			i, stop, err := p.acquire(b.Context(), limits)
			for n := 1; b.Loop(); n++ {
				if i == nil {
					b.Fatal(stop, err)
				}
				i.attempt = attempt{}
				i.attempt.begin(limits, p.engine.config.Slice)
				i.attempt.of(bc.call, i)
				if _, stop, err := i.run(b.Context(), &i.attempt); stop != nil || err != nil {
					b.Fatal(stop, err)
				}
				if n%1000 == 0 { // what it has kept is much
					p.release(i)
					i, stop, err = p.acquire(b.Context(), limits)
				}
			}
		})
	}
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
