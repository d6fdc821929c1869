// One script in one lane: an engine, with the modules as they came or rewritten.
package spectest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// The sizes of a slice: one such that the longer tests yield now and then, and
// the smallest, with which every check yields.
const (
	someSlice  = 5_000
	leastSlice = 1
)

// callDepth is above what the deepest test of the suite needs that ends well,
// and so low that the interpreter's own limit (2,000 frames) is not met first:
// of the calls around a cycle only one counts.
const callDepth = 500

var errCallDepth = errors.New("call depth used up")

// rewritten is a module ready for wazero; fuel is "" where it came through
// unmetered.
type rewritten struct {
	wasm                   []byte
	fuel, depth            string
	yieldModule, yieldName string
}

// instance is a live module and the meter's view of it.
type instance struct {
	module  api.Module
	fuel    api.MutableGlobal
	depth   api.MutableGlobal
	granted int64
}

// refill gives a slice, or as many as a debt takes.
func (in *instance) refill(slice int64) {
	left := int64(in.fuel.Get())
	grant := max(slice, -left)
	in.fuel.Set(uint64(left + grant))
	in.granted += grant
}

func (in *instance) used() uint64 { return uint64(in.granted - int64(in.fuel.Get())) }

// entry is what one command did.
type entry struct {
	line  int
	kind  string
	fuel  uint64
	words []uint64 // results, where all are numbers
	trap  string
	ended bool // a call that returned
}

// run executes one script. It is used by one goroutine.
type run struct {
	ctx      context.Context
	runtime  wazero.Runtime
	script   *script
	read     func(wasm []byte) (*rewritten, error)
	named    map[string]*instance
	all      map[api.Module]*instance
	last     *instance
	starting *rewritten
	trace    []entry
	skipped  int // commands about the text format, which is not ours to read
	yields   int
	slice    int64
}

// execute runs the whole script and returns all complaints.
func (r *run) execute(spectest []byte) []error {
	if _, err := r.instantiate(spectest, "spectest"); err != nil {
		return []error{fmt.Errorf("instantiating the spectest module: %w", err)}
	}
	var complaints []error
	for i, c := range r.script.Commands {
		as := ""
		if next := i + 1; next < len(r.script.Commands) && r.script.Commands[next].Type == "register" {
			as = r.script.Commands[next].As // wazero names an instance when it is made
		}
		e := entry{line: c.Line, kind: c.Type}
		before := r.fuelUsed()
		skipped, err := r.command(c, as, &e)
		if err != nil {
			complaints = append(complaints, fmt.Errorf("%s:%d: %s: %w", filepath.Base(r.script.Source), c.Line, c.Type, err))
		}
		if skipped {
			r.skipped++
			continue
		}
		e.fuel = r.fuelUsed() - before
		r.trace = append(r.trace, e)
	}
	return complaints
}

func (r *run) command(c command, as string, e *entry) (skipped bool, err error) {
	if c.ModuleType == "text" {
		return true, nil
	}
	switch c.Type {
	case "register":
		return true, nil // done with its module
	case "module":
		in, err := r.instantiateFile(c.Filename, as)
		if err != nil {
			return false, err
		}
		r.last = in
		if c.Name != "" {
			r.named[c.Name] = in
		}
		return false, nil
	case "action", "assert_return":
		return false, r.returns(c, e)
	case "assert_trap":
		return false, r.traps(c, e, trapText(c.Text))
	case "assert_exhaustion":
		return false, r.traps(c, e, "stack overflow", errCallDepth.Error())
	case "assert_invalid", "assert_malformed":
		return false, r.refused(c)
	case "assert_unlinkable":
		if _, err := r.instantiateFile(c.Filename, ""); err == nil {
			return false, fmt.Errorf("%s was linked, want %q", c.Filename, c.Text)
		}
		return false, nil
	case "assert_uninstantiable":
		_, err := r.instantiateFile(c.Filename, "")
		switch {
		case c.Text == "out of bounds table access":
			// wazero lets an active element segment out of bounds pass, on purpose (it says so in its own runner).
		case err == nil:
			return false, fmt.Errorf("%s was instantiated, want %q", c.Filename, c.Text)
		case !strings.Contains(err.Error(), trapText(c.Text)) && !strings.Contains(err.Error(), "out of range"):
			return false, fmt.Errorf("%s ended with %w, want %q", c.Filename, err, c.Text)
		}
		return false, nil
	}
	return false, errors.New("unknown command")
}

func (r *run) returns(c command, e *entry) error {
	if c.Action.Type == "get" {
		in, err := r.target(c.Action)
		if err != nil {
			return err
		}
		global := in.module.ExportedGlobal(c.Action.Field)
		if global == nil {
			return fmt.Errorf("no global %q", c.Action.Field)
		}
		return compare([]uint64{global.Get()}, c.Expected)
	}
	words, err := r.invoke(c.Action, e)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Action.Field, err)
	}
	if c.Type == "action" {
		return nil
	}
	if err := compare(words, c.Expected); err != nil {
		return fmt.Errorf("%s: %w", c.Action.Field, err)
	}
	return nil
}

func compare(words []uint64, expected []value) error {
	rest := words
	for i, v := range expected {
		ok, used, err := v.matches(rest)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("result %d of %x: want %s %s", i, words, v.Type, v.Value)
		}
		rest = rest[used:]
	}
	if len(rest) != 0 {
		return fmt.Errorf("%d words of results too many", len(rest))
	}
	return nil
}

func (r *run) traps(c command, e *entry, texts ...string) error {
	_, err := r.invoke(c.Action, e)
	if err == nil {
		return fmt.Errorf("%s returned, want %q", c.Action.Field, c.Text)
	}
	for _, text := range texts {
		if strings.Contains(err.Error(), text) {
			e.trap = text
			return nil
		}
	}
	return fmt.Errorf("%s ended with %w, want %q", c.Action.Field, err, c.Text)
}

// acceptedByWazero are invalid modules that wazero v1.12.0 itself accepts: a
// constant expression may not read a mutable global, and wazero does not look.
var acceptedByWazero = map[string]bool{
	"global.22.wasm": true, "elem.47.wasm": true, "elem.50.wasm": true, "data.57.wasm": true, "data.60.wasm": true, // v2
	"global.19.wasm": true, // extended-const
}

// refused wants the module turned away before anything of it runs.
func (r *run) refused(c command) error {
	wasm, err := os.ReadFile(filepath.Join(r.script.folder, c.Filename))
	if err != nil {
		return err
	}
	ready, err := r.read(wasm)
	if err != nil {
		return nil
	}
	compiled, err := r.runtime.CompileModule(r.ctx, ready.wasm)
	if err != nil {
		return nil
	}
	defer compiled.Close(r.ctx)
	if c.Text == "constant expression required" && acceptedByWazero[c.Filename] {
		return nil
	}
	return fmt.Errorf("%s was accepted, want %q", c.Filename, c.Text)
}

func (r *run) target(a action) (*instance, error) {
	in := r.last
	if a.Module != "" {
		in = r.named[a.Module]
	}
	if in == nil {
		return nil, fmt.Errorf("no module %q", a.Module)
	}
	return in, nil
}

func (r *run) invoke(a action, e *entry) ([]uint64, error) {
	in, err := r.target(a)
	if err != nil {
		return nil, err
	}
	f := in.module.ExportedFunction(a.Field)
	if f == nil {
		return nil, fmt.Errorf("no function %q", a.Field)
	}
	var args []uint64
	for _, v := range a.Args {
		words, err := v.bits()
		if err != nil {
			return nil, err
		}
		args = append(args, words...)
	}
	for _, other := range r.all {
		if other.depth != nil {
			other.depth.Set(callDepth)
		}
	}
	words, err := f.Call(r.ctx, args...)
	for _, other := range r.all {
		if err != nil && other.depth != nil && int32(other.depth.Get()) < 0 {
			err = errors.Join(errCallDepth, err)
		}
	}
	e.ended = err == nil
	if err == nil && !slices.ContainsFunc(f.Definition().ResultTypes(), func(t api.ValueType) bool {
		return t == api.ValueTypeExternref || t == 0x70 /* funcref: an address too */
	}) {
		e.words = slices.Clone(words)
	}
	return words, err
}

func (r *run) instantiateFile(name, as string) (*instance, error) {
	wasm, err := os.ReadFile(filepath.Join(r.script.folder, name))
	if err != nil {
		return nil, err
	}
	return r.instantiate(wasm, as)
}

func (r *run) instantiate(wasm []byte, as string) (*instance, error) {
	ready, err := r.read(wasm)
	if err != nil {
		return nil, fmt.Errorf("rewriting: %w", err)
	}
	if ready.yieldModule != "" && r.runtime.Module(ready.yieldModule) == nil {
		_, err := r.runtime.NewHostModuleBuilder(ready.yieldModule).NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(r.yield), nil, nil).Export(ready.yieldName).Instantiate(r.ctx)
		if err != nil {
			return nil, fmt.Errorf("offering the yield function: %w", err)
		}
	}
	r.starting = ready
	m, err := r.runtime.InstantiateWithConfig(r.ctx, ready.wasm, wazero.NewModuleConfig().WithName(as).WithStartFunctions())
	if err != nil {
		return nil, err
	}
	return r.adopt(m, ready), nil
}

func (r *run) adopt(m api.Module, ready *rewritten) *instance {
	if in := r.all[m]; in != nil {
		return in
	}
	in := &instance{module: m}
	if ready.fuel != "" {
		in.fuel = m.ExportedGlobal(ready.fuel).(api.MutableGlobal)
		if ready.depth != "" {
			in.depth = m.ExportedGlobal(ready.depth).(api.MutableGlobal)
			in.depth.Set(callDepth)
		}
	}
	r.all[m] = in
	return in
}

// yield is what a rewritten module calls when its slice is used up.
func (r *run) yield(_ context.Context, m api.Module, _ []uint64) {
	r.yields++
	in := r.all[m]
	if in == nil {
		in = r.adopt(m, r.starting) // still in its start function
	}
	in.refill(r.slice)
}

func (r *run) fuelUsed() uint64 {
	var sum uint64
	for _, in := range r.all {
		if in.fuel != nil {
			sum += in.used()
		}
	}
	return sum
}
