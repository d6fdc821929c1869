package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const maxModuleBytes = plan.MaxModuleBytes

// inspection is what `node inspect --json` prints.
type inspection struct {
	SizeBytes      int              `json:"size_bytes"`
	Digest         string           `json:"digest"`
	ABI            string           `json:"abi,omitempty"`
	Entries        []string         `json:"entries,omitempty"` // "" is the default entry
	Functions      int              `json:"functions"`
	Memories       []string         `json:"memories,omitempty"`
	Imports        []string         `json:"imports,omitempty"`
	Exports        []string         `json:"exports,omitempty"`
	CustomSections []string         `json:"custom_sections,omitempty"`
	Manifest       *module.Manifest `json:"manifest,omitempty"`
	Runs           bool             `json:"runs"`
	Problem        string           `json:"problem,omitempty"` // why it will not run
	Hint           string           `json:"hint,omitempty"`
}

// inspectModule says all that can be said of a file, also of one that will not
// run: it stops at the first reason, and keeps what was found before.
func inspectModule(wasm []byte) *inspection {
	sum := sha256.Sum256(wasm)
	i := &inspection{SizeBytes: len(wasm), Digest: "sha256:" + hex.EncodeToString(sum[:])}
	m, err := module.Read(wasm)
	if err != nil {
		return i.problem(err)
	}
	i.describe(m)
	abi, err := m.ABI()
	if err != nil {
		return i.problem(err)
	}
	i.ABI = abi.String()
	for _, e := range m.Entries() {
		if e == "" {
			e = "(default)"
		}
		i.Entries = append(i.Entries, e)
	}
	if i.Manifest, err = m.Manifest(); err != nil {
		return i.problem(err)
	}
	ctx := context.Background()
	engine, err := sandbox.New(ctx, sandbox.Config{CacheDir: cacheDir()})
	if err != nil {
		return i.problem(err)
	}
	defer func() { _ = engine.Close(ctx) }()
	if _, err := engine.Compile(ctx, m); err != nil {
		return i.problem(err)
	}
	i.Runs = true
	return i
}

func (i *inspection) problem(err error) *inspection {
	i.Problem = err.Error()
	var format *module.FormatError
	var unsupported *module.UnsupportedError
	var refused *sandbox.RefusedError
	switch {
	case errors.As(err, &format):
		i.Hint = format.Hint
	case errors.As(err, &unsupported):
		i.Problem, i.Hint = unsupported.Found, unsupported.Hint
	case errors.As(err, &refused):
		i.Problem, i.Hint = refused.Text, refused.Hint
	}
	return i
}

// maxListed bounds the lists of a hostile file.
const maxListed = 1000

func (i *inspection) describe(m *module.Module) {
	i.Functions = len(m.Code)
	for _, memory := range m.Memories {
		i.Memories = append(i.Memories, describeLimits(memory))
	}
	for _, x := range m.Imports {
		i.Imports = listed(i.Imports, x.Module+"."+x.Name)
	}
	for _, x := range m.Exports {
		i.Exports = listed(i.Exports, x.Name)
	}
	for _, s := range m.Sections {
		if s.Name != "" {
			i.CustomSections = listed(i.CustomSections, fmt.Sprintf("%s (%d bytes)", s.Name, len(s.Data)))
		}
	}
}

func listed(list []string, item string) []string {
	if len(list) >= maxListed {
		return list
	}
	return append(list, item)
}

func describeLimits(m module.Memory) string {
	text := fmt.Sprintf("%d KiB", uint64(m.Min)*64)
	if m.HasMax {
		return text + fmt.Sprintf(", at most %d KiB", uint64(m.Max)*64)
	}
	return text
}
