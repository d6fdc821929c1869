package nodebench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

func read(t *testing.T, wasm []byte) *module.Module {
	t.Helper()
	m, err := module.Read(wasm)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// As many calls are measured as were asked for, by as many workers.
func TestCalls(t *testing.T) {
	checked := 0
	r, err := Measure(t.Context(), Config{
		Module: read(t, moduletest.Echo()), Call: sandbox.Call{Input: []byte(`{"a":1}`)}, Calls: 50, Parallel: 3,
		Check: func(output []byte) error {
			checked++
			if string(output) != `{"a":1}` {
				t.Errorf("the output is %s", output)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Calls != 50 || r.Parallel != 3 || checked != checks+1 {
		t.Errorf("%d calls, %d at once, %d checks", r.Calls, r.Parallel, checked)
	}
	if !r.SameEachTime || r.FuelLeast == 0 || r.FuelLeast != r.FuelMost || r.MemoryBytes == 0 || r.OutputBytes != 7 {
		t.Errorf("%+v", r)
	}
	if r.Compile <= 0 || r.FirstCall <= 0 || r.Elapsed <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.Max || r.PerSecond <= 0 {
		t.Errorf("%+v", r)
	}
}

// Time ends a measurement, after one call at least.
func TestTime(t *testing.T) {
	r, err := Measure(t.Context(), Config{Module: read(t, moduletest.Echo()), Time: time.Millisecond})
	if err != nil || r.Calls < 1 || r.CheckedStep != 0 {
		t.Errorf("%d calls, %v", r.Calls, err)
	}
}

// What goes wrong in a call, or with the module, ends the measurement.
func TestFailures(t *testing.T) {
	_, err := Measure(t.Context(), Config{Module: read(t, moduletest.Trap()), Calls: 3})
	var stopped *StopError
	if !errors.As(err, &stopped) || stopped.Call != 1 || stopped.Stop.Reason != sandbox.Trap {
		t.Errorf("%v", err)
	}
	wrong := errors.New("wrong")
	if _, err := Measure(t.Context(), Config{Module: read(t, moduletest.Echo()), Calls: 1, Check: func([]byte) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(wrong)
	if _, err := Measure(ctx, Config{Module: read(t, moduletest.Echo()), Calls: 1}); err == nil {
		t.Error("a canceled measurement ended")
	}
}
