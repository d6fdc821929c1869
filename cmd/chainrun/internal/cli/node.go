package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) nodeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "node",
		Short: "Tools for modules",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is no command of `chainrun node`%s", args[0], suggestion(c, args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "inspect FILE.wasm",
		Short: "Say what a module is, what it wants, and whether it will run",
		Long: `Reads a .wasm file without running it: its ABI, entries, imports, exports,
memory, manifest, size and digest. For a file that will not run it says why, and
the exit code is 3.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected one .wasm file, found %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE:              func(_ *cobra.Command, args []string) error { return a.inspectNode(args[0]) },
	})
	c.AddCommand(a.nodeNewCommand(), a.nodeBuildCommand())
	c.AddCommand(a.nodeRunCommand())
	return c
}

func (a *app) inspectNode(name string) error {
	wasm, err := readModule(name)
	if err != nil {
		return &exitError{code: exitInvalid, err: err}
	}
	i := inspectModule(wasm)
	if a.json {
		a.printJSON(i)
	} else {
		i.print(a.Out, name)
	}
	if !i.Runs {
		return said(exitInvalid)
	}
	return nil
}

// print writes the facts for a person.
func (i *inspection) print(w io.Writer, name string) {
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-10s %s\n", key, indented(value))
		}
	}
	row("file", name)
	row("size", thousands(uint64(i.SizeBytes))+" bytes")
	row("digest", i.Digest)
	row("abi", i.ABI)
	row("entries", strings.Join(i.Entries, ", "))
	for n, m := range i.Memories {
		row(fmt.Sprintf("memory %d", n), m)
	}
	row("functions", thousands(uint64(i.Functions)))
	row("imports", wrap(i.Imports))
	row("exports", wrap(i.Exports))
	row("sections", wrap(i.CustomSections))
	if m := i.Manifest; m != nil {
		row("name", strings.TrimSpace(m.Name+" "+m.Version))
		row("says", m.Description)
		row("needs", strings.Join(m.Capabilities, ", "))
		row("input", string(m.Input))
		row("output", string(m.Output))
		row("config", string(m.Config))
	}
	if i.Runs {
		row("runs", "yes")
		return
	}
	row("runs", "no: "+i.Problem)
	row("hint", i.Hint)
}

// wrap lays a list out in lines that fit a terminal, aligned under the value.
func wrap(items []string) string {
	const width, indent = 68, "\n       " // and what indented adds
	var b strings.Builder
	column := 0
	for n, item := range items {
		item = printable(item)
		if n > 0 {
			b.WriteByte(',')
			if column+len(item) > width {
				b.WriteString(indent)
				column = 0
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(item)
		column += len(item) + 2
	}
	return b.String()
}

// readModule reads a file that a person named, bounded.
func readModule(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	wasm, err := io.ReadAll(io.LimitReader(f, maxModuleBytes+1))
	if err != nil {
		return nil, err
	}
	if len(wasm) > maxModuleBytes {
		return nil, fmt.Errorf("%s has more than %d bytes, which is the most that is read", name, maxModuleBytes)
	}
	return wasm, nil
}
