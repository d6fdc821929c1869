// What a module says of its own manifest, and how an author's is laid over it.

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// errNothingSaid is of a module that has nothing to derive a manifest from.
var errNothingSaid = errors.New("the module does not describe itself: it exports no " + module.ExportDescribe + ", as nodes of the SDKs do")

// saidManifest asks a module for its manifest: the one that it derives from its
// types, else the one that its linker wrote. It is nil where there is neither.
func saidManifest(ctx context.Context, wasm []byte) ([]byte, error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, err
	}
	said, err := derivedManifest(ctx, m)
	if errors.Is(err, errNothingSaid) {
		return carriedManifest(m), nil
	}
	return said, err
}

// derivedManifest runs the module's own description of itself, under limits and
// without any capability.
func derivedManifest(ctx context.Context, m *module.Module) ([]byte, error) {
	if _, ok := m.Export(module.ExportDescribe); !ok {
		return nil, errNothingSaid
	}
	engine, err := sandbox.New(ctx, sandbox.Config{CacheDir: cacheDir()})
	if err != nil {
		return nil, err
	}
	defer func() { _ = engine.Close(context.WithoutCancel(ctx)) }()
	program, err := engine.Compile(ctx, m)
	if err != nil {
		return nil, err
	}
	said, stop, err := program.Describe(ctx, sandbox.Limits{})
	switch {
	case errors.Is(err, sandbox.ErrNoDescribe):
		return nil, errNothingSaid
	case err != nil:
		return nil, err
	case stop != nil:
		return nil, fmt.Errorf("the module describes itself by %s, which failed (%v): %s", module.ExportDescribe, stop.Reason, stop.Message)
	}
	if _, err := module.ParseManifest(said); err != nil {
		return nil, fmt.Errorf("what the module says of itself by %s: %w", module.ExportDescribe, err)
	}
	return said, nil
}

// carriedManifest is the section that the module has already; nil: none.
func carriedManifest(m *module.Module) []byte {
	for _, s := range m.Sections {
		if s.ID == module.SectionCustom && s.Name == module.ManifestSection {
			return s.Data
		}
	}
	return nil
}

// laidOver gives the manifest said with the keys of the manifest over in place of
// its own: key by key, also within entries, each entry, and limits. A key that is
// null in over is taken away. Either may be nil. Equal texts give equal bytes,
// whatever the order of their keys and the space between them.
func laidOver(said, over []byte) ([]byte, error) {
	base, err := members(said)
	if err != nil {
		return nil, err
	}
	top, err := members(over)
	if err != nil {
		return nil, err
	}
	return mergedManifest(base, top, manifestKeys, map[string]int{"entries": 2, "limits": 1})
}

// manifestKeys are the keys of a manifest, in the order in which they are written;
// others come after them.
var manifestKeys = []string{
	"$schema", "name", "version", "description", "author", "license", "homepage",
	"input", "output", "config", "entries", "capabilities", "limits",
}

// mergedManifest writes base with the members of over. Those whose key is in
// levels are merged themselves, so many levels deep.
func mergedManifest(base, over map[string]json.RawMessage, first []string, levels map[string]int) ([]byte, error) {
	keys := make([]string, 0, len(base)+len(over))
	for _, m := range []map[string]json.RawMessage{base, over} {
		for key := range m {
			keys = append(keys, key)
		}
	}
	rank := func(key string) int {
		if i := slices.Index(first, key); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	var out bytes.Buffer
	out.WriteByte('{')
	for _, key := range slices.Compact(keys) {
		value := base[key]
		if v, ok := over[key]; ok {
			value = v
			if inner, within := levels[key]; within && base[key] != nil {
				merged, err := mergedValue(base[key], v, inner)
				if err != nil {
					return nil, err
				}
				value = merged
			}
		}
		if string(value) == "null" {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		if err := writeMember(&out, key, value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// mergedValue merges two values where both are objects; else over's holds.
func mergedValue(base, over json.RawMessage, levels int) (json.RawMessage, error) {
	a, b := objectIn(base), objectIn(over)
	if a == nil || b == nil {
		return over, nil
	}
	inner := map[string]int{}
	if levels > 1 {
		for key := range a {
			inner[key] = levels - 1
		}
	}
	return mergedManifest(a, b, manifestKeys, inner)
}

// objectIn gives the members of a value, nil where it is no object.
func objectIn(value json.RawMessage) map[string]json.RawMessage {
	m, err := members(value)
	if err != nil {
		return nil
	}
	return m
}

func writeMember(out *bytes.Buffer, key string, value json.RawMessage) error {
	name := json.NewEncoder(out)
	name.SetEscapeHTML(false)
	if err := name.Encode(key); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the encoder ends a line
	out.WriteByte(':')
	return json.Compact(out, value)
}

// members are those of a JSON object; nil for no text at all.
func members(text []byte) (map[string]json.RawMessage, error) {
	if text == nil {
		return nil, nil
	}
	if t := bytes.TrimLeft(text, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return nil, errors.New("it is no JSON object")
	}
	var m map[string]json.RawMessage
	err := json.Unmarshal(text, &m)
	return m, err
}
