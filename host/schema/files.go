package schema

// What a schema is made of beside its own document.

import (
	"maps"

	"github.com/chainrun/chainrun/host/document"
)

// Files gives the files that the schema names, directly or through another, by the
// reference under which they were loaded. The map is the caller's.
func (s *Schema) Files() map[string]document.Document { return maps.Clone(s.sources.files) }
