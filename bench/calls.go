// Tables calls and waiting: what it costs a node to ask a capability, and what a
// node that waits for the answer holds.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing/fstest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/provider"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const (
	callsLong  = 2001 // calls of one attempt; the difference to one of a single call is what they cost
	callRounds = 10
)

// kilobyte is a document of 1 KB, which is asked and answered.
var kilobyte = document.MustParse(`{"text":"` + strings.Repeat("0123456789abcdef", 63) + `","n":1}`)

// echoed is a capability that gives back what it was asked.
type echoed struct{ schema string } // of what it is asked; "": of kilobyte

func (e echoed) Describe() capability.Description {
	schema := []byte(e.schema)
	if e.schema == "" {
		schema = []byte(`{"type":"object","properties":{"text":{"type":"string"},"n":{"type":"integer"}},"required":["text"]}`)
	}
	return capability.Description{Text: "echo", Methods: []capability.Method{{Name: "echo", Request: schema, Response: schema}}}
}

func (echoed) Call(_ context.Context, c capability.Call) (capability.Answer, error) {
	return capability.Answer{Document: c.Request}, nil
}

func callsTable(ctx context.Context, o options) error {
	bare, err := bareCall(ctx)
	if err != nil {
		return err
	}
	lanes := []struct {
		name string
		once func() (time.Duration, error)
	}{
		{"the sandbox's host function alone (floor)", bare},
		{"in process: checked, limited, recorded", nil},
		{"the same, in a provider's process (go-plugin)", nil},
	}
	for i, offered := range []host.Option{host.WithCapability("echo", echoed{}), host.WithCapability("provider", provider.New(provider.Options{Allow: itself}))} {
		h, run, err := callingHost(ctx, offered, []string{"", "[capabilities.echo]\nkind = 'provider'\nprovider = 'echo'\n"}[i])
		if err != nil {
			return err
		}
		defer func() { _ = h.Close() }()
		lanes[i+1].once = run
	}

	best := make([]time.Duration, len(lanes))
	for range min(o.rounds, callRounds) {
		for i, l := range lanes {
			took, err := l.once()
			if err != nil {
				return err
			}
			if best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	g := grid{{"one call of 1 KB, answered by 1 KB", "µs", "× floor"}}
	for i, l := range lanes {
		_, times := ratio(best[i], best[0])
		g = append(g, []string{l.name, fmt.Sprintf("%.2f", float64(best[i].Nanoseconds())/1e3), times})
	}
	g.print(o.out)
	o.out.printf("\n%d calls of one attempt less an attempt of one; minimum of %d rounds\n", callsLong, min(o.rounds, callRounds))
	return nil
}

// bareCall times a host function that gives back its payload.
func bareCall(ctx context.Context) (func() (time.Duration, error), error) {
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return nil, fmt.Errorf("opening the sandbox: %w", err)
	}
	programs := map[int]*sandbox.Program{}
	for _, n := range []int{1, callsLong} {
		m, err := module.Read(moduletest.Ask("echo", "echo", n))
		if err != nil {
			return nil, fmt.Errorf("reading the module: %w", err)
		}
		if programs[n], err = engine.Compile(ctx, m); err != nil {
			return nil, fmt.Errorf("compiling the module: %w", err)
		}
	}
	return perCall(func(n int) error {
		r, err := programs[n].Call(ctx, sandbox.Call{
			Input: kilobyte.Bytes(),
			Host: func(_ context.Context, c sandbox.HostCall) (sandbox.HostAnswer, error) {
				return sandbox.HostAnswer{Result: c.Payload}, nil
			},
		})
		if err == nil && r.Stop != nil {
			err = fmt.Errorf("stopped: %s", r.Stop.Message)
		}
		return err
	}), nil
}

// servesEcho is the argument with which this program is a provider.
const servesEcho = "-serve-echo"

// itself is the provider of the name echo.
func itself(name string) (provider.Program, bool) {
	path, err := os.Executable()
	return provider.Program{Path: path, Args: []string{servesEcho}}, err == nil && name == "echo"
}

// callingHost makes a host that offers a capability echo, and times a call of it
// through a run.
func callingHost(ctx context.Context, offered host.Option, settings string) (*host.Host, func() (time.Duration, error), error) {
	h, err := host.New(offered, host.WithParallel(1))
	if err != nil {
		return nil, nil, fmt.Errorf("making a host: %w", err)
	}
	graphs := map[int]*host.Graph{}
	for _, n := range []int{1, callsLong} {
		if graphs[n], err = h.LoadFS(fstest.MapFS{
			"graph.toml": {Data: []byte("version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'ask.wasm'\n[nodes.a.grants.echo]\n" + settings)},
			"ask.wasm":   {Data: moduletest.Ask("echo", "echo", n)},
		}, "graph.toml"); err != nil {
			return nil, nil, fmt.Errorf("loading the graph: %w", err)
		}
	}
	return h, perCall(func(n int) error { return finish(ctx, h, graphs[n]) }), nil
}

func finish(ctx context.Context, h *host.Host, g *host.Graph) error {
	r, err := h.Run(ctx, g, kilobyte.Bytes())
	if err == nil && r.Status() != event.Done {
		err = fmt.Errorf("the run failed: %s", r.Failure())
	}
	return err
}

// perCall times what the calls of a long attempt cost beyond those of a short one.
func perCall(attempt func(calls int) error) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		var took [2]time.Duration
		for i, n := range []int{1, callsLong} {
			begin := time.Now()
			if err := attempt(n); err != nil {
				return 0, err
			}
			took[i] = time.Since(begin)
		}
		return (took[1] - took[0]) / (callsLong - 1), nil
	}
}

// waitingNodes is how many nodes wait for one slow model.
const waitingNodes = 1000

// slow answers nobody before everybody has asked.
type slow struct {
	asked   chan struct{}
	release chan struct{}
}

func (slow) Describe() capability.Description { return echoed{}.Describe() }

func (s slow) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	s.asked <- struct{}{}
	select {
	case <-s.release:
		return capability.Answer{Document: c.Request}, nil
	case <-ctx.Done():
		return capability.Answer{}, context.Cause(ctx)
	}
}

func waitingTable(ctx context.Context, o options) error {
	s := slow{make(chan struct{}), make(chan struct{})}
	h, err := host.New(host.WithCapability("echo", s), host.WithParallel(waitingNodes))
	if err != nil {
		return fmt.Errorf("making a host: %w", err)
	}
	defer func() { _ = h.Close() }()
	g, err := h.LoadFS(fstest.MapFS{
		"graph.toml": {Data: []byte("version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'ask.wasm'\nforeach = 'input'\ntimeout = '10m'\n[nodes.a.grants.echo]\n")},
		"ask.wasm":   {Data: moduletest.Ask("echo", "echo", 1)},
	}, "graph.toml")
	if err != nil {
		return fmt.Errorf("loading the graph: %w", err)
	}
	before, goroutines := resident(), runtime.NumGoroutine()
	input := []byte("[" + strings.TrimSuffix(strings.Repeat(kilobyte.String()+",", waitingNodes), ",") + "]")
	done := make(chan error, 1)
	go func() {
		r, err := h.Run(ctx, g, input)
		if err == nil && r.Status() != event.Done {
			err = fmt.Errorf("the run failed: %s", r.Failure())
		}
		done <- err
	}()
	for range waitingNodes {
		select {
		case <-s.asked:
		case err := <-done:
			return fmt.Errorf("the run ended before all had asked: %w", err)
		}
	}
	runtime.GC()
	after, now := resident(), runtime.NumGoroutine()
	close(s.release)
	if err := <-done; err != nil {
		return err
	}
	grid{
		{fmt.Sprintf("%d nodes that wait at once, each", waitingNodes), ""},
		{"goroutines", fmt.Sprintf("%.2f", float64(now-goroutines)/waitingNodes)},
		{"resident bytes", strconv.FormatInt((after-before)/waitingNodes, 10)},
	}.print(o.out)
	o.out.printf("\na small reactor (2 MiB of memory, of which it touches little), 1 KB asked and answered\n")
	return nil
}

// resident is the process's resident memory in bytes; 0 where nobody says it.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
