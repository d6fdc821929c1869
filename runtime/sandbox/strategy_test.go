package sandbox

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the system lets an engine open must work; else it would be given up
// for something slower without a word.
func TestStrategiesWork(t *testing.T) {
	for _, s := range ImageStrategies() {
		p := openPages(s)
		t.Logf("%s: %s", s, p.strategy)
		p.close()
		offered(t, s)
	}
}

func TestStrategyChosen(t *testing.T) {
	if _, err := New(t.Context(), Config{Images: "magic"}); !errors.Is(err, ErrNoStrategy) || !strings.Contains(err.Error(), `Config.Images: no such image strategy: "magic"; there are userfaultfd, pagemap, madvise, copy`) {
		t.Errorf("%v", err)
	}
	t.Setenv(EnvImages, "copy")
	if got := newEngine(t, Config{}).ImageStrategy(); got != ImagesCopy {
		t.Errorf("%s, the environment says copy", got)
	}
	t.Setenv(EnvImages, "none")
	if _, err := New(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), EnvImages) {
		t.Errorf("%v", err)
	}
	if got := newEngine(t, Config{Images: ImagesCopy}).ImageStrategy(); got != ImagesCopy {
		t.Errorf("%s, the config says copy", got)
	}
}

// Instances beyond what the system has mappings for are set back all the same.
func TestWithoutMappings(t *testing.T) {
	p := program(t, hostile(t, "scribble"), Config{})
	withoutMappings(t)
	for range 5 {
		scribbled(t, p, 3, 0)
	}
	for _, img := range p.images {
		if len(img.idle) != 1 || img.idle[0].memory.reserved != nil {
			t.Errorf("%d idle instances, or one with a mapping", len(img.idle))
		}
	}
}

// What a burst leaves is given up when nobody needs it.
func TestSweep(t *testing.T) {
	p := program(t, hostile(t, "scribble"), Config{})
	idle := func() (n int) {
		for _, img := range p.images {
			img.mu.Lock()
			n += len(img.idle)
			img.mu.Unlock()
		}
		return n
	}
	use := func(n int) { // so many at a time
		limits := Limits{}.orDefaults()
		var taken []*instance
		for range n {
			i, stop, err := p.acquire(t.Context(), limits)
			if i == nil {
				t.Fatal(stop, err)
			}
			taken = append(taken, i)
		}
		for _, i := range taken {
			p.release(i)
		}
	}
	use(idleMax() + 3)
	if n := idle(); n != idleMax() {
		t.Fatalf("%d idle, want %d", n, idleMax())
	}
	p.engine.sweep() // all have been used since the last one
	if n := idle(); n != idleMax() {
		t.Fatalf("%d idle after the first sweep", n)
	}
	use(1)
	p.engine.sweep()
	if n := idle(); n != 1 {
		t.Errorf("%d idle, of which one was used", n)
	}
	if !p.engine.sweeping.Load() {
		t.Error("nobody will sweep again")
	}
	p.engine.sweep()
	if n := idle(); n != 0 {
		t.Errorf("%d idle, of which none was used", n)
	}
	scribbled(t, p, 1, 0)
}

// Sweeps, calls and the end of the engine may come together.
func TestSweepConcurrently(t *testing.T) {
	e, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Compile(t.Context(), read(t, hostile(t, "scribble")))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for range 50 {
				scribbled(t, p, 1, 0)
			}
		})
	}
	group.Go(func() {
		for range 50 {
			e.sweep()
		}
	})
	group.Wait()
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	e.sweep() // a late one
}

// A real program's outputs and fuel do not tell how it is set back.
func TestStrategiesAgree(t *testing.T) {
	wasm := goReactor(t)
	programs := strategies(t, wasm)
	oracle := always(t, wasm)
	for _, input := range []string{`{}`, `{"do":"grow"}`, `{"do":"fail"}`, `{"do":"panic"}`, `{}`, `{"do":"sleep"}`, `[`, `{}`} {
		c := Call{Input: []byte(input), Time: time.Unix(1, 0), Seed: [32]byte{1}}
		want := came(t, oracle, c)
		for name, p := range programs {
			for range 2 {
				if got := came(t, p, c); got != want {
					t.Errorf("%s, %s: %s\nwith a new instance: %s", name, input, got, want)
				}
			}
		}
	}
	for _, p := range programs {
		checkIdle(t, p)
	}
}

// An image of zeros alone, and a module without any memory to speak of.
func TestImagesOfNothing(t *testing.T) {
	// What touches nothing, of a large memory and of none.
	for _, memory := range []string{"100", "0 1"} {
		wasm := fromWAT(t, `(module (memory (export "memory") `+memory+`)
			(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 0))
			(func (export "chainrun_run_v1") (param i32 i32) (result i64) (i64.const 0))
			(func (export "chainrun_run_v1:again") (param i32 i32) (result i64) (i64.const 0)))`)
		for name, p := range strategies(t, wasm) {
			i, stop, err := p.acquire(t.Context(), Limits{}.orDefaults())
			if i == nil {
				t.Fatal(name, stop, err)
			}
			for range 4 {
				if !i.image.setBack(i) {
					t.Errorf("%s, memory %s: not set back", name, memory)
				}
			}
			p.release(i)
		}
	}
	for _, memory := range []string{"1", "1 1", "1 2", "100"} {
		wasm := fromWAT(t, `(module (memory (export "memory") `+memory+`)
			(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8))
			(func (export "chainrun_run_v1") (param i32 i32) (result i64)
				(local $end i32)
				(local.set $end (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))
				(i32.store8 (local.get $end) (i32.add (i32.load8_u (local.get $end)) (i32.const 1)))
				(i32.store8 (i32.const 100) (i32.add (i32.load8_u (i32.const 100)) (i32.load8_u (local.get $end))))
				(i64.const 0x00000064_00000001)))`)
		for name, p := range strategies(t, wasm) {
			for range 4 {
				r, err := p.Call(t.Context(), Call{})
				if err != nil || r.Stop != nil || !bytes.Equal(r.Output, []byte{1}) {
					t.Errorf("%s, memory %s: %v %+v", name, memory, err, r)
				}
			}
		}
	}
}
