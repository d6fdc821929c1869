// What a module says of its own manifest.

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// saidManifest asks a module for its manifest: the one that it derives from its
// types, else the one that its linker wrote. It is nil where there is neither.
func saidManifest(ctx context.Context, wasm []byte) ([]byte, error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, err
	}
	if _, ok := m.Export(module.ExportDescribe); !ok {
		return carriedManifest(m)
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
		return carriedManifest(m)
	case err != nil:
		return nil, err
	case stop != nil:
		return nil, fmt.Errorf("the module describes itself by %s, which failed (%v): %s", module.ExportDescribe, stop.Reason, stop.Message)
	}
	return said, nil
}

// carriedManifest is the section that the module has already.
func carriedManifest(m *module.Module) ([]byte, error) {
	for _, s := range m.Sections {
		if s.ID == module.SectionCustom && s.Name == module.ManifestSection {
			return s.Data, nil
		}
	}
	return nil, nil
}

// laidOver gives the object said with the keys of the object over in place of its
// own. Either may be nil.
func laidOver(said, over []byte) ([]byte, error) {
	keys := map[string]json.RawMessage{}
	for _, text := range [][]byte{said, over} {
		if text == nil {
			continue
		}
		if err := json.Unmarshal(text, &keys); err != nil {
			return nil, err
		}
	}
	return json.Marshal(keys)
}
