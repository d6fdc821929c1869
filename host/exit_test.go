package host_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal/memory"
)

// A test of somebody's capability may fail within it: FailNow ends the goroutine, which may
// be the one that runs the graph. The run is given back, and the host goes on.
func TestACapabilityEndsItsGoroutine(t *testing.T) {
	exits := true
	h := newHost(t, host.WithParallel(1), host.WithJournal(memory.New()), host.WithCapability("oracle", oracle(func(context.Context, capability.Call) (capability.Answer, error) {
		if exits {
			runtime.Goexit()
		}
		return capability.Answer{Document: document.Int(42)}, nil
	})))
	g := loadAsking(t, h, asking)
	for name, run := range map[string]func() (*host.Run, error){
		"inline": func() (*host.Run, error) { return h.Run(t.Context(), g, nil, host.WithRunID("inline")) },
		"beside": func() (*host.Run, error) {
			r, err := h.Start(t.Context(), g, nil, host.WithRunID("beside"))
			if err == nil {
				err = r.Wait()
			}
			return r, err
		},
	} {
		exits = true
		over := make(chan struct{})
		var err error
		go func() {
			defer close(over)
			_, err = run()
		}()
		<-over
		if name == "beside" && (err == nil || !strings.Contains(err.Error(), "runtime.Goexit")) {
			t.Errorf("%s: %v", name, err)
		}
		exits = false
		r, err := h.Resume(t.Context(), name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Status() != event.Done || r.Output().String() != "42" {
			t.Errorf("%s: %s, %v", name, r.Status(), r.Failure())
		}
	}
}
