package sandbox

// A long run of attempts that do to their instance whatever an attempt can do,
// set back in every way there is, against attempts that each have a new one.

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	soakCalls = flag.Int("soak", 4000, "attempts of the soak, all modules and strategies together")
	soakSeed  = flag.Uint64("soak-seed", 1, "what the soak's scripts come from")
)

// chaos are the modules of the soak, by testdata/chaos.wat.
var chaos = []struct{ name, memory, table, initialize, table13 string }{
	{name: "small", memory: "1", table: "2 funcref"},
	{name: "grows", memory: "2", table: "2 funcref", initialize: "(drop (memory.grow (i32.const 5)))"},
	{name: "bounded", memory: "3 16", table: "2 funcref"},
	{name: "zeros", memory: "40", table: "2 funcref", initialize: "(i32.store (i32.const 1000000) (i32.const 1))"},
	{name: "large", memory: "96", table: "2 funcref", initialize: "(memory.fill (i32.const 20000) (i32.const 7) (i32.const 6000000))"},
	{name: "table", memory: "2", table: "2 funcref", table13: "(table.set $t (i32.const 0) (ref.func $other))"},
	{name: "table-grows", memory: "2", table: "2 funcref", table13: "(call $mix (i64.extend_i32_s (table.grow $t (ref.func $other) (i32.const 1))))"},
}

func chaosModule(tb testing.TB, k int) []byte {
	tb.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "chaos.wat"))
	if err != nil {
		tb.Fatal(err)
	}
	_, text, _ := bytes.Cut(source, []byte("(module")) // the comment before it explains the verbs
	c := chaos[k]
	return fromWAT(tb, fmt.Sprintf("(module"+string(text), c.memory, c.table, c.initialize, c.table13))
}

// What an operation of chaos.wat does that the tests name.
const (
	opGrow  = 2
	opTouch = 10
)

// script draws what an attempt does: mostly small writes. Few end their
// instance, so that others are set back many times.
func script(r *rand.Rand) []byte {
	// How likely each operation is, by its number in chaos.wat.
	weights := [...]int{0: 60, 1: 10, opGrow: 4, 3: 6, 6: 4, 8: 4, 9: 4, opTouch: 3, 11: 4, 12: 6, 13: 4}
	total := 0
	for _, w := range weights {
		total += w
	}
	var b []byte
	for range r.IntN(16) {
		n := r.IntN(total)
		op := 0
		for n >= weights[op] {
			n -= weights[op]
			op++
		}
		b = operation(b, op, r.Uint32(), r.Uint32())
	}
	if ends := [...]int{4, 5, 7}; r.IntN(16) == 0 {
		b = operation(b, ends[r.IntN(len(ends))], r.Uint32(), 0)
	}
	return b
}

func operation(b []byte, op int, x, y uint32) []byte {
	b = append(b, byte(op))
	b = binary.LittleEndian.AppendUint32(b, x)
	return binary.LittleEndian.AppendUint32(b, y)
}

// soakCall draws an attempt.
func soakCall(r *rand.Rand) Call {
	c := Call{Input: script(r), Time: time.Unix(1_700_000_000, 0), Limits: Limits{Fuel: 1_500_000, CallDepth: 1000}}
	c.Seed[0] = byte(r.IntN(4))
	switch r.IntN(16) {
	case 0:
		c.Limits.MemoryBytes = 9 << 20 // an image of its own, and growths that are refused
	case 1:
		c.Limits.Timeout = time.Nanosecond
	}
	return c
}

// came is what an attempt came to, as far as it is the same every time.
func came(t require, p *Program, c Call) string {
	r, err := p.Call(t.Context(), c)
	if err != nil {
		t.Fatalf("%x: %v", c.Input, err)
	}
	if c.Limits.Timeout != 0 && r.Stop != nil && r.Stop.Reason == TimedOut {
		return "timed out" // somewhere
	}
	if c.Limits.Timeout != 0 {
		return "ended in time" // before anybody looked at the clock
	}
	return fmt.Sprintf("%x %+v fuel %d memory %d", r.Output, r.Stop, r.Fuel, r.PeakMemoryBytes)
}

// always gives a program whose every attempt has a new instance.
func always(tb testing.TB, wasm []byte) *Program {
	tb.Helper()
	p := program(tb, wasm, Config{})
	p.poolable = false
	return p
}

// checkIdle compares the idle instances of a program with new ones, byte by byte.
func checkIdle(t *testing.T, p *Program) {
	t.Helper()
	for key, img := range p.images {
		limits := Limits{Fuel: key.fuel, MemoryBytes: key.memory, TableElements: key.table, CallDepth: key.maxDepth}.orDefaults()
		want, stop, err := p.fresh(t.Context(), limits)
		if err != nil || stop != nil {
			t.Fatal(err, stop)
		}
		img.mu.Lock()
		for _, i := range img.idle {
			if !bytes.Equal(i.memory.buf, want.memory.buf) {
				t.Errorf("an idle instance's memory of %d bytes is not a new one's of %d", len(i.memory.buf), len(want.memory.buf))
			}
			for k, g := range i.globals {
				if g.Get() != want.globals[k].Get() {
					t.Errorf("global %d: %d, a new instance's is %d", k, g.Get(), want.globals[k].Get())
				}
			}
			if rest := i.memory.reserved; rest != nil && !isZero(rest[len(i.memory.buf):min(len(rest), len(i.memory.buf)+32*pageBytes)]) {
				t.Error("what a growth would bring is not zero")
			}
		}
		img.mu.Unlock()
		want.close()
	}
}

// strategies are the ways to set an instance back, each by an engine of its own.
func strategies(tb testing.TB, wasm []byte) map[string]*Program {
	tb.Helper()
	all := map[string]*Program{}
	for _, s := range ImageStrategies() {
		p := program(tb, wasm, Config{Images: s})
		all[string(s)] = p
		if got := p.engine.ImageStrategy(); got != s {
			tb.Logf("%s is not to be had here; %s instead", s, got)
		}
	}
	all["interpreter"] = program(tb, wasm, Config{Interpreter: true})
	for _, p := range all {
		p.engine.pages.sampleEvery = 5 // what is rare happens, too
	}
	return all
}

func TestSoak(t *testing.T) {
	for k, c := range chaos {
		t.Run(c.name, func(t *testing.T) {
			wasm := chaosModule(t, k)
			oracle, programs := always(t, wasm), strategies(t, wasm)
			r := rand.New(rand.NewPCG(*soakSeed, uint64(k)))
			for n := range *soakCalls / len(chaos) / len(programs) {
				call := soakCall(r)
				if n < 2 { // what an attempt leaves where there is nothing in the image
					call = Call{Input: operation(operation(operation(nil, opTouch, 0, 1), opGrow, 3, 0), opTouch, 0, 2), Limits: call.Limits}
				}
				want := came(t, oracle, call)
				for name, p := range programs {
					if name == "interpreter" && n%8 != 0 {
						continue // slow
					}
					if got := came(t, p, call); got != want {
						t.Fatalf("%s, attempt %d, %x: %s\nwith a new instance: %s", name, n, call.Input, got, want)
					}
				}
				if n%50 == 0 {
					for _, p := range programs {
						checkIdle(t, p)
					}
				}
			}
			for _, p := range programs {
				checkIdle(t, p)
			}
		})
	}
}

// The same with several at a time, which share the idle instances.
func TestSoakConcurrently(t *testing.T) {
	const workers = 4
	wasm := chaosModule(t, 1)
	oracle := always(t, wasm)
	r := rand.New(rand.NewPCG(*soakSeed, 1000))
	calls := make([]Call, max(1, *soakCalls/40))
	want := make([]string, len(calls))
	for n := range calls {
		calls[n] = soakCall(r)
		want[n] = came(t, oracle, calls[n])
	}
	for name, p := range strategies(t, wasm) {
		if name == "interpreter" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var group sync.WaitGroup
			for w := range workers {
				group.Go(func() {
					for n := w; n < len(calls); n += workers / 2 { // each by two
						if got := came(t, p, calls[n]); got != want[n] {
							t.Errorf("attempt %d, %x: %s\nwith a new instance: %s", n, calls[n].Input, got, want[n])
						}
					}
				})
			}
			group.Wait()
			checkIdle(t, p)
		})
	}
}
