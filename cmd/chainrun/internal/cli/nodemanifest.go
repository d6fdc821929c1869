// chainrun node manifest: what a module says of itself, written, shown and checked.

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/runtime/module"
)

func (a *app) nodeManifestCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "manifest",
		Short: "Write, show and check what a module says of itself",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is no command of `chainrun node manifest`%s", args[0], suggestion(c, args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(a.manifestSetCommand(), a.manifestShowCommand(), a.manifestValidateCommand())
	return c
}

func (a *app) manifestSetCommand() *cobra.Command {
	var derive bool
	var out string
	c := &cobra.Command{
		Use:   "set FILE.wasm [MANIFEST.json]",
		Short: "Write a manifest into a module",
		Long: `Writes MANIFEST.json (- for standard input) into the module, any earlier manifest
replaced. Without MANIFEST.json the module is asked for what it says of itself,
as modules of the SDKs can (the schemas of their types); with both MANIFEST.json
and --derive, the keys of the file come before the module's own.

The file is replaced in one piece, or not at all. Equal inputs give equal bytes.`,
		Example: "  chainrun node manifest set shop.wasm\n  chainrun node manifest set shop.wasm manifest.json --derive -o dist/shop.wasm",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("expected a .wasm file and perhaps a manifest, found %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"wasm", "json"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			return a.setManifest(c.Context(), args[0], name, derive || name == "", out)
		},
	}
	c.Flags().BoolVar(&derive, "derive", false, "ask the module for what MANIFEST.json does not say")
	c.Flags().StringVarP(&out, "output", "o", "", "the file to write, instead of FILE.wasm itself")
	return c
}

func (a *app) setManifest(ctx context.Context, file, name string, derive bool, out string) error {
	wasm, m, err := openModule(file)
	if err != nil {
		return err
	}
	var said, over []byte
	if derive {
		if said, err = derivedManifest(orBackground(ctx), m); errors.Is(err, errNothingSaid) && name == "" {
			return &exitError{code: exitInvalid, err: fmt.Errorf("%s: %w; give a MANIFEST.json", file, err)}
		} else if err != nil {
			return &exitError{code: exitInvalid, err: fmt.Errorf("%s: %w", file, err)}
		}
	}
	if name != "" {
		if over, err = a.readManifest(name); err != nil {
			return err
		}
		// First by itself: it has lines to point at.
		if found := (&manifestCheck{file: nameOfInput(name), text: over, lined: true}).run(); found.Failed() {
			return found
		}
	}
	merged, err := laidOver(said, over)
	if err != nil {
		return &exitError{code: exitInvalid, err: fmt.Errorf("the manifest: %w", err)}
	}
	found := (&manifestCheck{file: file, text: merged, of: m}).run()
	if found.Failed() {
		return found
	}
	if wasm, err = module.WithManifest(wasm, merged); err != nil {
		return &exitError{code: exitInvalid, err: err}
	}
	written, err := module.Read(wasm)
	if err != nil {
		return err // what was read before, and one section more
	}
	if out == "" {
		out = file
	}
	if err := replaceFile(out, wasm); err != nil {
		return &exitError{code: exitInvalid, err: err}
	}
	if a.json {
		a.printJSON(struct {
			File        string            `json:"file"`
			Digest      string            `json:"digest"`
			Manifest    visible           `json:"manifest"`
			Diagnostics graph.Diagnostics `json:"diagnostics"`
		}{out, written.Digest, visible(merged), notNil(found)})
		return nil
	}
	a.complain(found)
	fmt.Fprintf(a.Out, "%s: a manifest of %s bytes\n", indented(out), thousands(uint64(len(merged))))
	return nil
}

func (a *app) manifestShowCommand() *cobra.Command {
	var derive bool
	c := &cobra.Command{
		Use:   "show FILE.wasm",
		Short: "Print the manifest of a module as JSON",
		Long: `Prints the manifest in the file, without running anything of it. With --derive
the module is run, without any capability, to say what it says of itself.`,
		Args: oneNode,
		RunE: func(c *cobra.Command, args []string) error { return a.showManifest(c.Context(), args[0], derive) },
	}
	c.ValidArgsFunction = moduleFiles
	c.Flags().BoolVar(&derive, "derive", false, "ask the module, instead of reading what is in the file")
	return c
}

func (a *app) showManifest(ctx context.Context, file string, derive bool) error {
	_, m, err := openModule(file)
	if err != nil {
		return err
	}
	text := carriedManifest(m)
	if derive {
		if text, err = derivedManifest(orBackground(ctx), m); err != nil {
			return &exitError{code: exitInvalid, err: fmt.Errorf("%s: %w", file, err)}
		}
	} else if text == nil {
		hint := "`chainrun node manifest set` writes one"
		if _, ok := m.Export(module.ExportDescribe); ok {
			hint = fmt.Sprintf("it can say one: `chainrun node manifest set %s`", file)
		}
		return &exitError{code: exitInvalid, err: fmt.Errorf("%s has no manifest (%s)", file, hint)}
	}
	if _, err := module.ParseManifest(text); err != nil {
		return &exitError{code: exitInvalid, err: fmt.Errorf("%s: %w (`chainrun node manifest validate` says more)", file, err)}
	}
	a.printJSON(visible(text))
	return nil
}

func (a *app) manifestValidateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Say everything that is wrong with a manifest",
		Long: `Checks manifests by themselves (MANIFEST.json, - for standard input) or in a
module (FILE.wasm), there also against the module: what breaks the schema of
manifests, keys that nobody reads, schemas that cannot be compiled, entries that
the module does not have. Exit code 3 if something is wrong.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("expected a manifest or a .wasm file")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.validateManifests(args) },
	}
	c.ValidArgsFunction = cobra.FixedCompletions([]string{"wasm", "json"}, cobra.ShellCompDirectiveFilterFileExt)
	return c
}

func (a *app) validateManifests(names []string) error {
	var found graph.Diagnostics
	for _, name := range names {
		check, err := a.checkOf(name)
		if err != nil {
			return err
		}
		ds := check.run()
		found = append(found, ds...)
		if !a.json && !ds.Failed() {
			fmt.Fprintf(a.Out, "%s: ok%s\n", indented(name), remarks(ds))
		}
	}
	if a.json || len(found) > 0 {
		a.complain(found)
	}
	if found.Failed() {
		return said(exitInvalid)
	}
	return nil
}

// checkOf prepares the check of a module's manifest, or of a manifest's file.
func (a *app) checkOf(name string) (*manifestCheck, error) {
	text, err := a.readFile(name, maxModuleBytes)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(text, []byte("\x00asm")) {
		return &manifestCheck{file: nameOfInput(name), text: text, lined: true}, nil
	}
	m, err := module.Read(text)
	if err != nil {
		return nil, refusedFile(name, err)
	}
	if _, err := m.Manifest(); err != nil && carriedManifest(m) == nil {
		return nil, refusedFile(name, err)
	}
	manifest := carriedManifest(m)
	if manifest == nil {
		return nil, &exitError{code: exitInvalid, err: fmt.Errorf("%s has no manifest", name)}
	}
	return &manifestCheck{file: name, text: manifest, of: m}, nil
}

// moduleFiles completes the names of modules.
var moduleFiles = cobra.FixedCompletions([]string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt)

func openModule(name string) ([]byte, *module.Module, error) {
	wasm, err := readModule(name)
	if err != nil {
		return nil, nil, &exitError{code: exitInvalid, err: err}
	}
	m, err := module.Read(wasm)
	if err != nil {
		return nil, nil, refusedFile(name, err)
	}
	return wasm, m, nil
}

func refusedFile(name string, err error) error {
	var format *module.FormatError
	if errors.As(err, &format) && format.Hint != "" {
		return &exitError{code: exitInvalid, err: fmt.Errorf("%s: %w (%s)", name, err, format.Hint)}
	}
	return &exitError{code: exitInvalid, err: fmt.Errorf("%s: %w", name, err)}
}

func (a *app) readManifest(name string) ([]byte, error) {
	return a.readFile(name, module.MaxManifestBytes)
}

// readFile reads a file that a person named, or standard input for "-", bounded.
func (a *app) readFile(name string, limit int64) ([]byte, error) {
	from := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &exitError{code: exitInvalid, err: err}
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return nil, &exitError{code: exitInvalid, err: fmt.Errorf("reading %s: %w", nameOfInput(name), err)}
	}
	if int64(len(text)) > limit {
		return nil, &exitError{code: exitInvalid, err: fmt.Errorf("%s has more than %d bytes, which is the most that is read", nameOfInput(name), limit)}
	}
	return text, nil
}

func nameOfInput(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

// replaceFile writes a file in one piece: whoever reads it finds the old bytes or
// the new ones. It keeps the permissions of what was there.
func replaceFile(name string, content []byte) error {
	mode := fs.FileMode(0o666) // as the umask has it
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // the file, not the link to it
	}
	was, err := os.Stat(name)
	switch {
	case err == nil && !was.Mode().IsRegular():
		return fmt.Errorf("%s is no file that can be replaced", name)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	room, err := os.MkdirTemp(filepath.Dir(name), ".chainrun-")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer func() { _ = os.RemoveAll(room) }()
	made := filepath.Join(room, "file")
	f, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = f.Write(content)
	if was != nil && err == nil {
		err = f.Chmod(was.Mode().Perm())
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(made, name)
}

// visible is JSON that was written by a stranger: what could steer a terminal is
// written as an escape, which stands for the same text.
type visible json.RawMessage

// MarshalJSON implements json.Marshaler.
func (v visible) MarshalJSON() ([]byte, error) { return visibleJSON(v), nil }
