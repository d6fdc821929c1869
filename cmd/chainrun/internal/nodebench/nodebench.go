// Package nodebench measures calls of one node in the sandbox, without the host around
// it: the figures of `chainrun node bench`.
package nodebench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// MaxCalls bounds the calls of a measurement: each is remembered.
const MaxCalls = 10_000_000

// warm is how many calls, or how much time, comes before the first that counts.
const (
	warmCalls = 100
	warmTime  = 200 * time.Millisecond
)

// Config says what is measured.
type Config struct {
	Module   *module.Module
	Call     sandbox.Call
	Calls    int           // 0: as many as Time has room for
	Time     time.Duration // 0: as long as Calls take
	Parallel int           // calls at once; at least 1
	// Check does what a run does besides with an output. nil: nothing.
	Check func(output []byte) error
}

// Result is what came of a measurement.
type Result struct {
	ModuleBytes  int           `json:"module_bytes"`
	Compile      time.Duration `json:"compile_ns"`    // cold, without the cache on disk
	FirstCall    time.Duration `json:"first_call_ns"` // with the start of the instance
	Calls        int           `json:"calls"`
	Parallel     int           `json:"parallel"`
	Elapsed      time.Duration `json:"elapsed_ns"`
	PerSecond    float64       `json:"calls_per_second"`
	P50          time.Duration `json:"p50_ns"`
	P90          time.Duration `json:"p90_ns"`
	P99          time.Duration `json:"p99_ns"`
	Max          time.Duration `json:"max_ns"`
	FuelLeast    uint64        `json:"fuel_least"`
	FuelMost     uint64        `json:"fuel_most"`
	MemoryBytes  uint64        `json:"memory_bytes"` // of the call that had most
	OutputBytes  int           `json:"output_bytes"` // of the first call
	CheckedStep  time.Duration `json:"check_ns"`     // what a run's checks add, on average; 0: not measured
	SameEachTime bool          `json:"same_fuel"`
}

// StopError means that a call of the node failed.
type StopError struct {
	Call int // from 1
	Stop *sandbox.Stop
}

// Error implements error.
func (e *StopError) Error() string {
	text := string(e.Stop.Reason)
	if e.Stop.Code != "" {
		text += " (" + e.Stop.Code + ")"
	}
	return fmt.Sprintf("call %d failed: %s: %s", e.Call, text, e.Stop.Message)
}

// Measure compiles the module and calls it. The error is a [*StopError] where a call
// fails, or ctx's.
func Measure(ctx context.Context, c Config) (Result, error) {
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return Result{}, fmt.Errorf("starting the sandbox: %w", err)
	}
	r, err := measure(ctx, engine, c)
	return r, errors.Join(err, engine.Close(context.WithoutCancel(ctx)))
}

func measure(ctx context.Context, engine *sandbox.Engine, c Config) (Result, error) {
	r := Result{ModuleBytes: len(c.Module.Bytes), Parallel: max(c.Parallel, 1)}
	began := time.Now()
	program, err := engine.Compile(ctx, c.Module)
	if err != nil {
		return r, fmt.Errorf("compiling the module: %w", err)
	}
	r.Compile = time.Since(began)

	first := &worker{program: program, call: c.Call}
	if err := first.once(ctx, 1); err != nil {
		return r, err
	}
	r.FirstCall, r.OutputBytes = first.took[0], len(first.output)
	if err := warmUp(ctx, first); err != nil {
		return r, err
	}
	workers := make([]*worker, r.Parallel)
	for i := range workers {
		workers[i] = &worker{program: program, call: c.Call}
	}
	if r.Elapsed, err = runAll(ctx, workers, c); err != nil {
		return r, err
	}
	r.sum(workers)
	if c.Check != nil {
		r.CheckedStep, err = checking(first.output, c.Check)
	}
	return r, err
}

// warmUp makes the calls that do not count.
func warmUp(ctx context.Context, w *worker) error {
	for began, i := time.Now(), 0; i < warmCalls && time.Since(began) < warmTime; i++ {
		if err := w.once(ctx, i+2); err != nil {
			return err
		}
	}
	return nil
}

// worker makes one call after the other.
type worker struct {
	program     *sandbox.Program
	call        sandbox.Call
	output      []byte
	took        []time.Duration
	least, most uint64 // fuel
	memory      uint64
}

func (w *worker) once(ctx context.Context, number int) error {
	began := time.Now()
	result, err := w.program.Call(ctx, w.call)
	took := time.Since(began)
	switch {
	case err != nil:
		return fmt.Errorf("calling the node: %w", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case result.Stop != nil:
		return &StopError{Call: number, Stop: result.Stop}
	}
	if len(w.took) == 0 {
		w.least, w.output = math.MaxUint64, result.Output
	}
	w.took = append(w.took, took)
	w.least, w.most = min(w.least, result.Fuel), max(w.most, result.Fuel)
	w.memory = max(w.memory, result.PeakMemoryBytes)
	return nil
}

// runAll lets the workers call until there were enough calls, or the time is over.
func runAll(ctx context.Context, workers []*worker, c Config) (time.Duration, error) {
	most := int64(MaxCalls)
	if c.Calls > 0 {
		most = min(int64(c.Calls), most)
	}
	var made atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began := time.Now()
	for _, w := range workers {
		wg.Go(func() {
			for failed.Load() == nil && (c.Time == 0 || len(w.took) == 0 || time.Since(began) < c.Time) {
				number := made.Add(1)
				if number > most {
					return
				}
				if err := w.once(ctx, int(number)); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	if err := failed.Load(); err != nil {
		return elapsed, *err
	}
	return elapsed, nil
}

// sum adds up what the workers have seen.
func (r *Result) sum(workers []*worker) {
	var all []time.Duration
	r.FuelLeast = math.MaxUint64
	for _, w := range workers {
		if len(w.took) == 0 {
			continue // the others were quicker
		}
		all = append(all, w.took...)
		r.FuelLeast, r.FuelMost = min(r.FuelLeast, w.least), max(r.FuelMost, w.most)
		r.MemoryBytes = max(r.MemoryBytes, w.memory)
	}
	slices.Sort(all)
	at := func(quantile float64) time.Duration { return all[min(int(quantile*float64(len(all))), len(all)-1)] }
	r.Calls, r.SameEachTime = len(all), r.FuelLeast == r.FuelMost
	r.P50, r.P90, r.P99, r.Max = at(0.5), at(0.9), at(0.99), all[len(all)-1]
	if r.Elapsed > 0 {
		r.PerSecond = float64(r.Calls) / r.Elapsed.Seconds()
	}
}

// checks is how often an output is checked to see how long that takes.
const checks = 200

func checking(output []byte, check func([]byte) error) (time.Duration, error) {
	if err := check(output); err != nil { // also what it takes the first time
		return 0, err
	}
	began := time.Now()
	for range checks {
		if err := check(output); err != nil {
			return 0, err
		}
	}
	return time.Since(began) / checks, nil
}
