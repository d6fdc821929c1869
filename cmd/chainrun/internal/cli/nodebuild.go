// chainrun node build: a project's .wasm file, with its manifest.

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

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/sdk/js/pack"
	"github.com/chainrun/chainrun/sdk/toolchain"
)

func (a *app) nodeBuildCommand() *cobra.Command {
	var lang, out string
	c := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Build the node of a project into one .wasm file",
		Long: `Builds the node in DIR (the current folder when not given) with the compiler of
its language, which is told by the files there: go.mod, Cargo.toml, package.json,
*.zig, *.c, *.ts, *.js. A compiler that is not installed is named, with the
package that has it.

What the node says of itself (its types' schemas, through the SDK) becomes the
manifest in the file; the keys of a manifest.json in DIR come before it.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("expected one folder, found %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.buildNode(c.Context(), dir, lang, out)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file to write (default NAME.wasm in DIR, where NAME is that of DIR)")
	c.Flags().StringVar(&lang, "lang", "", "the language, where the files leave it open: "+strings.Join(toolchain.Names(), ", "))
	_ = c.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(toolchain.Names(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) buildNode(ctx context.Context, dir, lang, out string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	l, err := languageOf(dir, lang)
	if err != nil {
		return err
	}
	if out == "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		out = filepath.Join(dir, filepath.Base(abs)+".wasm")
	}
	// Beside the file to be, so that nobody sees it without its manifest.
	room, err := os.MkdirTemp(filepath.Dir(out), ".chainrun-node-")
	if err != nil {
		return usagef("writing %s: %w", out, err)
	}
	defer func() { _ = os.RemoveAll(room) }()
	made := filepath.Join(room, "node.wasm")

	fmt.Fprintf(a.Err, "building the node with %s\n", l.Title)
	if err := l.Build(ctx, dir, made, a.packing()); err != nil {
		if _, missing := errors.AsType[*toolchain.MissingError](err); missing {
			return err
		}
		return &exitError{code: exitInvalid, err: err}
	}
	wasm, err := readModule(made)
	if err != nil {
		return &exitError{code: exitInvalid, err: err}
	}
	if wasm, err = withManifestOf(ctx, wasm, filepath.Join(dir, "manifest.json")); err != nil {
		return &exitError{code: exitInvalid, err: err}
	}
	described := filepath.Join(room, "described.wasm")
	//nolint:gosec // G306: a module is for others to read, as the umask has it
	if err := os.WriteFile(described, wasm, 0o666); err != nil {
		return err
	}
	if err := os.Rename(described, out); err != nil {
		return err
	}
	i := inspectModule(wasm)
	if a.json {
		a.printJSON(struct {
			File     string `json:"file"`
			Language string `json:"language"`
			*inspection
		}{out, l.Name, i})
	} else {
		fmt.Fprintf(a.Out, "%s: %s bytes, %s\n", out, thousands(uint64(len(wasm))), l.Title)
	}
	if !i.Runs {
		return &exitError{code: exitInvalid, err: fmt.Errorf("%s was built, but will not run: %s", out, i.Problem)}
	}
	return nil
}

func languageOf(dir, lang string) (*toolchain.Language, error) {
	if lang != "" {
		l, err := toolchain.Find(lang)
		if err != nil {
			return nil, usagef("--lang: %w", err)
		}
		return l, nil
	}
	l, err := toolchain.Detect(dir)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return l, nil
}

// withManifestOf writes into a module what it says of itself, with the keys of the
// named file, if it is there, in place of the module's own. A module that has
// nothing to say, or carries its manifest already, and no file: stays as it is.
func withManifestOf(ctx context.Context, wasm []byte, name string) ([]byte, error) {
	over, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	said, err := saidManifest(ctx, wasm)
	if err != nil {
		return nil, err
	}
	if said == nil && over == nil {
		return wasm, nil
	}
	merged, err := laidOver(said, over)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if _, err := module.ParseManifest(merged); err != nil {
		return nil, fmt.Errorf("the node's manifest: %w", err)
	}
	return module.WithManifest(wasm, merged)
}

// packing is how JavaScript and TypeScript become a module: by the engine that this
// binary carries.
func (a *app) packing() toolchain.Option {
	return toolchain.WithPack(func(ctx context.Context, script string) ([]byte, error) {
		n, err := a.pack(ctx, pack.Options{Script: script, Packages: true})
		if err != nil {
			return nil, err
		}
		return n.Wasm, nil
	})
}
