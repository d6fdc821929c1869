package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/plan"
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

// digested gives the files, with the digests of those that p has as modules: they
// are most of the bytes, and one file may be here under many names.
func (r *recorder) digested(p *plan.Plan) []journal.Source {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, within := range p.All() {
		for _, n := range within.Nodes {
			if n.Linked == nil {
				continue
			}
			var digest [sha256.Size]byte
			hexadecimal, found := strings.CutPrefix(n.Linked.Digest, "sha256:")
			if size, err := hex.Decode(digest[:], []byte(hexadecimal)); !found || err != nil || size != len(digest) {
				continue
			}
			for i := range r.files {
				if same(r.files[i].Content, n.Linked.Bytes) {
					r.files[i].Digest = digest
				}
			}
		}
	}
	return r.files
}

// same tells whether two slices are one.
func same(a, b []byte) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
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
