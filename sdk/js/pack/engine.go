package pack

// The engine that packs scripts and, frozen, is the packed node.

import (
	"context"
	_ "embed" // the engine
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

//go:embed engine.wasm
var engine []byte

// Engine is the JavaScript engine: a reactor whose chainrun_run_v1 evaluates a
// script. sdk/js/engine has its sources and how it is built. Not to be modified.
func Engine() []byte { return engine }

// exportEntry is the engine's function that calls the entry with the number
// that it is given first; a packed node has a binding for each entry.
const exportEntry = "chainrun_js_run"

// An evaluation is what the engine says of a script that it has evaluated.
type evaluation struct {
	Entries  []string        `json:"entries"` // of the functions, in their order; "" is the main one
	Others   []string        `json:"others"`  // exports that are no functions
	Manifest json.RawMessage `json:"manifest"`
}

// evaluate runs a bundle in the engine and gives the state that it leaves.
func evaluate(ctx context.Context, o Options, b *bundle) (*module.Module, *module.State, evaluation, error) {
	fail := func(err error) (*module.Module, *module.State, evaluation, error) { return nil, nil, evaluation{}, err }
	m, err := module.Read(engine)
	if err != nil {
		return fail(fmt.Errorf("reading the JavaScript engine: %w", err))
	}
	box, err := sandbox.New(ctx, sandbox.Config{CacheDir: o.CacheDir})
	if err != nil {
		return fail(err)
	}
	defer func() { _ = box.Close(context.WithoutCancel(ctx)) }() // nothing of it is needed any more
	p, err := box.Compile(ctx, m)
	if err != nil {
		return fail(fmt.Errorf("compiling the JavaScript engine: %w", err))
	}
	var input []byte
	for _, part := range [][]byte{[]byte(bundleName), b.sourceMap, b.source} {
		input = append(binary.LittleEndian.AppendUint32(input, uint32(len(part))), part...)
	}
	result, state, err := p.Snapshot(ctx, sandbox.Call{Input: input, Limits: o.Limits, Log: o.Log})
	switch {
	case err != nil:
		return fail(fmt.Errorf("evaluating %s: %w", o.Script, err))
	case result.Stop != nil && result.Stop.Reason == sandbox.Canceled:
		return fail(context.Cause(ctx))
	case result.Stop != nil:
		return fail(stopped(o.Script, result.Stop))
	}
	var e evaluation
	if err := json.Unmarshal(result.Output, &e); err != nil {
		return fail(fmt.Errorf("reading what the JavaScript engine says of %s: %w", o.Script, err))
	}
	return m, state, e, nil
}

// stopped makes a diagnostic of an evaluation that came to no end.
func stopped(script string, stop *sandbox.Stop) *ScriptError {
	d := Diagnostic{File: script, Text: stop.Message}
	switch stop.Reason {
	case sandbox.NodeError:
		// The script threw; the message says where.
		d.Text = "while the script is evaluated: " + stop.Message
	case sandbox.FuelExhausted, sandbox.TimedOut:
		d.Text = "while the script is evaluated: " + stop.Message
		d.Hint = "what stands outside of functions runs when the node is packed; is there a loop without an end?"
	case sandbox.MemoryExceeded:
		d.Text = "while the script is evaluated: " + stop.Message
		d.Hint = "what stands outside of functions runs when the node is packed, and its memory becomes part of the node"
	default:
		d.Text = "while the script is evaluated the engine stopped: " + stop.Message
	}
	return &ScriptError{Diagnostics: []Diagnostic{d}}
}
