// Package schema checks documents against JSON Schemas and says where they
// fail, so that a person, or the node that made the document, can act on it.
//
// A [Schema] is compiled once by [Compile] and used by any number of
// goroutines. santhosh-tekuri/jsonschema/v5 is the authority on what is valid;
// this package gives it schemas from nowhere but the source and its [Loader],
// keeps it inside bounds of time and memory, and turns its tree of errors into
// a short sorted list of violations.
//
// Almost every document is valid, and of those almost every one is told so by a
// walk over its bytes, see walk.go, in some microseconds a kilobyte: nothing is
// decoded. Where the walk is not sure the authority is asked.
//
// # Drafts
//
// 2020-12 is the default; $schema selects 2019-09, draft-07, -06 or -04, whose
// metaschemas are built in. Regular expressions are Go's (RE2, linear time): a
// pattern with look-ahead or a back reference is refused when it is compiled.
// The keyword format is asserted in every draft for the formats known to the
// authority; others are ignored.
//
// # Bounds
//
// See the Max constants. A document beyond them is not valid: it gets one
// violation whose keyword is "limit". A validation that takes more than its
// share of work, as a schema can demand that tries alternatives inside
// alternatives, ends in the same way.
package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/chainrun/chainrun/host/document"
)

// The bounds of schemas and of checks.
const (
	// MaxViolations is the most that [Schema.Validate] returns.
	MaxViolations = 50
	// MaxSchemaBytes is the size of a schema and all files that it names.
	MaxSchemaBytes = 4 << 20
	// MaxSchemaDepth is the nesting of one schema file.
	MaxSchemaDepth = 256
	// MaxSchemaParts is the number of objects and arrays in a schema and all
	// files that it names.
	MaxSchemaParts = 5_000
	// MaxSchemaFiles is the number of files that a schema may name, whether
	// directly or through another.
	MaxSchemaFiles = 64
	// MaxNumberDigits is the length of a number as it is written, and the
	// greatest exponent in it, up to which numbers are computed with.
	MaxNumberDigits = 1000
	// MaxValues is the number of values in a document that is checked.
	MaxValues = 2 << 20
)

// Loader reads a file that a schema names by a relative reference, such as
// "address.json" or "common/types.json" (always with slashes, relative to the
// schema's own place, never absolute, never above it). It is called once for a
// file.
type Loader func(ref string) ([]byte, error)

// Schema is one compiled JSON Schema, immutable and safe for concurrent use.
type Schema struct {
	name    string
	source  document.Document
	digest  *string // apart: documents that hold to the schema keep it, and not the schema
	sources *sources
	walk    *node      // nil: the authority is always asked; through way
	later   *sync.Once // fills walk; nil: it is what it is

	mu   sync.Mutex
	idle []*checker // compiled copies that nobody uses at the moment
}

// Compile compiles the JSON Schema in source. The name says in complaints whose
// schema it is: a file's path, or `node "parse": output_schema`. The files that
// it names by relative references come from load; where load is nil none may be
// named. Nothing is ever read from the network or the file system.
//
// Any error is a *[CompileError].
func Compile(name string, source []byte, load Loader) (*Schema, error) {
	return compileWith(name, source, load, nil)
}

// compileWith is Compile with a store of documents by absolute URL, which the
// official test suite needs.
func compileWith(name string, source []byte, load Loader, remote map[string][]byte) (*Schema, error) {
	src, err := newSources(name, source, load, remote)
	if err != nil {
		return nil, err
	}
	first, err := src.compile()
	if err != nil {
		return nil, err
	}
	s := &Schema{name: name, source: src.root, sources: src, walk: walkOf(first.schema), idle: []*checker{first}}
	digest := src.digest()
	s.digest = &digest
	return s, nil
}

// Name is the name that the schema was compiled under.
func (s *Schema) Name() string { return s.name }

// Source is the schema's own document, without the files that it names.
func (s *Schema) Source() document.Document { return s.source }

// Digest is "sha256:" and hexadecimal digits, the same for the same schema and
// files by canonical form, whatever the schema's name.
func (s *Schema) Digest() string { return *s.digest }

// acquire takes a compiled copy for one validation. A copy counts the work that
// is done with it, so it serves one goroutine at a time; there are as many as
// there ever were validations at once.
func (s *Schema) acquire() (*checker, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return c, nil
	}
	s.mu.Unlock()
	return s.sources.compile()
}

func (s *Schema) release(c *checker) {
	s.mu.Lock()
	s.idle = append(s.idle, c)
	s.mu.Unlock()
}

// digest is over the root's digest and, where there are any, those of the files
// in the order of their names.
func (s *sources) digest() string {
	names := s.fileNames()
	if len(names) == 0 {
		return s.root.Digest()
	}
	h := sha256.New()
	_, _ = h.Write([]byte(s.root.Digest()))
	for _, name := range names {
		_, _ = h.Write([]byte("\n" + name + "\n" + s.files[name].Digest()))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
