package module

// What a module says of itself: a custom section with JSON.

import (
	"encoding/json"
	"time"
)

// ManifestSection is the name of the custom section that holds the manifest.
const ManifestSection = "chainrun:manifest"

// What bounds a manifest's JSON.
const (
	MaxManifestBytes        = 1 << 20
	MaxManifestDepth        = 512
	MaxManifestEntries      = 256
	MaxManifestCapabilities = 256
)

// A Manifest is what the author of a module says of it. Every field may be absent. Fields that this version does not
// know are ignored, so that a module packed by a later chainrun still runs on this one; a known field of the wrong type
// is an error. [ManifestSchema] describes the JSON.
type Manifest struct {
	Name         string                   `json:"name,omitempty"`
	Version      string                   `json:"version,omitempty"`
	Description  string                   `json:"description,omitempty"`
	Author       string                   `json:"author,omitempty"`
	License      string                   `json:"license,omitempty"` // an SPDX expression
	Homepage     string                   `json:"homepage,omitempty"`
	Input        json.RawMessage          `json:"input,omitempty"`   // JSON Schema of the main entry's input; nil: any
	Output       json.RawMessage          `json:"output,omitempty"`  // JSON Schema of the main entry's output; nil: any
	Config       json.RawMessage          `json:"config,omitempty"`  // JSON Schema of the node's config; nil: any
	Entries      map[string]ManifestEntry `json:"entries,omitempty"` // further entries, see [Manifest.Entry]
	Capabilities []string                 `json:"capabilities,omitempty"`
	Limits       ManifestLimits           `json:"limits,omitzero"`
}

// A ManifestEntry is what a manifest says of one entry. A nil schema takes any document.
type ManifestEntry struct {
	Description string          `json:"description,omitempty"`
	Input       json.RawMessage `json:"input,omitempty"`
	Output      json.RawMessage `json:"output,omitempty"`
	Config      json.RawMessage `json:"config,omitempty"`
}

// Entry gives what holds for an entry; "" is the main one. An entry that Entries names has its own input and output,
// none where it says nothing, and the main entry's config where it has none of its own. One that Entries does not name
// is like the main entry. A nil manifest says nothing of any entry.
func (m *Manifest) Entry(name string) ManifestEntry {
	if m == nil {
		return ManifestEntry{}
	}
	e, named := m.Entries[name]
	if !named || name == "" {
		return ManifestEntry{Description: m.Description, Input: m.Input, Output: m.Output, Config: m.Config}
	}
	if e.Config == nil {
		e.Config = m.Config
	}
	return e
}

// ManifestLimits are the limits that the author suggests. Zero means no suggestion. A graph is free to set others.
type ManifestLimits struct {
	Fuel        uint64
	MemoryBytes uint64
	Timeout     time.Duration
}

// MarshalJSON writes {"fuel": 1000, "memory_bytes": 65536, "timeout": "2s"}, without what is zero.
func (l ManifestLimits) MarshalJSON() ([]byte, error) {
	j := struct {
		Fuel        uint64 `json:"fuel,omitempty"`
		MemoryBytes uint64 `json:"memory_bytes,omitempty"`
		Timeout     string `json:"timeout,omitempty"`
	}{Fuel: l.Fuel, MemoryBytes: l.MemoryBytes}
	if l.Timeout != 0 {
		j.Timeout = l.Timeout.String()
	}
	return json.Marshal(j)
}

// Manifest reads the module's manifest. It gives nil, nil when the file has none. The error is a [*FormatError].
func (m *Module) Manifest() (*Manifest, error) {
	var found *Section
	for i := range m.Sections {
		s := &m.Sections[i]
		if s.ID != SectionCustom || s.Name != ManifestSection {
			continue
		}
		if found != nil {
			return nil, &FormatError{
				Offset: s.Offset, Section: ManifestSection, Text: "there is a second manifest",
				Hint: "write the manifest again; that leaves one",
			}
		}
		found = s
	}
	if found == nil {
		return nil, nil
	}
	manifest, err := ParseManifest(found.Data)
	if err != nil {
		return nil, &FormatError{Offset: found.Offset, Section: ManifestSection, Text: err.Error()}
	}
	return manifest, nil
}

// WithManifest gives a copy of a module with the manifest set, any earlier one replaced. The manifest must be JSON that
// [Module.Manifest] can read; it is stored as it is, at the end of the file. Equal inputs give equal bytes.
func WithManifest(wasm []byte, manifest []byte) ([]byte, error) {
	if _, err := ParseManifest(manifest); err != nil {
		return nil, err
	}
	m, err := Read(wasm)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(wasm)+len(manifest)+32)
	out = append(out, wasm[:8]...)
	start := 8
	for _, s := range m.Sections {
		end := s.Offset + len(s.Data)
		if s.ID != SectionCustom || s.Name != ManifestSection {
			out = append(out, wasm[start:end]...)
		}
		start = end
	}
	content := appendUint(nil, uint32(len(ManifestSection)))
	content = append(content, ManifestSection...)
	out = append(out, SectionCustom)
	out = appendUint(out, uint32(len(content)+len(manifest)))
	out = append(out, content...)
	return append(out, manifest...), nil
}

// appendUint appends an unsigned LEB128.
func appendUint(b []byte, v uint32) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}
