package module

// Reading a manifest's JSON: a stranger's, so by the letter. Keys are compared as they are, one that is there twice is
// refused, and everything is bounded.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// ParseManifest reads a manifest's JSON as [Module.Manifest] does. The error says what is wrong, for its author.
func ParseManifest(b []byte) (*Manifest, error) {
	if len(b) > MaxManifestBytes {
		return nil, fmt.Errorf("the manifest has %d bytes, at most %d are read", len(b), MaxManifestBytes)
	}
	if t := bytes.TrimLeft(b, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return nil, errors.New("the manifest is no JSON object")
	}
	var m Manifest
	err := checkText(b)
	if err == nil {
		err = m.UnmarshalJSON(b)
	}
	if err != nil {
		return nil, fmt.Errorf("the manifest is not right: %w", err)
	}
	return &m, nil
}

// checkText looks at the JSON itself: UTF-8, depth, keys that are there twice, and nothing behind the value.
func checkText(b []byte) error {
	if !utf8.Valid(b) {
		return errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	type level struct {
		keys map[string]struct{} // nil in an array
		key  bool                // a key is next
	}
	var open []level
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		last := len(open) - 1
		if name, ok := t.(string); ok && last >= 0 && open[last].key {
			if _, twice := open[last].keys[name]; twice {
				return fmt.Errorf("the key %q is there twice", name)
			}
			open[last].keys[name] = struct{}{}
			open[last].key = false
			continue
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(open) == MaxManifestDepth {
				return fmt.Errorf("it is nested more than %d deep", MaxManifestDepth)
			}
			l := level{}
			if t == json.Delim('{') {
				l = level{keys: map[string]struct{}{}, key: true}
			}
			open = append(open, l)
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:last]
			last--
		}
		if last >= 0 {
			open[last].key = open[last].keys != nil
		}
	}
}

// UnmarshalJSON reads the fields that it knows. A field that is null is absent.
func (m *Manifest) UnmarshalJSON(b []byte) error {
	*m = Manifest{}
	f, err := fieldsOf(b)
	if err != nil {
		return err
	}
	f.read("name", &m.Name)
	f.read("version", &m.Version)
	f.read("description", &m.Description)
	f.read("author", &m.Author)
	f.read("license", &m.License)
	f.read("homepage", &m.Homepage)
	f.schema("input", &m.Input)
	f.schema("output", &m.Output)
	f.schema("config", &m.Config)
	f.read("entries", &m.Entries)
	f.read("capabilities", &m.Capabilities)
	f.read("limits", &m.Limits)
	if _, ok := m.Entries[""]; ok {
		f.fail("entries", errors.New("an entry has no name"))
	}
	if n := len(m.Entries); n > MaxManifestEntries {
		f.fail("entries", fmt.Errorf("there are %d, at most %d are read", n, MaxManifestEntries))
	}
	if n := len(m.Capabilities); n > MaxManifestCapabilities {
		f.fail("capabilities", fmt.Errorf("there are %d, at most %d are read", n, MaxManifestCapabilities))
	}
	return f.err
}

// UnmarshalJSON reads the fields that it knows. A field that is null is absent.
func (e *ManifestEntry) UnmarshalJSON(b []byte) error {
	*e = ManifestEntry{}
	f, err := fieldsOf(b)
	if err != nil {
		return err
	}
	f.read("description", &e.Description)
	f.schema("input", &e.Input)
	f.schema("output", &e.Output)
	f.schema("config", &e.Config)
	return f.err
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *ManifestLimits) UnmarshalJSON(b []byte) error {
	*l = ManifestLimits{}
	f, err := fieldsOf(b)
	if err != nil {
		return err
	}
	var timeout string
	f.read("fuel", &l.Fuel)
	f.read("memory_bytes", &l.MemoryBytes)
	f.read("timeout", &timeout)
	if timeout != "" {
		if l.Timeout, err = time.ParseDuration(timeout); err != nil {
			f.fail("timeout", err)
		} else if l.Timeout < 0 {
			f.fail("timeout", errors.New("it is negative"))
		}
	}
	return f.err
}

// fields are the members of an object, and the first thing that is wrong with one.
type fields struct {
	of  map[string]json.RawMessage
	err error
}

func fieldsOf(b []byte) (*fields, error) {
	var f fields
	if err := json.Unmarshal(b, &f.of); err != nil {
		return nil, err
	}
	return &f, nil
}

func (f *fields) fail(key string, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("%s: %w", key, err)
	}
}

func (f *fields) read(key string, into any) {
	text, ok := f.of[key]
	if !ok {
		return
	}
	err := json.Unmarshal(text, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = fmt.Errorf("it cannot be a %s", wrong.Value)
	}
	if err != nil {
		f.fail(key, err)
	}
}

// schema reads a JSON Schema, as far as a reader of files knows one: an object, true or false.
func (f *fields) schema(key string, into *json.RawMessage) {
	switch text := f.of[key]; {
	case len(text) == 0 || string(text) == "null":
	case text[0] == '{' || string(text) == "true" || string(text) == "false":
		*into = text
	default:
		f.fail(key, errors.New("a schema is an object, true or false"))
	}
}
