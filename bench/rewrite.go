// Table rewrite: what metering costs before the first call.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/tetratelabs/wazero"
)

const rewriteRounds = 3

func rewriteTable(ctx context.Context, o options) error {
	programs, missing, err := buildPrograms(ctx)
	if err != nil {
		return err
	}
	g := grid{{"module", "size", "grows by", "rewriting", "MB/s", "compiling", "compiling rewritten", "ratio, rewriting too"}}
	for _, p := range programs {
		if p.name != "json" { // one of each language
			continue
		}
		row, err := rewriteRow(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.module, err)
		}
		g = append(g, row)
	}
	g.print(o.out)
	o.out.printf("\nminima over %d rounds, no cache, processor time of all threads\n", rewriteRounds)
	for _, m := range missing {
		o.out.printf("SKIPPED: %s\n", m)
	}
	return nil
}

func rewriteRow(ctx context.Context, p program) ([]string, error) {
	wasm, err := os.ReadFile(p.module)
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	var ready *metered
	var rewriting, plain, rewritten []time.Duration
	for range rewriteRounds {
		begin := processTime()
		if ready, err = withDepth(wasm); err != nil {
			return nil, err
		}
		rewriting = append(rewriting, processTime()-begin)
		for _, side := range []struct {
			wasm  []byte
			times *[]time.Duration
		}{{wasm, &plain}, {ready.wasm, &rewritten}} {
			took, err := compileOnce(ctx, side.wasm)
			if err != nil {
				return nil, err
			}
			*side.times = append(*side.times, took)
		}
	}
	r, _ := lowest(rewriting)
	a, _ := lowest(plain)
	b, _ := lowest(rewritten)
	_, cell := ratio(b+r, a)
	return []string{
		p.language,
		fmt.Sprintf("%.1f KB", float64(len(wasm))/1e3),
		fmt.Sprintf("%.0f %%", float64(len(ready.wasm)-len(wasm))*100/float64(len(wasm))),
		milliseconds(r), fmt.Sprintf("%.0f", float64(len(wasm))/1e6/r.Seconds()), milliseconds(a), milliseconds(b), cell,
	}, nil
}

func compileOnce(ctx context.Context, wasm []byte) (time.Duration, error) {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithDebugInfoEnabled(false))
	begin := processTime()
	_, err := r.CompileModule(ctx, wasm)
	took := processTime() - begin
	if closing := r.Close(ctx); err == nil {
		err = closing
	}
	if err != nil {
		return 0, fmt.Errorf("compiling: %w", err)
	}
	return took, nil
}
