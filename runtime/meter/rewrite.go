package meter

// The entrance: Rewrite.

import (
	"fmt"
	"math"
	"strings"

	"github.com/chainrun/chainrun/runtime/module"
)

// Version is the version of the fuel rule. It changes whenever some module would be charged another number, so that a
// recorded number can be told from one counted differently.
const Version = 1

// The names that a rewritten module adds.
const (
	prefix        = "chainrun_meter"
	fuelExport    = prefix + ":fuel"
	bulkExport    = prefix + ":bulk"
	depthExport   = prefix + ":depth"
	refusedExport = prefix + ":refused"
	yieldName     = "yield"
)

// DefaultCallDepth is what the call depth left begins with, before the host sets it.
const DefaultCallDepth = 10_000

// Config says what to instrument. The zero value counts fuel alone.
type Config struct {
	CallDepth bool // also bound the depth of calls
}

// Metered is a rewritten module and how the host speaks to it.
//
// The host sets the global FuelExport to the size of the slice before a call. When less than nothing is left, the module
// calls the import YieldModule.YieldName, of type () -> (); the host adds the next slice to the global, or ends the call
// by panicking. After a normal return the global tells what is left; below zero means that the fuel ran out in the last
// stretch before the return, where no check lies, and counts as out of fuel. The global is zero when the module is
// instantiated, so that a start function yields at once, or, if it is short, leaves the global below zero.
//
// After a trap the global holds the fuel left at the last call, yield, or unreachable instruction: deterministic for
// equal slices, but the instructions since then are not in it.
type Metered struct {
	Wasm []byte

	FuelExport  string // mutable i64: the fuel left in the slice
	BulkExport  string // mutable i64: the part of the fuel used that bulk operations were charged by length; only grows
	DepthExport string // mutable i32: the call depth left; below zero after a trap: too deep. Empty without CallDepth
	// RefusedExport is a mutable i32 that says which growths were refused since the host set it to 0: bit 0, a
	// memory.grow gave -1; bit 1, a table.grow did. Empty where the module has neither instruction.
	RefusedExport string
	YieldModule   string
	YieldName     string

	// Globals are the exports of the module's own mutable globals of number types, in order, to save and set back.
	Globals []string
	// Irreversible says why memory and Globals are not all of the state, e.g. "table.set in function 12". Empty: an
	// instance can be set back.
	Irreversible []string
}

// Rewrite gives a module that counts its fuel. Equal modules and configs give equal bytes. The error is an
// [*InvalidError].
//
// Everything that rewriting could turn from invalid to valid is checked before: the indices of locals, globals,
// functions and types, the labels of branches, and the names that are added. The rest of validation is the engine's.
func Rewrite(m *module.Module, c Config) (*Metered, error) {
	r := &rewriter{m: m, config: c, imported: m.ImportCount(module.KindFunction)}
	if err := r.check(); err != nil {
		return nil, err // not through the typed nil of *InvalidError
	}
	if err := r.scan(); err != nil {
		return nil, err
	}
	freeLoops(r.functions, r.imported)
	if c.CallDepth {
		markDeeper(r.functions, r.imported)
	}
	return r.write(), nil
}

type rewriter struct {
	m         *module.Module
	config    Config
	imported  uint32
	scanner   scanner
	functions []function
}

// check looks at everything but the bodies.
func (r *rewriter) check() *InvalidError {
	m := r.m
	refuse := func(text, hint string) *InvalidError {
		return &InvalidError{Function: NoFunction, Text: text, Hint: hint}
	}
	for _, i := range m.Imports {
		if i.Module == prefix {
			return refuse(fmt.Sprintf("the module imports %s.%s, which only chainrun itself may add", i.Module, i.Name), "")
		}
	}
	for _, e := range m.Exports {
		if strings.HasPrefix(e.Name, prefix) {
			return refuse(fmt.Sprintf("the module exports %q; names that begin with %q are chainrun's own", e.Name, prefix), "")
		}
	}
	memories := int(m.ImportCount(module.KindMemory)) + len(m.Memories)
	if memories > 1 {
		return refuse(fmt.Sprintf("the module has %d memories, at most one is supported", memories), "build with one memory")
	}
	r.scanner.spaces = spaces{
		types:     uint32(len(m.Types)),
		functions: r.imported + uint32(len(m.Functions)),
		globals:   m.ImportCount(module.KindGlobal) + uint32(len(m.Globals)),
		tables:    m.ImportCount(module.KindTable) + uint32(len(m.Tables)),
		memories:  uint32(memories),
	}
	return nil
}

func (r *rewriter) scan() *InvalidError {
	m, s := r.m, &r.scanner
	size := 0
	for _, b := range m.Code {
		size += len(b.Data)
	}
	s.edits = make([]edit, 0, size/8+16)
	r.functions = make([]function, len(m.Code))
	for n, b := range m.Code {
		params := len(m.Types[m.Functions[n]].Params)
		if params > math.MaxInt16 {
			return &InvalidError{Function: r.imported + uint32(n), Offset: b.Offset, Text: "the function has too many parameters"}
		}
		f, err := s.scan(b.Data, b.Offset, r.imported+uint32(n), uint32(params))
		if err != nil {
			return err
		}
		r.functions[n] = f
	}
	s.irreversible.declarations(m)
	return nil
}
