// Table fuel: what it costs to count.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
)

// fuelLane is a column; against names the column that it is a ratio to.
type fuelLane struct {
	name    string
	lane    lane
	against int // index of the lane without the cost, its own index for that one
}

func fuelLanes() []fuelLane {
	plain := wazero.NewRuntimeConfigCompiler()
	lanes := []fuelLane{
		{"wazero", newWazeroLane(plain, nil), 0},
		{"metered", newWazeroLane(plain, throughMeter), 0},
		{"+ depth", newWazeroLane(plain, withDepth), 0},
		{"close-on-done", newWazeroLane(plain.WithCloseOnContextDone(true), nil), 0},
	}
	if wasmtimeMissing == "" {
		lanes = append(lanes,
			fuelLane{"wasmtime", newWasmtimeLane(false), 4},
			fuelLane{"its fuel", newWasmtimeLane(true), 4})
	}
	return lanes
}

func fuelTable(ctx context.Context, o options) error {
	programs, missing, err := buildPrograms(ctx)
	if err != nil {
		return err
	}
	if wasmtimeMissing != "" {
		missing = append(missing, wasmtimeMissing)
	}
	ctx, cancel := context.WithCancel(ctx) // close-on-done wants a context that can be done
	defer cancel()
	lanes := fuelLanes()
	defer func() {
		for _, l := range lanes {
			_ = l.lane.close(context.WithoutCancel(ctx))
		}
	}()
	header := []string{"program", "time"}
	for i, l := range lanes {
		if l.against != i {
			header = append(header, l.name)
		}
	}
	g := grid{append(header, "instructions")}
	ratios := map[string][][]float64{} // language → lane → ratios
	var languages []string
	var counted []bool // program by program: did all who count agree
	for _, p := range programs {
		if !strings.Contains(p.language+" "+p.name, o.only) {
			continue
		}
		times, fuel, err := measureProgram(ctx, p, lanes, o.rounds)
		if err != nil {
			return fmt.Errorf("%s %s: %w", p.language, p.name, err)
		}
		if ratios[p.language] == nil {
			ratios[p.language] = make([][]float64, len(lanes))
			languages = append(languages, p.language)
		}
		row := []string{p.language + " " + p.name, milliseconds(times[0])}
		for i, l := range lanes {
			if l.against != i {
				r, cell := ratio(times[i], times[l.against])
				ratios[p.language][i] = append(ratios[p.language][i], r)
				row = append(row, cell)
			}
		}
		counted = append(counted, fuel > 0)
		g = append(g, append(row, fmt.Sprintf("%.1f M", float64(fuel)/1e6)))
	}
	all := make([][]float64, len(lanes))
	for _, language := range languages {
		g = append(g, meanRow("mean "+language, lanes, ratios[language]))
		for i := range lanes {
			all[i] = append(all[i], ratios[language][i]...)
		}
	}
	g = append(g, meanRow("mean of all", lanes, all))
	g.print(o.out)
	o.out.printf("\nratios of minima over %d interleaved rounds, geometric means; wazero v1.12, %s/%s\n", o.rounds, runtime.GOOS, runtime.GOARCH)
	reportFuel(o.figures, lanes, all, counted)
	for _, m := range missing {
		o.out.printf("SKIPPED: %s\n", m)
	}
	return nil
}

// reportFuel sets the figures; ratios are by lane, then by program.
func reportFuel(f figures, lanes []fuelLane, ratios [][]float64, counted []bool) {
	lane := func(name string) int { return slices.IndexFunc(lanes, func(l fuelLane) bool { return l.name == name }) }
	metered, theirs := lane("metered"), lane("its fuel")
	if len(ratios[metered]) == 0 {
		return
	}
	beside := "wasmtime: not here"
	if theirs >= 0 {
		mean, _ := geometricMean(ratios[theirs])
		beside = fmt.Sprintf("Wasmtime's own fuel %.2f, its worst %.2f", mean, slices.Max(ratios[theirs]))
		agree := 0
		for _, ok := range counted {
			if ok {
				agree++
			}
		}
		f.set("fuel.exact", 100*float64(agree)/float64(len(counted)), "%d of %d", agree, len(counted))
	}
	mean, _ := geometricMean(ratios[metered])
	f.set("fuel.mean", mean, "%s", beside)
	f.set("fuel.worst", slices.Max(ratios[metered]), "%s", beside)
	mean, _ = geometricMean(ratios[lane("+ depth")])
	f.set("fuel.depth", mean, "%s", beside)
}

func meanRow(name string, lanes []fuelLane, ratios [][]float64) []string {
	row := []string{name, ""}
	for i, l := range lanes {
		if l.against != i {
			_, cell := geometricMean(ratios[i])
			row = append(row, cell)
		}
	}
	return row
}

// draws is how often the rounds begin with new instances: where a memory comes
// to lie can make a program slower for as long as the instance lives.
const draws = 4

// measureProgram runs the program in each lane, round after round, and keeps
// each lane's best. All lanes must give the same checksums; fuel is 0 where those
// that count it do not agree.
func measureProgram(ctx context.Context, p program, lanes []fuelLane, rounds int) (best []time.Duration, fuel uint64, err error) {
	wasm, err := os.ReadFile(p.module)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the program: %w", err)
	}
	best = make([]time.Duration, len(lanes))
	for range draws {
		times, used, err := measureDraw(ctx, p, wasm, lanes, max(rounds/draws, 1))
		if err != nil {
			return nil, 0, err
		}
		for i, t := range times {
			if best[i] == 0 || t < best[i] {
				best[i] = t
			}
		}
		if fuel = used; fuel == 0 {
			break
		}
	}
	return best, fuel, nil
}

func measureDraw(ctx context.Context, p program, wasm []byte, lanes []fuelLane, rounds int) (best []time.Duration, fuel uint64, err error) {
	instances := make([]instance, len(lanes))
	for i, l := range lanes {
		if instances[i], err = l.lane.open(ctx, wasm); err != nil {
			return nil, 0, fmt.Errorf("lane %s: %w", l.name, err)
		}
		defer func() { _ = instances[i].close(context.WithoutCancel(ctx)) }()
	}
	best = make([]time.Duration, len(lanes))
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for round := range rounds {
		sums := make([]string, len(lanes))
		var counts []uint64
		for k := range lanes {
			i := (k + round) % len(lanes) // no lane always follows the same one
			begin := threadTime()
			results, used, err := instances[i].call(ctx, p.entry, uint64(p.count))
			took := threadTime() - begin
			if err != nil {
				return nil, 0, fmt.Errorf("lane %s: %w", lanes[i].name, err)
			}
			if best[i] == 0 || took < best[i] {
				best[i] = took
			}
			if used > 0 {
				counts = append(counts, used)
			}
			sums[i] = fmt.Sprint(results)
		}
		for _, s := range sums {
			if s != sums[0] {
				return nil, 0, fmt.Errorf("checksums differ between lanes: %s", strings.Join(sums, " "))
			}
		}
		if fuel = counts[0]; slices.Min(counts) != slices.Max(counts) {
			return best, 0, nil
		}
	}
	return best, fuel, nil
}
