// chainrun node pack: a JavaScript or TypeScript file becomes a node.

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/runtime/sandbox"
	"github.com/chainrun/chainrun/sdk/js/pack"
)

func (a *app) nodePackCommand() *cobra.Command {
	var out, manifest string
	var packages bool
	c := &cobra.Command{
		Use:   "pack SCRIPT",
		Short: "Make a node of a JavaScript or TypeScript file",
		Long: `Makes one .wasm file of a script and of the JavaScript engine that chainrun
carries; nothing has to be installed. The script is evaluated once, here, and the
node begins every attempt where that ended.

  export default function (input, node) {
    return { text: "Hello, " + input.name };
  }

Named functions that the script exports are further entries; what it exports as
` + "`manifest`" + ` becomes the manifest. Files of its project that it imports are taken in.`,
		Example: `  chainrun node pack greet.js
  chainrun node pack src/main.ts -o shop.wasm --bundle`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected one script, found %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"js", "mjs", "ts", "mts"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(c *cobra.Command, args []string) error {
			if manifest != "" {
				if _, err := os.Stat(manifest); err != nil {
					return usagef("--manifest: %w", err)
				}
			}
			return a.packNode(c.Context(), pack.Options{Script: args[0], Packages: packages}, manifest, out)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file to write (default the script's name with .wasm, in the current folder)")
	c.Flags().StringVar(&manifest, "manifest", "", "a JSON file whose keys come before those of the script's manifest")
	c.Flags().BoolVar(&packages, "bundle", false, "also take in what the script imports from node_modules")
	return c
}

func (a *app) packNode(ctx context.Context, o pack.Options, manifest, out string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if out == "" {
		out = strings.TrimSuffix(filepath.Base(o.Script), filepath.Ext(o.Script)) + ".wasm"
	}
	for _, source := range []string{o.Script, manifest} {
		if sameFile(source, out) {
			return usagef("%s is the source: choose another name for --output", out)
		}
	}
	n, err := a.pack(ctx, o)
	if err != nil {
		return err
	}
	wasm, err := withManifestOf(ctx, n.Wasm, manifest)
	if err != nil {
		return &exitError{code: exitInvalid, err: err}
	}
	if err := writeModule(out, wasm); err != nil {
		return err
	}
	if a.json {
		a.printJSON(struct {
			File string `json:"file"`
			*inspection
		}{out, inspectModule(wasm)})
		return nil
	}
	entries := make([]string, len(n.Entries))
	for i, e := range n.Entries {
		if entries[i] = printable(e); e == "" {
			entries[i] = "the default one"
		}
	}
	fmt.Fprintf(a.Out, "%s: %s bytes, entries: %s\n", out, thousands(uint64(len(wasm))), strings.Join(entries, ", "))
	return nil
}

// writeModule writes a module whole or not at all, but where the name is that of a
// pipe or a device.
func writeModule(name string, wasm []byte) error {
	write := replaceFile
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		write = func(name string, wasm []byte) error { return os.WriteFile(name, wasm, 0o600) }
	}
	switch err := write(name, wasm); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return usagef("--output: %w", err)
	default:
		return &exitError{code: exitInternal, err: err}
	}
}

// sameFile says whether two names lead to one file, which is there.
func sameFile(one, other string) bool {
	a, err := os.Stat(one)
	if err != nil {
		return false
	}
	b, err := os.Stat(other)
	return err == nil && os.SameFile(a, b)
}

// pack packs a script, with what it has to say on the way on stderr.
func (a *app) pack(ctx context.Context, o pack.Options) (*pack.Node, error) {
	o.CacheDir = cacheDir()
	o.Log = func(r sandbox.LogRecord) {
		line := indented(r.Message)
		if len(r.Attrs) > 0 {
			line += " " + printable(string(r.Attrs))
		}
		fmt.Fprintf(a.Err, "%s: %s\n", r.Level, line)
	}
	n, err := pack.Pack(ctx, o)
	var wrong *pack.ScriptError
	switch {
	case errors.As(err, &wrong):
		lines := make([]string, len(wrong.Diagnostics))
		for i, d := range wrong.Diagnostics {
			lines[i] = printable(d.String())
		}
		return nil, &exitError{code: exitInvalid, err: errors.New(strings.Join(lines, "\n"))}
	case err != nil && ctx.Err() == nil:
		return nil, usagef("%w", err)
	case err != nil:
		return nil, err
	}
	for _, w := range n.Warnings {
		fmt.Fprintf(a.Err, "warning: %s\n", printable(w.String()))
	}
	return n, nil
}
