package sandbox

// The kernel against Extism's own, the module that its SDK carries.

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"
)

// extismSDK is the folder of Extism's Go SDK, BSD 3-clause.
var extismSDK = sync.OnceValues(func() (string, string) {
	return goModule("github.com/extism/go-sdk@v1.7.1")
})

// downloadTime bounds a download: a network that hangs makes a test skip, not fail.
const downloadTime = 2 * time.Minute

// goModule downloads a Go module as data and gives its folder, or why there is none.
func goModule(name string) (dir, problem string) {
	var out, complaint bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), downloadTime)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "mod", "download", "-json", name)
	c.WaitDelay = time.Second
	c.Dir, c.Stdout, c.Stderr = os.TempDir(), &out, &complaint // no go.mod there: nothing of ours is asked or changed
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	err := c.Run()
	var info struct{ Dir, Error string }
	if json.Unmarshal(out.Bytes(), &info) != nil || info.Dir == "" {
		problem = "go mod download " + name + ": " + info.Error + strings.TrimSpace(complaint.String())
		if err != nil {
			problem += ": " + err.Error()
		}
		return "", problem
	}
	return info.Dir, ""
}

// TestKernelLikeExtisms does the same things with both kernels, at random.
func TestKernelLikeExtisms(t *testing.T) {
	dir, problem := extismSDK()
	if problem != "" {
		t.Skip(problem)
	}
	wasm, err := os.ReadFile(filepath.Join(dir, "extism-runtime.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig())
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	compiled, err := r.CompileModule(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) { compareKernels(t, r, compiled) })
}

func compareKernels(t *rapid.T, r wazero.Runtime, compiled wazero.CompiledModule) {
	theirs, err := r.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close(t.Context())
	ask := func(name string, args ...uint64) uint64 {
		out, err := theirs.ExportedFunction(name).Call(t.Context(), args...)
		if err != nil {
			t.Fatalf("%s%v: %v", name, args, err)
		}
		if len(out) == 0 {
			return 0
		}
		return out[0]
	}
	ours := &kernel{memory: newMemory(1 << 30)}
	same := func(what string, got, want uint64) {
		if got != want {
			t.Fatalf("%s is %d, and %d in Extism's kernel", what, got, want)
		}
	}
	var offsets []uint64
	offset := func() uint64 {
		if len(offsets) == 0 || rapid.IntRange(0, 9).Draw(t, "wild") == 0 {
			return rapid.Uint64Range(0, 200_000).Draw(t, "offset")
		}
		return rapid.SampledFrom(offsets).Draw(t, "offset")
	}
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		switch rapid.IntRange(0, 8).Draw(t, "what") {
		case 0, 1, 2:
			n := rapid.OneOf(rapid.Uint64Range(0, 300), rapid.Uint64Range(0, 100_000)).Draw(t, "size")
			got, _ := ours.alloc(n)
			same(fmt.Sprintf("alloc(%d)", n), got, ask("alloc", n))
			if got != 0 {
				offsets = append(offsets, got)
			}
		case 3, 4:
			at := offset()
			ours.free(at)
			ask("free", at)
		case 5:
			at := offset()
			same(fmt.Sprintf("length(%d)", at), ours.used(at), ask("length", at))
		case 6: // within a block, as plug-ins do
			if len(offsets) > 0 {
				at := rapid.SampledFrom(offsets).Draw(t, "at")
				if n := ours.used(at); n >= 8 {
					value := rapid.Uint64().Draw(t, "value")
					b, _ := ours.write(at+n-8, 8)
					binary.LittleEndian.PutUint64(b, value)
					ask("store_u64", at+n-8, value)
				}
			}
		case 7:
			at := offset()
			n := ours.used(at)
			if n == 0 {
				continue
			}
			ours.input = span{offset: at, length: n}
			ask("input_set", at, n)
		case 8:
			if rapid.IntRange(0, 9).Draw(t, "reset") == 0 {
				ours.clear()
				ask("reset")
				offsets = nil
			}
		}
		same("input_length", ours.input.length, ask("input_length"))
		same("input_offset", ours.input.offset, ask("input_offset"))
	}
	compareBytes(t, ours, theirs.ExportedMemory("memory"), offsets)
}

// compareBytes looks at the blocks in use.
func compareBytes(t *rapid.T, ours *kernel, theirs api.Memory, offsets []uint64) {
	for _, at := range offsets {
		want, ok := theirs.Read(uint32(at), uint32(ours.used(at)))
		if got := ours.content(at); !ok || !bytes.Equal(got, want) {
			t.Fatalf("the block at %d holds %x, and %x in Extism's kernel", at, got, want)
		}
	}
}

// TestKernelHostile does anything at all, headers overwritten included: nothing
// panics, nothing lies outside, and the memory stays below its cap.
func TestKernelHostile(t *testing.T) {
	const limit = 1 << 20
	rapid.Check(t, func(t *rapid.T) {
		k := &kernel{memory: newMemory(limit)}
		any64 := rapid.OneOf(rapid.Uint64Range(0, 300), rapid.Uint64Range(65_000, 66_000), rapid.Uint64Range(0, 2*limit), rapid.Uint64())
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			at, n := any64.Draw(t, "at"), any64.Draw(t, "n")
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0, 1:
				if offset, _ := k.alloc(n); offset != 0 {
					if b, ok := k.view(offset, k.used(offset)); !ok || uint64(len(b)) != n {
						t.Fatalf("a block of %d bytes at %d has %d", n, offset, len(b))
					}
				}
			case 2:
				k.free(at)
			case 3:
				if b, ok := k.write(at, 8); ok {
					binary.LittleEndian.PutUint64(b, n)
				}
			case 4:
				if b, ok := k.view(at, n); ok && (uint64(len(b)) != n || at < kernelBlocks || at+n > uint64(len(k.bytes))) {
					t.Fatalf("%d bytes at %d are in the memory of %d", n, at, len(k.bytes))
				}
			case 5:
				_ = k.content(at)
			case 6:
				if rapid.Bool().Draw(t, "reset") {
					k.reset()
					for offset, b := range k.bytes[:cap(k.bytes)] {
						if b != 0 {
							t.Fatalf("%d is left at %d", b, offset)
						}
					}
					for word, bits := range k.starts {
						if bits != 0 {
							t.Fatalf("%b is left of the blocks in word %d", bits, word)
						}
					}
				} else {
					k.clear()
				}
			}
			if len(k.bytes) > limit || cap(k.bytes) > limit || uint64(len(k.bytes)) != k.memory.outside {
				t.Fatalf("%d bytes, room for %d, counted %d", len(k.bytes), cap(k.bytes), k.memory.outside)
			}
		}
	})
}
