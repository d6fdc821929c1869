package host

import (
	"fmt"
	"io/fs"
	"sync"

	"github.com/chainrun/chainrun/host/journal"
)

// recorder keeps what a graph was made of, in the order in which it was read.
type recorder struct {
	mu    sync.Mutex
	files []journal.Source
}

// recorded is read, and keeps what it gives.
func (r *recorder) recorded(kind journal.SourceKind, read func(string) ([]byte, error)) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, f := range r.files {
			if f.Kind == kind && f.Name == name {
				return f.Content, nil
			}
		}
		b, err := read(name)
		if err == nil {
			r.files = append(r.files, journal.Source{Kind: kind, Name: name, Content: b})
		}
		return b, err
	}
}

// pinned gives the graph's own file and reads the others from what a run was made
// of, and from nowhere else.
func pinned(made *journal.Sources) (name string, text []byte, from files) {
	read := func(kind journal.SourceKind) func(string) ([]byte, error) {
		return func(name string) ([]byte, error) {
			for _, f := range made.Files {
				if f.Kind == kind && f.Name == name {
					return f.Content, nil
				}
			}
			return nil, fmt.Errorf("%s %q was not stored with the run: %w", kind, name, fs.ErrNotExist)
		}
	}
	for _, f := range made.Files {
		if f.Kind == journal.SourceGraph {
			name, text = f.Name, f.Content
		}
	}
	return name, text, files{schema: read(journal.SourceFile), module: read(journal.SourceModule)}
}
