package schema

// Where a schema's parts come from: its own source, the files that it names,
// the metaschemas built into the authority; and nowhere else.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
)

// The root schema gets an address of our own scheme, one folder below the top,
// so that a reference that climbs out of its folder is seen to.
const (
	scheme   = "chainrun"
	folder   = scheme + "://schema/in/"
	rootURL  = folder + "schema.json"
	noLoader = "no files can be named here; put the definition into $defs of the schema itself"
)

// sources is everything that a schema is made of. After the first compilation
// it is only read.
type sources struct {
	name   string
	root   document.Document
	idDir  string // the folder of the root's own absolute $id, or ""
	load   Loader
	remote map[string][]byte

	loaded bool                         // all files are there; load is not asked again
	files  map[string]document.Document // by reference
	byURL  map[string]any               // decoded, by address and by $id, to explain failures
	latest string                       // the file that was loaded last
	bytes  int
	parts  int
	// patterns is the size of all patterns so far.
	patterns int
}

func newSources(name string, source []byte, load Loader, remote map[string][]byte) (*sources, error) {
	s := &sources{
		name: name, load: load, remote: remote,
		files: map[string]document.Document{}, byURL: map[string]any{},
	}
	root, err := s.read(rootURL, source)
	if err != nil {
		return nil, s.explain(err)
	}
	s.root = root
	switch root.Kind() {
	case document.KindObject, document.KindBool:
	default:
		return nil, s.complain("", "a schema must be an object, true or false; found "+cut(root.Bytes(), 60), "")
	}
	if u, err := url.Parse(idOf(s.byURL[rootURL])); err == nil && u.IsAbs() && u.Opaque == "" {
		u.Fragment, u.RawFragment = "", ""
		u.Path = path.Dir(u.Path)
		s.idDir = strings.TrimSuffix(u.String(), "/") + "/"
	}
	return s, nil
}

// read checks one file and counts it towards the bounds.
func (s *sources) read(address string, b []byte) (document.Document, error) {
	if s.bytes += len(b); s.bytes > MaxSchemaBytes {
		return document.Document{}, fmt.Errorf("the schema and its files have more than %d bytes", MaxSchemaBytes)
	}
	d, err := document.Parse(b, document.Limits{Bytes: MaxSchemaBytes, Depth: MaxSchemaDepth})
	if err != nil {
		return document.Document{}, fmt.Errorf("a schema must be JSON: %w", err)
	}
	v, err := d.Value()
	if err != nil {
		return document.Document{}, err
	}
	var bad *partError
	if err := s.count(v, ""); errors.As(err, &bad) {
		bad.address = address
		return document.Document{}, bad
	}
	s.byURL[address] = v
	if u, err := url.Parse(idOf(v)); err == nil && u.String() != "" {
		if base, err := url.Parse(address); err == nil {
			u = base.ResolveReference(u)
			u.Fragment, u.RawFragment = "", ""
			s.byURL[u.String()] = v
		}
	}
	return d, nil
}

// partError is a fault at one place of a schema's text.
type partError struct{ address, pointer, text string }

func (e *partError) Error() string { return e.text }

// count bounds the parts and patterns of a schema and refuses numbers that could
// not be computed with; the authority would take no notice of them.
func (s *sources) count(v any, pointer string) error {
	switch v := v.(type) {
	case json.Number:
		if isHuge(v) {
			return &partError{pointer: pointer, text: "the number " + cut([]byte(v), 40) + " is beyond " + numberBound}
		}
	case []any:
		s.parts++
		for i, item := range v {
			if err := s.count(item, fmt.Sprintf("%s/%d", pointer, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		s.parts++
		for _, k := range sortedKeys(v) {
			if err := s.count(v[k], pointer+"/"+escapeToken(k)); err != nil {
				return err
			}
		}
		if p, ok := v["pattern"].(string); ok {
			if err := s.countPattern(p, pointer+"/pattern"); err != nil {
				return err
			}
		}
		named, _ := v["patternProperties"].(map[string]any)
		for _, p := range sortedKeys(named) {
			if err := s.countPattern(p, pointer+"/patternProperties/"+escapeToken(p)); err != nil {
				return err
			}
		}
	}
	if s.parts > MaxSchemaParts {
		return &partError{pointer: pointer, text: fmt.Sprintf("the schema and its files have more than %d objects and arrays", MaxSchemaParts)}
	}
	return nil
}

// open answers the authority's request for an absolute address.
func (s *sources) open(address string) (io.ReadCloser, error) {
	if b, ok := s.remote[address]; ok {
		return s.opened(address, b)
	}
	ref, err := s.reference(address)
	if err != nil {
		return nil, err
	}
	if d, ok := s.files[ref]; ok {
		return io.NopCloser(bytes.NewReader(d.Bytes())), nil
	}
	if s.load == nil || s.loaded {
		return nil, &refError{ref: ref, text: "it names another file", hint: noLoader}
	}
	if len(s.files) >= MaxSchemaFiles {
		return nil, &refError{ref: ref, text: fmt.Sprintf("it names more than %d files", MaxSchemaFiles)}
	}
	b, err := s.load(ref)
	if err != nil {
		return nil, &refError{ref: ref, text: err.Error()}
	}
	d, err := s.read(folder+ref, b)
	if err != nil {
		return nil, &refError{ref: ref, text: err.Error()}
	}
	s.files[ref], s.latest = d, ref
	s.byURL[address] = s.byURL[folder+ref]
	return io.NopCloser(bytes.NewReader(d.Bytes())), nil
}

func (s *sources) opened(address string, b []byte) (io.ReadCloser, error) {
	if _, ok := s.byURL[address]; !ok {
		if _, err := s.read(address, b); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// reference is the relative name of a file at an absolute address, where it has
// one: below the root schema's own folder, or below the folder of its $id.
func (s *sources) reference(address string) (string, error) {
	ref, ok := strings.CutPrefix(address, folder)
	if !ok && s.idDir != "" {
		ref, ok = strings.CutPrefix(address, s.idDir)
	}
	if !ok {
		if strings.HasPrefix(address, scheme+"://") {
			return "", &refError{ref: strings.TrimPrefix(address, scheme+"://schema"), text: "it leads out of the schema's folder", hint: "name a file beside the schema or below it"}
		}
		return "", &refError{ref: address, text: "it leads to another machine or an absolute place, and nothing is read from there", hint: "put the definition into $defs of the schema, or in a file named by a relative reference"}
	}
	ref, err := url.PathUnescape(ref)
	if err != nil || ref == "" || strings.ContainsAny(ref, "\\?\x00") || path.IsAbs(ref) || path.Clean(ref) != ref || strings.HasPrefix(ref, "..") {
		return "", &refError{ref: ref, text: "it is no plain relative file name"}
	}
	return ref, nil
}

func (s *sources) fileNames() []string {
	names := make([]string, 0, len(s.files))
	for name := range s.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// compile makes one compiled copy. The first call is alone; later ones find all
// files loaded, so that they only read s.
func (s *sources) compile() (c *checker, err error) {
	defer func() {
		if r := recover(); r != nil { // the authority's own faults are not the host's
			c, err = nil, s.complain("", fmt.Sprintf("the schema cannot be compiled: %v", r), "")
		}
	}()
	c = &checker{sources: s}
	compiler := jsonschema.NewCompiler()
	compiler.Draft = s.draft()
	compiler.AssertFormat = true
	compiler.Formats["regex"] = isPattern
	compiler.LoadURL = s.open
	compiler.RegisterExtension(guardName, nil, c)
	if err := compiler.AddResource(rootURL, bytes.NewReader(s.root.Bytes())); err != nil {
		return nil, s.explain(err)
	}
	compiled, err := compiler.Compile(rootURL)
	if err != nil {
		return nil, s.explain(err)
	}
	c.schema = compiled
	c.harden(compiled)
	if !s.loaded { // the first copy; later ones may be compiled at the same time
		s.loaded = true
	}
	return c, nil
}

// draft is the root's: that of the files, too, unless they say otherwise.
func (s *sources) draft() *jsonschema.Draft {
	m, _ := s.byURL[rootURL].(map[string]any)
	named, _ := m["$schema"].(string)
	named = strings.TrimSuffix(strings.Replace(named, "http://", "https://", 1), "#")
	for _, d := range []*jsonschema.Draft{jsonschema.Draft4, jsonschema.Draft6, jsonschema.Draft7, jsonschema.Draft2019} {
		if named == d.URL() {
			return d
		}
	}
	return jsonschema.Draft2020
}

// idOf is a schema's own $id (id in draft-04), or "".
func idOf(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	if id, ok := m["$id"].(string); ok {
		return id
	}
	id, _ := m["id"].(string)
	return id
}
