package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/plugins"
)

// newHost makes a host as the operator's environment says.
func (a *app) newHost(options ...host.Option) (*host.Host, error) {
	return host.New(append(options, host.WithCacheDir(cacheDir()), host.WithModules("std", plugins.Names(), plugins.Open))...)
}

// load loads a graph, or gives host.ErrInterrupted as soon as ctx is done: to
// compile a large module takes seconds.
func load(ctx context.Context, h *host.Host, name string) (*host.Graph, error) {
	type result struct {
		graph *host.Graph
		err   error
	}
	loaded := make(chan result, 1)
	go func() {
		g, err := h.Load(name)
		loaded <- result{g, err}
	}()
	select {
	case r := <-loaded:
		return r.graph, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// cacheDir is where compiled modules are kept: CHAINRUN_CACHE ("off" for
// nowhere), else the user's cache folder as the XDG base directory specification
// says. Without a home there is none.
func cacheDir() string {
	switch dir := os.Getenv("CHAINRUN_CACHE"); dir {
	case "":
	case "off":
		return ""
	default:
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "chainrun")
}

// codeGraphUnreadable is the code of the one diagnostic that the command line
// makes itself.
const codeGraphUnreadable = "graph_unreadable"

// diagnosticsOf turns what loading a graph returned into complaints about it: a
// file that cannot be read is one of them. Other errors are chainrun's own.
func diagnosticsOf(name string, err error) (graph.Diagnostics, error) {
	var ds graph.Diagnostics
	var path *fs.PathError
	switch {
	case err == nil:
		return nil, nil
	case errors.As(err, &ds):
		return ds, nil
	case errors.As(err, &path):
		return graph.Diagnostics{{
			Position: graph.Position{File: name}, Code: codeGraphUnreadable, Severity: graph.Error,
			Text: "the graph cannot be read: " + path.Err.Error(), Hint: "check the name and the permissions",
		}}, nil
	}
	return nil, err
}
