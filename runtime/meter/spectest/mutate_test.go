// Damaged modules: the suite's own modules with some bytes of their code
// changed. Rewriting must not make one valid, nor change what a valid one does.
package spectest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/chainrun/chainrun/runtime/module"
)

// allFeatures are those under which the sandbox runs modules.
const allFeatures = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst

// maxFuel ends a damaged module that loops.
const maxFuel = 100_000

// maxMemoryPages keeps a damaged memory section from taking the machine.
const maxMemoryPages = 256

var errFuel = errors.New("fuel used up")

// twin runs one module as it came and rewritten. It is used by one goroutine.
type twin struct {
	ctx     context.Context
	runtime wazero.Runtime
	granted int64
	started *rewritten
}

func newTwin(tb testing.TB) *twin {
	tb.Helper()
	ctx := context.Background()
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(allFeatures).WithMemoryLimitPages(maxMemoryPages)
	w := &twin{ctx: ctx, runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	tb.Cleanup(func() { _ = w.runtime.Close(ctx) })
	return w
}

// outcome is what became of a module: how far it came and what it answered.
type outcome struct {
	compiled bool
	fuelOut  bool
	text     string
}

func (w *twin) yield(_ context.Context, m api.Module, _ []uint64) {
	if w.granted > maxFuel {
		panic(errFuel)
	}
	fuel := m.ExportedGlobal(w.started.fuel).(api.MutableGlobal)
	left := int64(fuel.Get())
	grant := max(leastSlice, -left) // every check yields
	fuel.Set(uint64(left + grant))
	w.granted += grant
}

// observe compiles, instantiates and calls all exports that take nothing.
func (w *twin) observe(ready *rewritten) (o outcome) {
	compiled, err := w.runtime.CompileModule(w.ctx, ready.wasm)
	if err != nil {
		return outcome{text: err.Error()}
	}
	defer func() { _ = compiled.Close(w.ctx) }()
	o.compiled = true
	w.granted, w.started = 0, ready
	if ready.yieldModule != "" && w.runtime.Module(ready.yieldModule) == nil {
		_, err := w.runtime.NewHostModuleBuilder(ready.yieldModule).NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(w.yield), nil, nil).Export(ready.yieldName).Instantiate(w.ctx)
		if err != nil {
			return outcome{text: err.Error()}
		}
	}
	m, err := w.runtime.InstantiateModule(w.ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		_, trap, _ := strings.Cut(firstLine(err), "wasm error: ") // what stands before has indices and import names in it
		o.text = "not instantiated: " + trap + "\n"
		o.fuelOut = strings.Contains(err.Error(), errFuel.Error())
		return o
	}
	defer func() { _ = m.Close(w.ctx) }()
	var text strings.Builder
	definitions := compiled.ExportedFunctions()
	for _, name := range sortedNames(definitions) {
		d := definitions[name]
		if len(d.ParamTypes()) > 0 {
			continue
		}
		if ready.depth != "" {
			m.ExportedGlobal(ready.depth).(api.MutableGlobal).Set(callDepth)
		}
		words, err := m.ExportedFunction(name).Call(w.ctx)
		if err != nil && ready.depth != "" && int32(m.ExportedGlobal(ready.depth).Get()) < 0 {
			err = errCallDepth
		}
		switch {
		case err == nil:
			fmt.Fprintf(&text, "%s: %s\n", name, describe(words, d.ResultTypes()))
		case strings.Contains(err.Error(), errFuel.Error()), strings.Contains(err.Error(), errCallDepth.Error()), strings.Contains(err.Error(), "stack overflow"):
			o.fuelOut = true
			o.text = text.String()
			return o // and the plain module may never end
		default:
			fmt.Fprintf(&text, "%s: %s\n", name, firstLine(err))
		}
	}
	o.text = text.String()
	return o
}

func sortedNames(definitions map[string]api.FunctionDefinition) []string {
	var names []string
	for name := range definitions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// describe writes results such that two NaNs are equal.
func describe(words []uint64, types []api.ValueType) string {
	var parts []string
	for _, t := range types {
		switch t {
		case api.ValueTypeI32, api.ValueTypeI64:
			parts = append(parts, fmt.Sprintf("%x", words[0]))
		case api.ValueTypeF32:
			parts = append(parts, fmt.Sprint(api.DecodeF32(words[0])))
		case api.ValueTypeF64:
			parts = append(parts, fmt.Sprint(api.DecodeF64(words[0])))
		case 0x7b: // v128: lanes may hold NaNs
			words = words[1:]
			parts = append(parts, "v128")
		default: // a reference is an address
			parts = append(parts, fmt.Sprint(words[0] == 0))
		}
		words = words[1:]
	}
	return strings.Join(parts, " ")
}

// bomb says that a module may ask for tables that only the sandbox bounds.
func bomb(wasm []byte) bool {
	m, err := module.Read(wasm)
	if err != nil {
		return false
	}
	for _, t := range m.Tables {
		if t.Min > 10_000 {
			return true
		}
	}
	return bytes.Contains(wasm, []byte{0xfc, 0x0f}) // table.grow
}

// check compares the module with its rewritten self, and says whether it was
// valid and ran to its end.
func (w *twin) check(wasm []byte) (valid, ended bool, err error) {
	if bomb(wasm) {
		return false, false, nil
	}
	ready, refusal := throughMeter(wasm)
	if refusal != nil {
		return false, false, nil //nolint:nilerr // stricter than wazero it may be
	}
	metered := w.observe(ready)
	// wazero allocates what a name section announces, 64 GiB if it says so; the
	// meter writes that section anew. So the plain module goes without it.
	wasm = withoutCustom(wasm)
	if !metered.compiled || metered.fuelOut {
		if plain, err := w.runtime.CompileModule(w.ctx, wasm); err != nil {
			if metered.compiled {
				return false, false, fmt.Errorf("valid only after rewriting; as it came: %w", err)
			}
		} else {
			_ = plain.Close(w.ctx)
			if !metered.compiled {
				return false, false, fmt.Errorf("invalid only after rewriting: %s", metered.text)
			}
		}
		return metered.compiled, false, nil
	}
	plain := w.observe(&rewritten{wasm: wasm})
	if !plain.compiled {
		return true, true, fmt.Errorf("valid only after rewriting; as it came: %s", plain.text)
	}
	if plain.text != metered.text {
		return true, true, fmt.Errorf("rewriting changed what it does:\nas it came:\n%srewritten:\n%s", plain.text, metered.text)
	}
	return true, true, nil
}

// withoutCustom leaves out the custom sections of a module that can be read.
func withoutCustom(wasm []byte) []byte {
	m, err := module.Read(wasm)
	if err != nil {
		return wasm
	}
	kept := slices.Clone(wasm[:8])
	for _, s := range m.Sections {
		if s.ID != module.SectionCustom {
			kept = append(binary.AppendUvarint(append(kept, s.ID), uint64(len(s.Data))), s.Data...)
		}
	}
	return kept
}

// codeSection finds the code section's contents.
func codeSection(wasm []byte) (from, to int) {
	for at := 8; at+1 < len(wasm); {
		id := wasm[at]
		at++
		size, shift := 0, 0
		for at < len(wasm) && shift < 35 {
			b := wasm[at]
			at++
			size |= int(b&0x7f) << shift
			shift += 7
			if b < 0x80 {
				break
			}
		}
		if id == 10 {
			return at, min(at+size, len(wasm))
		}
		at += size
	}
	return 0, 0
}

// damage changes up to three bytes of the code to bytes that are likely to mean
// something: small indices, opcodes, bytes from nearby.
func damage(wasm []byte, r *rand.Rand) []byte {
	from, to := codeSection(wasm)
	if to-from < 4 {
		return nil
	}
	out := slices.Clone(wasm)
	for range 1 + r.IntN(3) {
		at := from + 1 + r.IntN(to-from-1)
		switch r.IntN(4) {
		case 0:
			out[at] = byte(r.IntN(16))
		case 1:
			out[at] = out[from+1+r.IntN(to-from-1)]
		case 2:
			out[at] += byte(r.IntN(3) - 1)
		default:
			out[at] = byte(r.IntN(256))
		}
	}
	return out
}

// seeds are the valid modules of the suite without imports and not large.
func seeds(tb testing.TB) map[string][]byte {
	tb.Helper()
	modules := map[string][]byte{}
	for _, suite := range []string{"v2", "tail-call"} {
		paths, err := filepath.Glob(filepath.Join(suiteData(tb), suite, "testdata", "*.json"))
		if err != nil {
			tb.Fatal(err)
		}
		for _, path := range paths {
			s, err := readScript(path)
			if err != nil {
				tb.Fatal(err)
			}
			for _, c := range s.Commands {
				if c.Type != "module" {
					continue
				}
				wasm, err := os.ReadFile(filepath.Join(s.folder, c.Filename))
				if err != nil {
					tb.Fatal(err)
				}
				if len(wasm) < 20_000 {
					modules[suite+"/"+c.Filename] = wasm
				}
			}
		}
	}
	return modules
}

// TestDamaged damages every module of the suite some times. Its random numbers
// are seeded by the module's name, so that a failure stays.
func TestDamaged(t *testing.T) {
	const times = 12
	modules := seeds(t)
	var names []string
	for name := range modules {
		names = append(names, name)
	}
	slices.Sort(names)
	const parts = 8
	var valid, ended atomic.Int64
	t.Run("parts", func(t *testing.T) {
		for part := range parts {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				w := newTwin(t)
				for i := part; i < len(names); i += parts {
					name := names[i]
					r := rand.New(rand.NewPCG(uint64(len(name)), uint64(i)))
					for n := range times {
						wasm := damage(modules[name], r)
						if wasm == nil {
							break
						}
						isValid, hasEnded, err := w.check(wasm)
						if isValid {
							valid.Add(1)
						}
						if hasEnded {
							ended.Add(1)
						}
						if err != nil {
							t.Errorf("%s, damage %d: %v\n%x", name, n, err, wasm)
						}
					}
				}
			})
		}
	})
	t.Logf("%d modules damaged %d times: %d still valid, %d ran to their end", len(names), times, valid.Load(), ended.Load())
	if valid.Load() < 1_000 {
		t.Errorf("only %d damaged modules were valid: the test has lost its point", valid.Load())
	}
}

// FuzzDamaged does the same with damage that the fuzzer thinks of.
func FuzzDamaged(f *testing.F) {
	w := newTwin(f)
	for name, wasm := range seeds(f) {
		if len(wasm) < 2_000 && strings.HasPrefix(name, "v2/") {
			f.Add(wasm)
		}
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if len(wasm) > 20_000 {
			t.Skip()
		}
		if _, _, err := w.check(wasm); err != nil {
			t.Error(err)
		}
	})
}
