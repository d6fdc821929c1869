// Table fresh: what it costs that every attempt starts from the same state.
package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const (
	freshRounds = 12
	// freshBatch is how many attempts are timed together: so many that an
	// instance that nobody sets back collects its garbage in each batch, which
	// the others never have to.
	freshBatch = 800
)

// orderDocument has 1 KB and is what the JSON handler expects.
var orderDocument = []byte(`{"customer":"ada","lines":[` +
	strings.TrimSuffix(strings.Repeat(`{"sku":"0123456789","price":9.25,"quantity":3},`, 21), ",") + `]}`)

// freshRows are the attempts under measurement.
var freshRows = []freshRow{
	{"C reactor, 1 KB echo", "c", "", orderDocument},
	{"Go reactor, 1 KB echo", "go", "", orderDocument},
	{"Go reactor, JSON handler, 1 KB", "json", "json", orderDocument},
}

type freshRow struct {
	name, id, entry string
	input           []byte
}

// A freshLane carries out one attempt.
type freshLane struct {
	name string
	once func(ctx context.Context, input []byte) ([]byte, error)
}

func freshTable(ctx context.Context, o options) error {
	n, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	var g grid
	for _, row := range freshRows {
		wasm := n.goes
		if row.id == "c" {
			wasm = n.c
		}
		if wasm == nil || !strings.Contains(row.name, o.only) {
			continue
		}
		lanes, done, err := freshLanes(ctx, wasm, row.entry)
		defer done()
		if err != nil {
			return err
		}
		if g == nil {
			header := []string{"one attempt, µs (× the first)"}
			for _, l := range lanes {
				header = append(header, l.name)
			}
			g = grid{header}
		}
		best, err := measureFresh(ctx, lanes, row.input, min(o.rounds, freshRounds))
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		row.report(o.figures, lanes, best)
		cells := []string{row.name}
		for _, t := range best {
			_, times := ratio(t, best[0])
			cells = append(cells, fmt.Sprintf("%.1f (%s)", float64(t.Nanoseconds())/1e3, times))
		}
		g = append(g, cells)
	}
	g.print(o.out)
	o.out.printf("\nCPU time of an attempt, the mean of %d; the minimum of that over %d interleaved rounds. never: wazero itself calls\n"+
		"one metered instance again and again, which nobody sets back: the floor. new: a new instance each time, started.\n", freshBatch, min(o.rounds, freshRounds))
	n.skipped(o.out)
	return nil
}

// report sets the figures of a row.
func (r freshRow) report(f figures, lanes []freshLane, best []time.Duration) {
	never, slowest, slow := best[0], time.Duration(0), ""
	for i, l := range lanes[1 : len(lanes)-1] {
		took := best[i+1]
		switch {
		case l.name == string(sandbox.ImagesUserfaultfd) && r.id == "json":
			times, _ := ratio(took, never)
			f.set("fresh.reset", times, "%s µs never set back", micros(never))
		case l.name == string(sandbox.ImagesUserfaultfd):
			f.set("fresh."+r.id, inMicros(took), "%s µs never set back", micros(never))
		case took > slowest:
			slowest, slow = took, l.name
		}
	}
	if r.id == "go" && slowest > 0 {
		f.set("fresh.fallback", inMicros(slowest), "by %s; %s µs never set back", slow, micros(never))
	}
}

// freshLanes opens each way; what was opened is closed by done, also after an error.
func freshLanes(ctx context.Context, wasm []byte, entry string) (lanes []freshLane, done func(), err error) {
	var closers []func()
	done = func() {
		for _, c := range closers {
			c()
		}
	}
	export := module.ExportRun
	if entry != "" {
		export += ":" + entry
	}
	lane := newWazeroLane(wazero.NewRuntimeConfigCompiler(), withDepth)
	in, err := lane.open(ctx, wasm)
	if err != nil {
		return nil, done, err
	}
	closers = append(closers, func() { _ = in.close(ctx); _ = lane.close(ctx) })
	never, ok := in.(*wazeroInstance)
	if !ok {
		return nil, done, errors.New("no instance of wazero")
	}
	alloc, run := never.module.ExportedFunction(module.ExportAlloc), never.module.ExportedFunction(export)
	lanes = append(lanes, freshLane{"never", func(ctx context.Context, input []byte) ([]byte, error) {
		return callBare(ctx, never, alloc, run, input)
	}})
	for _, s := range sandbox.ImageStrategies() {
		engine, err := sandbox.New(ctx, sandbox.Config{Images: s})
		if err != nil {
			return nil, done, fmt.Errorf("opening the sandbox: %w", err)
		}
		closers = append(closers, func() { _ = engine.Close(ctx) })
		if engine.ImageStrategy() != s {
			continue // not to be had here
		}
		m, err := module.Read(wasm)
		if err != nil {
			return nil, done, fmt.Errorf("reading the node: %w", err)
		}
		p, err := engine.Compile(ctx, m)
		if err != nil {
			return nil, done, fmt.Errorf("compiling the node: %w", err)
		}
		lanes = append(lanes, freshLane{string(s), func(ctx context.Context, input []byte) ([]byte, error) {
			r, err := p.Call(ctx, sandbox.Call{Entry: entry, Input: input})
			if err == nil && r.Stop != nil {
				err = errors.New(r.Stop.Message)
			}
			return r.Output, err
		}})
	}
	lanes = append(lanes, freshLane{"new", func(ctx context.Context, input []byte) ([]byte, error) {
		in, err := never.again(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = in.module.Close(ctx) }()
		return callBare(ctx, in, in.module.ExportedFunction(module.ExportAlloc), in.module.ExportedFunction(export), input)
	}})
	return lanes, done, nil
}

// callBare does what the ABI of a reactor asks for, and nothing else.
func callBare(ctx context.Context, in *wazeroInstance, alloc, run api.Function, input []byte) ([]byte, error) {
	in.fuel.Set(1 << 40)
	stack := [2]uint64{uint64(len(input))}
	if err := alloc.CallWithStack(ctx, stack[:]); err != nil {
		return nil, fmt.Errorf("allocating: %w", err)
	}
	in.module.Memory().Write(uint32(stack[0]), input)
	stack[1] = uint64(len(input))
	if err := run.CallWithStack(ctx, stack[:]); err != nil {
		return nil, fmt.Errorf("running: %w", err)
	}
	out, ok := in.module.Memory().Read(uint32(stack[0]>>32), uint32(stack[0])&(1<<31-1))
	if !ok {
		return nil, errors.New("a result outside of the memory")
	}
	return append([]byte(nil), out...), nil
}

// measureFresh times batches in each lane, round after round. All must give the
// same outputs.
func measureFresh(ctx context.Context, lanes []freshLane, input []byte, rounds int) ([]time.Duration, error) {
	best := make([]time.Duration, len(lanes))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for round := range rounds {
		outputs := make([]string, len(lanes))
		for k := range lanes {
			i := (k + round) % len(lanes)
			batch := freshBatch
			if lanes[i].name == "new" {
				batch = 1
			}
			begin := threadTime()
			for range batch {
				out, err := lanes[i].once(ctx, input)
				if err != nil {
					return nil, fmt.Errorf("lane %s: %w", lanes[i].name, err)
				}
				outputs[i] = string(out)
			}
			if took := (threadTime() - begin) / time.Duration(batch); best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
		for i, out := range outputs {
			if out != outputs[0] {
				return nil, fmt.Errorf("lane %s gave %q, not %q", lanes[i].name, out, outputs[0])
			}
		}
	}
	return best, nil
}
