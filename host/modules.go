package host

// Modules by name: what a graph refers to as std:jq.

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
)

// WithModules lets graphs name modules that are no files: after
// WithModules("std", names, open) a node may have module = "std:jq". open gives the
// bytes of the .wasm file that has what names lists; it is asked for nothing else,
// perhaps from several goroutines at once. Several names may give the same file: a
// node of std:jq calls its entry "jq" where it has one, unless the node has an `entry`
// of its own. What open refuses is a complaint about the node; an error that has a
// method Hint() string says what to do about it.
//
// Runs keep the modules that they began with, as they keep files: resume, replay and
// fork do not ask open again. Default: there are none.
func WithModules(scheme string, names []string, open func(name string) ([]byte, error)) Option {
	return func(c *config) { c.modules = append(c.modules, named{scheme, names, open}) }
}

// named are the modules of one scheme.
type named struct {
	scheme string
	names  []string
	open   func(name string) ([]byte, error)
}

// shelves are the modules of all schemes, by scheme.
type shelves map[string]named

func newShelves(list []named) (shelves, error) {
	all := shelves{}
	for _, n := range list {
		if scheme, rest := plan.SplitReference(n.scheme + ":"); scheme != n.scheme || rest != "" || n.open == nil {
			return nil, fmt.Errorf("host: WithModules: %q: a scheme has two or more of a-z, 0-9, +, . and -, begins with a letter, and comes with a function", n.scheme)
		}
		if _, twice := all[n.scheme]; twice {
			return nil, fmt.Errorf("host: WithModules: %q is given twice", n.scheme)
		}
		all[n.scheme] = n
	}
	return all, nil
}

// or gives the modules of a graph: those with a scheme from here, files from read.
func (s shelves) or(read func(string) ([]byte, error)) func(string) ([]byte, error) {
	return func(ref string) ([]byte, error) {
		scheme, name := plan.SplitReference(ref)
		if scheme == "" {
			return read(ref)
		}
		shelf, ok := s[scheme]
		if !ok {
			return nil, s.unknown(scheme)
		}
		return shelf.get(name)
	}
}

func (s shelves) unknown(scheme string) error {
	e := &plan.ReferenceError{
		Code: graph.CodeNotSupportedYet, Text: fmt.Sprintf("references of the kind %q are not supported yet", scheme+":"),
		Hint: "give the path of a .wasm file, relative to the graph's file",
	}
	if known := slices.Sorted(maps.Keys(s)); len(known) > 0 {
		e.Hint += ", or one of the kind " + strings.Join(known, ":, ") + ":"
	}
	return e
}

func (n named) get(name string) ([]byte, error) {
	if !slices.Contains(n.names, name) {
		hint := "there are " + strings.Join(n.names, ", ")
		if near := graph.Nearest(name, n.names); near != "" {
			hint = fmt.Sprintf("did you mean %q? %s", n.scheme+":"+near, hint)
		}
		return nil, &plan.ReferenceError{Code: plan.CodeModuleNotFound, Text: "no such module", Hint: hint}
	}
	wasm, err := n.open(name)
	if err == nil {
		if len(wasm) > plan.MaxModuleBytes {
			err = fmt.Errorf("it has %d bytes; at most %d are read", len(wasm), plan.MaxModuleBytes)
		} else {
			return wasm, nil
		}
	}
	e := &plan.ReferenceError{Code: plan.CodeModuleUnreadable, Text: err.Error(), Hint: "this is for whoever built the program that runs the graph"}
	if errors.Is(err, fs.ErrNotExist) {
		e.Code = plan.CodeModuleNotFound
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		e.Hint = hinted.Hint()
	}
	return nil, e
}
