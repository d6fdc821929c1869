// Package plugins carries the standard nodes inside of the program: a graph names
// them std:NAME and needs no file and no build. docs/std.md says what each does.
//
// The nodes are entries of one module, because a Go module of WebAssembly carries
// Go's runtime, which is most of it: eight files would be eight times as large, and
// compiled eight times. Their source is the Go module below std/, `make nodes`
// builds it into modules/, and that file is not in the repository: without it the
// package builds all the same, and [Open] says so. It is embedded as it is: packed by
// gzip it would have a quarter of its 11 MB, and cost each program that uses it some
// 60 ms at its start.
package plugins

import (
	"embed"
	"fmt"
	"slices"
	"sync"
)

// Names are the standard nodes, sorted: what a graph writes after "std:", and the
// entries of the module that [Open] gives.
func Names() []string { return slices.Clone(names) }

var names = []string{"csv", "extract", "html2text", "http", "jq", "merge", "prompt", "split", "template", "validate"}

// The folder always has a README, so that there is something to embed.
//
//go:embed modules
var modules embed.FS

const file = "modules/std.wasm"

// Open gives the .wasm file that has a standard node as its entry of that name. It
// is the same for all names, and not to be modified. Safe for concurrent use. A name that [Names] does not list is an error, and so is a program
// that was built without the standard nodes: that error has a method Hint, which
// says how to build it with them.
func Open(name string) ([]byte, error) {
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("there is no standard node %q", name)
	}
	return read()
}

// read is called once: an embedded file is copied each time that it is read.
var read = sync.OnceValues(func() ([]byte, error) {
	wasm, err := modules.ReadFile(file)
	if err != nil {
		return nil, unbuiltError{}
	}
	return wasm, nil
})

type unbuiltError struct{}

func (unbuiltError) Error() string { return "this chainrun was built without its standard nodes" }

// Hint says what to do about it.
func (unbuiltError) Hint() string { return "`make build` makes them" }
