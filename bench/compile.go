// Table compile: a module's first time, through the sandbox and by wazero alone.
package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const compileRounds = 8

func compileTable(ctx context.Context, o options) error {
	wasm, err := goNode()
	if err != nil {
		return err
	}
	lanes := []struct {
		name string
		once func(ctx context.Context, wasm []byte) (wall, cpu time.Duration, err error)
	}{
		{"wazero, the module as it is (floor)", compileBare},
		{"wazero, the module as the meter makes it", compileMetered},
		{"chainrun: read, checked, metered, compiled", compileOurs},
	}
	wall, cpu := make([][]time.Duration, len(lanes)), make([][]time.Duration, len(lanes))
	for range min(o.rounds, compileRounds) {
		for i, l := range lanes {
			runtime.GC() // nobody pays for the others' garbage
			w, c, err := l.once(ctx, wasm)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			wall[i], cpu[i] = append(wall[i], w), append(cpu[i], c)
		}
	}
	g := grid{{fmt.Sprintf("graphs/hello/say.wasm, %.1f MB", float64(len(wasm))/1e6), "time", "of CPU", "ratio, CPU", "ratio, time"}}
	for i, l := range lanes {
		_, used := ratio(slices.Min(cpu[i]), slices.Min(cpu[0]))
		_, took := ratio(slices.Min(wall[i]), slices.Min(wall[0]))
		g = append(g, []string{l.name, milliseconds(slices.Min(wall[i])), milliseconds(slices.Min(cpu[i])), used, took})
	}
	g.print(o.out)
	times, _ := ratio(slices.Min(cpu[2]), slices.Min(cpu[0]))
	took, _ := ratio(slices.Min(wall[2]), slices.Min(wall[0]))
	o.figures.set("compile.times", times, "CPU time; %.2f by the clock; wazero alone %s", took, milliseconds(slices.Min(wall[0])))
	o.out.printf("\nminima of %d rounds, nothing cached, garbage collected before each, an engine of its own each time. wazero compiles\nwithout debug information and on all cores, as chainrun has it do\n", len(wall[0]))
	return nil
}

// compileBare has as many workers as chainrun.
func compileBare(ctx context.Context, wasm []byte) (wall, cpu time.Duration, err error) {
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithDebugInfoEnabled(false))
	defer func() { _ = r.Close(ctx) }()
	begin, used := time.Now(), processTime()
	if _, err := r.CompileModule(ctx, wasm); err != nil {
		return 0, 0, fmt.Errorf("compiling: %w", err)
	}
	return time.Since(begin), processTime() - used, nil
}

func compileMetered(ctx context.Context, wasm []byte) (wall, cpu time.Duration, err error) {
	ready, err := withDepth(wasm)
	if err != nil {
		return 0, 0, err
	}
	return compileBare(ctx, ready.wasm)
}

// compileOurs has no cache on disk, so it compiles.
func compileOurs(ctx context.Context, wasm []byte) (wall, cpu time.Duration, err error) {
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return 0, 0, fmt.Errorf("opening the sandbox: %w", err)
	}
	defer func() { _ = engine.Close(ctx) }()
	begin, used := time.Now(), processTime()
	m, err := module.Read(wasm)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the module: %w", err)
	}
	if _, err := engine.Compile(ctx, m); err != nil {
		return 0, 0, fmt.Errorf("compiling: %w", err)
	}
	return time.Since(begin), processTime() - used, nil
}
