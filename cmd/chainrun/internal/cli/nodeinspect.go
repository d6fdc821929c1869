// chainrun node inspect: what a file is, what it wants, and whether it will run.

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/plugins"
)

func (a *app) nodeInspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE.wasm",
		Short: "Say what a module is, what it wants, and whether it will run",
		Long: `Reads a .wasm file (or std:NAME) without running it: its ABI, entries, imports,
exports, memory, manifest, size and digest. Any other file is looked at too: a
component, a plug-in of another host, a file that is cut short. For one that will
not run it says why, and the exit code is 3. --json has the schemas of each entry.`,
		Args:              oneNode,
		ValidArgsFunction: moduleFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return a.inspectNode(args[0]) },
	}
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
	if i.Kind != "module" {
		row("kind", i.Kind)
	}
	row("size", thousands(uint64(i.SizeBytes))+" bytes")
	row("digest", i.Digest)
	row("abi", i.ABI)
	entries := make([]string, len(i.Entries))
	for n, e := range i.Entries {
		if entries[n] = e.Name; e.Name == "" {
			entries[n] = "(default)"
		}
	}
	row("entries", wrap(entries))
	for n, m := range i.Memories {
		row(fmt.Sprintf("memory %d", n), m)
	}
	if i.Functions > 0 {
		row("functions", thousands(uint64(i.Functions)))
	}
	if i.CoreModules > 0 {
		row("holds", count(i.CoreModules, "core module"))
	}
	row("imports", wrap(i.Imports))
	row("exports", wrap(i.Exports))
	row("sections", wrap(i.CustomSections))
	i.printManifest(row)
	if i.Runs {
		row("runs", "yes")
		return
	}
	row("runs", "no: "+i.Problem)
	row("hint", i.Hint)
}

func (i *inspection) printManifest(row func(key, value string)) {
	m := i.Manifest
	if m == nil {
		if i.Describes {
			row("manifest", "none, but the module can say one: `chainrun node manifest set`")
		}
		return
	}
	row("name", strings.TrimSpace(m.Name+" "+m.Version))
	row("says", m.Description)
	row("author", m.Author)
	row("license", m.License)
	row("homepage", m.Homepage)
	row("needs", strings.Join(m.Capabilities, ", "))
	schemas := func(prefix string, input, output, config json.RawMessage) {
		row(prefix+"input", string(input))
		row(prefix+"output", string(output))
		row(prefix+"config", string(config))
	}
	schemas("", m.Input, m.Output, m.Config)
	for _, name := range sortedNames(m.Entries) {
		e := m.Entries[name]
		row("entry", strings.TrimSuffix(name+": "+e.Description, ": "))
		schemas("  ", e.Input, e.Output, e.Config)
	}
	if l := m.Limits; l.Fuel > 0 || l.MemoryBytes > 0 || l.Timeout > 0 {
		row("suggests", limitsText(l))
	}
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

// readModule reads a file that a person named, or a standard node, bounded.
func readModule(name string) ([]byte, error) {
	if std, ok := strings.CutPrefix(name, "std:"); ok {
		return plugins.Open(std)
	}
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
