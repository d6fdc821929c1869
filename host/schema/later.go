package schema

// Schemas that a program brings with it, most of which no run ever needs.

import "sync"

// Later is [Compile] for a schema without files that is known to compile, by a test for
// instance: it is compiled when it is first asked for anything but its name, source and
// digest. To compile one takes a millisecond. Should it not compile after all, it holds for
// no document.
//
// The error is a *[CompileError]: of what is no JSON, or beyond the bounds.
func Later(name string, source []byte) (*Schema, error) {
	src, err := newSources(name, source, nil, nil)
	if err != nil {
		return nil, err
	}
	digest := src.digest()
	return &Schema{name: name, source: src.root, sources: src, digest: &digest, later: new(sync.Once)}, nil
}

// way is the walk, nil where there is none.
func (s *Schema) way() *node {
	if s.later != nil {
		s.later.Do(func() {
			if c, err := s.acquire(); err == nil {
				s.walk = walkOf(c.schema)
				s.release(c)
			}
		})
	}
	return s.walk
}
