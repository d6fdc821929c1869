package sandbox

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/runtime/module"
)

// TestExtismFunctionsHostile calls every function with anything: it returns, or
// ends the attempt as the guest's own mistake. None is missing.
func TestExtismFunctionsHostile(t *testing.T) {
	names := slices.Sorted(maps.Keys(module.ExtismFunctions))
	if have := slices.Sorted(maps.Keys(extismFunctions)); !slices.Equal(have, names) {
		t.Fatalf("there are %v, and should be %v", have, names)
	}
	answers := []string{
		`{"status":200,"headers":{"a":["b"]},"body_base64":"AA=="}`, `{"status":-1}`, `{"status":99999}`, `{"status":"x"}`, `[]`, `{}`, `{"body":"x"}`,
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := newMemory(1 << 20)
		a := newAttempt(Limits{MemoryBytes: 1 << 20, OutputBytes: 1 << 10, LogBytes: 100}.orDefaults(), DefaultSlice)
		a.memory, a.extism = m, newExtism(m)
		a.call = Call{Config: []byte(`{"a":"b","c":[1]}`), Host: func(context.Context, HostCall) (HostAnswer, error) {
			return HostAnswer{Result: []byte(rapid.SampledFrom(answers).Draw(rt, "answer"))}, nil
		}}
		// A block with words that some of the functions understand.
		word := rapid.SampledFrom([]string{"a", `{"url":"http://a.example/"}`, `{"url":1}`, "\xff"}).Draw(rt, "word")
		block, _ := a.extism.kernel.alloc(uint64(len(word)))
		b, _ := a.extism.kernel.write(block, uint64(len(word)))
		copy(b, word)
		number := rapid.OneOf(rapid.Just(block), rapid.Uint64Range(0, 300), rapid.Uint64Range(0, 2<<20), rapid.Uint64())
		for range rapid.IntRange(1, 60).Draw(rt, "calls") {
			name := rapid.SampledFrom(names).Draw(rt, "function")
			stack := []uint64{number.Draw(rt, "first"), number.Draw(rt, "second")}
			if reason := ended(func() { extismFunctions[name](t.Context(), a, stack) }); reason != nil {
				if err, ok := reason.(error); !ok || !errors.Is(err, errEnded) {
					rt.Fatalf("%s%v panics: %v", name, stack, reason)
				}
				if a.err != nil || a.stop == nil || a.stop.Reason != Trap {
					rt.Fatalf("%s%v: %v, %+v", name, stack, a.err, a.stop)
				}
				a.stop = nil
			}
			if m.outside > m.limit || a.extism.varred >= varsBytes {
				rt.Fatalf("%d bytes of memory, %d of variables", m.outside, a.extism.varred)
			}
		}
	})
}

// ended gives what f panics with.
func ended(f func()) (reason any) {
	defer func() { reason = recover() }()
	f()
	return nil
}

// Attempts at once have each their own.
func TestExtismAtOnce(t *testing.T) {
	p := extismPlugin(t, `
		(call $var_set (call $put (i32.const 0) (i32.const 1)) (call $input_offset))
		(call $say (call $var_get (call $put (i32.const 0) (i32.const 1))))
		(i32.const 0)`, `(data (i32.const 0) "a")`)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			input := strings.Repeat(string(rune('a'+n)), 1+n*1000)
			for range 20 {
				if r, err := p.Call(t.Context(), Call{Entry: "run", Input: []byte(input)}); err != nil || r.Stop != nil || string(r.Output) != input {
					t.Errorf("%d bytes of %d, %+v %v", len(r.Output), len(input), r.Stop, err)
				}
			}
		})
	}
	wg.Wait()
}
