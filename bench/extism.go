// Table extism: plug-ins in this sandbox and in Extism's own Go SDK, file by file.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	extism "github.com/extism/go-sdk"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const (
	extismModule = "github.com/extism/go-sdk"
	extismCalls  = 20   // of one lane in a row
	extismInput  = 1024 // bytes
)

// extismPlugins are files of the SDK's, each in another language.
var extismPlugins = []struct{ language, file, entry string }{
	{"Rust", "count_vowels", "count_vowels"},
	{"TinyGo", "replace", "run_test"},
	{"C", "hello", "run_test"},
	{"Go", "fs_std", "run_test"}, // which fails: there is no such file, here as there
	{"Haskell", "hello_haskell", "testing"},
}

// An extismLane makes one call and gives the output.
type extismLane func(ctx context.Context, input []byte) ([]byte, error)

func extismTable(ctx context.Context, o options) error {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", extismModule).Output()
	if err != nil {
		return fmt.Errorf("%w: the plug-ins are in the Go module %s, which go list does not find: %w", errSkipped, extismModule, err)
	}
	input := []byte(strings.Repeat("Hello, World! ", extismInput/14+1)[:extismInput])
	g := grid{{"plug-in", "chainrun, µs", "go-sdk new ×", "with timeout ×", "reused ×", "with timeout ×"}}
	var means [4][]float64
	for _, p := range extismPlugins {
		if !strings.Contains(p.language+" "+p.file, o.only) {
			continue
		}
		wasm, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "wasm", p.file+".wasm"))
		if err != nil {
			return fmt.Errorf("%w: %w", errSkipped, err)
		}
		best, err := extismRounds(ctx, o.rounds, wasm, p.entry, input)
		if err != nil {
			return fmt.Errorf("%s: %w", p.file, err)
		}
		row := []string{p.language + ": " + p.file, fmt.Sprintf("%.1f", float64(best[0].Nanoseconds())/1e3)}
		for i, theirs := range best[1:] {
			times, text := ratio(theirs, best[0])
			means[i] = append(means[i], times)
			row = append(row, text)
		}
		g = append(g, row)
	}
	row := []string{"geometric mean", ""}
	for i, m := range means {
		mean, text := geometricMean(m)
		row = append(row, text)
		if i == 1 && mean > 0 {
			o.figures.set("extism.new", mean, "geometric mean of %d plug-ins", len(m))
		}
	}
	append(g, row).print(o.out)
	o.out.printf(`
A call with %d bytes, minimum of %d rounds of %d calls in turn. chainrun's has a fresh state, counted fuel, a memory cap
and a timeout. New: CompiledPlugin.Instance, Call, Close, so with a fresh state too; reused: Call on one Plugin, which keeps
what the call before left. Without a timeout nothing ends a call of go-sdk; with one its code looks at the clock.
`, extismInput, o.rounds, extismCalls)
	return nil
}

// extismRounds times a call in each lane: ours, then four of theirs.
func extismRounds(ctx context.Context, rounds int, wasm []byte, entry string, input []byte) (best [5]time.Duration, err error) {
	ours, done, err := ourPlugin(ctx, wasm, entry)
	if err != nil {
		return best, err
	}
	defer done()
	var fresh, reused []extismLane
	for _, timeout := range []uint64{0, 30_000} {
		one, other, done, err := theirPlugin(ctx, wasm, entry, timeout)
		if err != nil {
			return best, err
		}
		defer done()
		fresh, reused = append(fresh, one), append(reused, other)
	}
	lanes := slices.Concat([]extismLane{ours}, fresh, reused)
	want, err := lanes[0](ctx, input)
	if err != nil {
		return best, err
	}
	for _, lane := range lanes[1:3] { // what is reused may count what was before
		if got, err := lane(ctx, input); err != nil || string(got) != string(want) {
			return best, fmt.Errorf("go-sdk gives %q (%w), chainrun %q", got, err, want)
		}
	}
	for range rounds {
		for i, lane := range lanes {
			runtime.GC() // none of them pays for the others' garbage
			start := time.Now()
			for range extismCalls {
				if _, err := lane(ctx, input); err != nil {
					return best, err
				}
			}
			if took := time.Since(start) / extismCalls; best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best, nil
}

func ourPlugin(ctx context.Context, wasm []byte, entry string) (extismLane, func(), error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the plug-in: %w", err)
	}
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return nil, nil, fmt.Errorf("opening the sandbox: %w", err)
	}
	done := func() { _ = engine.Close(context.WithoutCancel(ctx)) }
	program, err := engine.Compile(ctx, m)
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("compiling the plug-in: %w", err)
	}
	return func(ctx context.Context, input []byte) ([]byte, error) {
		r, err := program.Call(ctx, sandbox.Call{Entry: entry, Input: input})
		if err == nil && r.Stop != nil && r.Stop.Reason != sandbox.NodeError {
			err = fmt.Errorf("stopped: %s", r.Stop.Message)
		}
		return r.Output, err
	}, done, nil
}

// theirPlugin gives a call of a new instance, and one of an instance that is kept.
func theirPlugin(ctx context.Context, wasm []byte, entry string, timeout uint64) (fresh, reused extismLane, done func(), err error) {
	compiled, err := extism.NewCompiledPlugin(ctx, extism.Manifest{
		Wasm: []extism.Wasm{extism.WasmData{Data: wasm}}, Timeout: timeout,
		Memory: &extism.ManifestMemory{MaxVarBytes: -1, MaxHttpResponseBytes: -1},
	}, extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("compiling with go-sdk: %w", err)
	}
	done = func() { _ = compiled.Close(context.WithoutCancel(ctx)) }
	kept, err := compiled.Instance(ctx, extism.PluginInstanceConfig{})
	if err != nil {
		done()
		return nil, nil, nil, fmt.Errorf("an instance of go-sdk: %w", err)
	}
	call := func(ctx context.Context, p *extism.Plugin, input []byte) ([]byte, error) {
		_, out, err := p.CallWithContext(ctx, entry, input)
		return out, err //nolint:wrapcheck // extismRounds says what it was doing
	}
	fresh = func(ctx context.Context, input []byte) ([]byte, error) {
		p, err := compiled.Instance(ctx, extism.PluginInstanceConfig{})
		if err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		defer func() { _ = p.CloseWithContext(ctx) }()
		return call(ctx, p, input)
	}
	reused = func(ctx context.Context, input []byte) ([]byte, error) { return call(ctx, kept, input) }
	return fresh, reused, done, nil
}
