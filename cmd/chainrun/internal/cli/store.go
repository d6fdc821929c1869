package cli

// Where runs and the values of kv are kept.

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// memoryStore is the name of the store that ends with the process.
const memoryStore = "memory"

// store is what a run is recorded in, and what kv reads.
type store interface {
	journal.Journal
	kv.Store
}

// openStore opens the store that the operator names, else the default one where
// the graph needs it: where a node is granted kv, whose values outlive the run.
func openStore(ctx context.Context, graphFile, path string) (store, io.Closer, error) {
	if path == "" && usesKV(graphFile) {
		path = defaultStore()
	}
	if path == "" || path == memoryStore {
		return memory.New(), io.NopCloser(nil), nil
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, nil, usagef("%w; --store PATH names another file, --store memory keeps nothing", err)
	}
	return s, s, nil
}

// recordIn are the options of a host whose runs are recorded in s.
func recordIn(s store) []host.Option {
	return []host.Option{host.WithJournal(s), host.WithCapability("kv", kv.New(s))}
}

// usesKV reports whether a node of the graph, or of one inside it, is granted kv.
// A graph that cannot be read uses nothing: to load it says what is wrong.
func usesKV(name string) bool {
	g, _, err := host.Read(name)
	return err == nil && grantsKV(g, map[*graph.Graph]bool{})
}

func grantsKV(g *graph.Graph, seen map[*graph.Graph]bool) bool {
	if g == nil || seen[g] {
		return false
	}
	seen[g] = true
	names := []string{"kv"}
	for _, s := range g.Capabilities {
		if s.Kind == "kv" {
			names = append(names, s.Name)
		}
	}
	return slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool {
		return grantsKV(n.Sub, seen) ||
			slices.ContainsFunc(n.Grants, func(t *graph.Grant) bool { return slices.Contains(names, t.Capability) })
	})
}

// defaultStore is CHAINRUN_STORE, else a file in the user's state folder as the
// XDG base directory specification says; without a home it is the memory.
func defaultStore() string {
	if path := os.Getenv("CHAINRUN_STORE"); path != "" {
		return path
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return memoryStore
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "chainrun", "store.sqlite")
}
