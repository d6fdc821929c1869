// What the node says of itself: its manifest.

package node

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// About is what a node's manifest says beside what its types say. Every field
// may be left out.
type About struct {
	Name        string // short, such as "word-count"
	Version     string // such as "1.2.0"
	Description string // what the node does, for people
	Author      string
	License     string // an SPDX expression, such as "MIT"
	Homepage    string

	// Config is a value of the type that the node gives to [Config], for its
	// schema; mostly the zero value. nil: the manifest says nothing of it.
	Config any
	// Entries says more of the further entries, by name.
	Entries map[string]AboutEntry
	// Capabilities are those that the node cannot do without: "llm", or a
	// method of it, "llm.chat".
	Capabilities []string

	// Suggested limits; a graph is free to set others. Zero suggests nothing.
	Fuel        uint64
	MemoryBytes uint64
	Timeout     time.Duration
}

// AboutEntry is what a manifest says of a further entry beside its types.
type AboutEntry struct {
	Description string
	Config      any // as in [About]; nil: the node's
}

// Describe sets what the manifest says. It is called at most once, from an init
// function. In a reactor it also decodes an empty object into the types of the
// configs, as [Handle] does for In, so that attempts find them prepared.
func Describe(a About) {
	if described {
		panic("node: Describe was called twice")
	}
	about, described = a, true
	if isReactor {
		warmUpConfig(a.Config)
		for _, name := range sortedKeys(a.Entries) {
			warmUpConfig(a.Entries[name].Config)
		}
	}
}

var (
	about     About
	described bool
)

func warmUpConfig(config any) {
	defer func() { _ = recover() }()
	if config != nil {
		_ = json.Unmarshal([]byte("{}"), reflect.New(reflect.TypeOf(config)).Interface())
	}
}

// Manifest gives the node's manifest as JSON: what [Describe] was told, and the
// schemas of the types of [Handle], [HandleEntry] and [About].Config. In a
// reactor `chainrun node build` and `chainrun node manifest set --derive` ask for
// it and write it into the file; no attempt does. The error names the type or the
// tag that cannot be put into a schema.
//
// Schemas are of JSON as encoding/json reads and writes it. A field is required
// unless it is a pointer or has omitempty or omitzero; a pointer may be null, and
// so may a slice or a map without these; unknown fields are allowed. Tags say
// more, by the names of JSON Schema:
//
//	Quantity int    `json:"quantity" jsonschema:"minimum=1,maximum=99,description=How many, at most 99"`
//	Color    string `json:"color" jsonschema:"enum=red,enum=green,default=red"`
//
// These are required, title, description, enum, default, example, format, pattern,
// minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
// multipleOf, minItems, maxItems, uniqueItems, minProperties and maxProperties.
// The tag jsonschema_description holds a description alone. Rules of a list's
// elements stand at the list. A type with methods of its own for JSON takes
// anything, unless it is a [Schemer].
func Manifest() ([]byte, error) {
	m := newObject()
	text := func(key, value string) {
		if value != "" {
			m.set(key, value)
		}
	}
	text("name", about.Name)
	text("version", about.Version)
	text("description", about.Description)
	text("author", about.Author)
	text("license", about.License)
	text("homepage", about.Homepage)
	if main := lookUp(""); main != nil {
		if err := m.schemas(main, about.Config); err != nil {
			return nil, err
		}
	} else if err := m.schema("config", typeOf(about.Config)); err != nil {
		return nil, err
	}
	further := newObject()
	for _, e := range entries {
		if e.name == "" {
			continue
		}
		said := newObject()
		if d := about.Entries[e.name].Description; d != "" {
			said.set("description", d)
		}
		if err := said.schemas(e, about.Entries[e.name].Config); err != nil {
			return nil, fmt.Errorf("entry %q: %w", e.name, err)
		}
		further.set(e.name, said)
	}
	for _, name := range sortedKeys(about.Entries) {
		if name == "" || lookUp(name) == nil {
			return nil, fmt.Errorf("About.Entries has %q, which no HandleEntry registers", name)
		}
	}
	if len(further.members) > 0 {
		m.set("entries", further)
	}
	for _, c := range about.Capabilities {
		m.add("capabilities", c)
	}
	if limits := about.limits(); len(limits.members) > 0 {
		m.set("limits", limits)
	}
	return m.appendTo(nil), nil
}

func (a About) limits() *object {
	limits := newObject()
	if a.Fuel > 0 {
		limits.set("fuel", a.Fuel)
	}
	if a.MemoryBytes > 0 {
		limits.set("memory_bytes", a.MemoryBytes)
	}
	if a.Timeout > 0 {
		limits.set("timeout", a.Timeout.String())
	}
	return limits
}

// schemas sets those of an entry.
func (o *object) schemas(e *entry, config any) error {
	for _, s := range []struct {
		key string
		typ reflect.Type
	}{{"input", e.in}, {"output", e.out}, {"config", typeOf(config)}} {
		if err := o.schema(s.key, s.typ); err != nil {
			return err
		}
	}
	return nil
}

func (o *object) schema(key string, t reflect.Type) error {
	if t == nil || t == reflect.TypeFor[[]byte]() { // a document as it is
		return nil
	}
	s, err := schemaOf(t)
	if err != nil {
		return fmt.Errorf("the schema of %s %s: %w", key, t, err)
	}
	if s != nil {
		o.set(key, s)
	}
	return nil
}

func typeOf(v any) reflect.Type {
	if v == nil {
		return nil
	}
	return reflect.TypeOf(v)
}

// describe is Manifest for the host.
func describe() (manifest []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			manifest, err = nil, Errorf("panic", "describing the node panicked: %v", p)
		}
	}()
	if manifest, err = Manifest(); err != nil {
		err = Errorf("no_manifest", "%w", err)
	}
	return manifest, err
}
