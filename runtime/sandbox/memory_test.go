package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// wazero's part in shrinking: it asks for one page more.
type asker1 struct{ m *memory }

func (a asker1) Grow(pages uint32) (uint32, bool) {
	before := len(a.m.buf) / pageBytes
	return uint32(before), a.m.Reallocate(uint64(len(a.m.buf)+int(pages)*pageBytes)) != nil
}

// A memory behaves as a slice of zeros of the asked length, on a mapping and
// on the heap.
func TestMemory(t *testing.T) {
	for _, mapped := range []bool{true, false} {
		rapid.Check(t, func(r *rapid.T) {
			const limit = 16 * pageBytes
			m := newMemory(limit)
			defer m.Free()
			if mapped {
				m.Allocate(0, 1<<32)
			}
			var model []byte
			r.Repeat(map[string]func(*rapid.T){
				"grow": func(r *rapid.T) {
					size := len(model) + pageBytes*rapid.IntRange(0, 6).Draw(r, "pages")
					got := m.Reallocate(uint64(size))
					if size > 0 && (got == nil) != (size > limit) {
						r.Fatalf("grown to %d: %v", size, got != nil)
					}
					if got != nil {
						model = append(model, make([]byte, size-len(model))...)
					}
				},
				"write": func(r *rapid.T) {
					if len(model) == 0 {
						r.Skip("empty")
					}
					at := rapid.IntRange(0, len(model)-1).Draw(r, "at")
					model[at], m.buf[at] = 7, 7
				},
				"shrink": func(r *rapid.T) {
					n := pageBytes * rapid.IntRange(0, len(model)/pageBytes).Draw(r, "pages")
					if !m.shorten(asker1{m}, n) {
						r.Fatalf("not shrunk to %d", n)
					}
					m.clearTail(n, len(model))
					model = model[:n:n]
				},
				"": func(r *rapid.T) {
					if !bytes.Equal(m.buf, model) {
						r.Fatalf("%d bytes are not the %d of the model", len(m.buf), len(model))
					}
				},
			})
		})
	}
}

// Instances that fail half-way leave no mapping behind.
func TestMemoryIsFreed(t *testing.T) {
	pages := func() (total int) {
		b, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Skip("no /proc/self/statm here")
		}
		_, _ = fmt.Sscan(string(b), &total)
		return total
	}
	var programs []*Program
	for _, name := range []string{"start_trap", "initialize_exit", "data_outside", "unreachable", "load_outside", "exit_1"} {
		programs = append(programs, program(t, hostile(t, name), Config{}))
	}
	before := pages()
	for range 100 {
		for n, p := range programs {
			r, err := p.Call(t.Context(), Call{Limits: Limits{Fuel: uint64(1e6 + n)}})
			if err != nil || r.Stop == nil {
				t.Fatal(err, r)
			}
			for _, img := range p.images {
				img.failed = nil // try again
			}
		}
	}
	// Each has reserved 256 MiB.
	if after := pages(); after-before > 4<<30/os.Getpagesize() {
		t.Errorf("%d pages of address space became %d", before, after)
	}
}
