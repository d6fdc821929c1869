// chainrun node doc: a page about a module, from its manifest.

package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/runtime/module"
)

func (a *app) nodeDocCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doc FILE.wasm",
		Short: "Write a page about a module, in Markdown",
		Long: `Writes what the manifest of a module (or of std:NAME) says as a page in Markdown:
what it does, its entries, the fields of its documents and its config, what it
needs, and a graph to begin with. Nothing of the module is run. What its author
wrote is text on the page, whatever it looks like.`,
		Example:           "  chainrun node doc shop.wasm > shop.md",
		Args:              oneNode,
		ValidArgsFunction: moduleFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return a.docNode(args[0]) },
	}
}

func (a *app) docNode(file string) error {
	wasm, err := readModule(file)
	if err != nil {
		return &exitError{code: exitInvalid, err: err}
	}
	i, m := readFacts(wasm)
	if m == nil {
		return refusedFile(file, fmt.Errorf("%s", i.Problem))
	}
	p := nodePage{file: file, facts: i, manifest: i.Manifest}
	if p.manifest == nil {
		p.manifest = &module.Manifest{}
	}
	if name, ok := strings.CutPrefix(file, "std:"); ok { // one of the entries of a file: there it is the main one
		e := p.manifest.Entry(name)
		p.manifest = &module.Manifest{
			Description: e.Description, Input: e.Input, Output: e.Output, Config: e.Config,
			Author: p.manifest.Author, License: p.manifest.License, Homepage: p.manifest.Homepage,
		}
		i.Entries = []entryFacts{{ManifestEntry: e}}
	}
	text := p.write()
	if a.json {
		a.printJSON(struct {
			File     string `json:"file"`
			Markdown string `json:"markdown"`
		}{file, text})
		return nil
	}
	_, err = fmt.Fprint(a.Out, text)
	return err
}

// A nodePage is Markdown about one module.
type nodePage struct {
	file     string
	facts    *inspection
	manifest *module.Manifest
	out      strings.Builder
}

func (p *nodePage) write() string {
	m := p.manifest
	title := strings.TrimSuffix(filepath.Base(p.file), ".wasm")
	if m.Name != "" {
		title = strings.TrimSpace(m.Name + " " + m.Version)
	}
	p.line("# %s", markdown(title))
	p.line("")
	p.paragraphs(m.Description)
	if i := p.facts; i.Manifest == nil {
		text := "The module has no manifest."
		if i.Describes {
			text += " It can say one: `chainrun node manifest set`."
		}
		p.line("%s\n", text)
	}
	p.bullets()
	if slices.ContainsFunc(p.facts.Entries, func(e entryFacts) bool { return e.Name == "" }) {
		p.entry("##", m.Entry(""), false)
	}
	p.entries()
	p.needs()
	p.graph()
	return strings.TrimRight(p.out.String(), "\n") + "\n"
}

func (p *nodePage) line(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// paragraphs keeps the lines of a text, and nothing else of what it looks like.
func (p *nodePage) paragraphs(text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		p.line("%s", markdown(line))
	}
	p.line("")
}

func (p *nodePage) bullets() {
	m, i := p.manifest, p.facts
	bullet := func(key, value string) {
		if value != "" {
			p.line("- %s: %s", key, value)
		}
	}
	bullet("Author", markdown(m.Author))
	bullet("Licence", markdown(m.License))
	bullet("Homepage", markdown(m.Homepage))
	bullet("ABI", i.ABI)
	bullet("Size", thousands(uint64(i.SizeBytes))+" bytes")
	bullet("Digest", "`"+i.Digest+"`")
	p.line("")
}

// entry writes the sections about one entry's documents.
func (p *nodePage) entry(heading string, e module.ManifestEntry, alone bool) {
	if alone {
		p.paragraphs(e.Description)
	}
	for _, s := range []struct {
		title, any string
		source     json.RawMessage
	}{
		{"Input", "Any document.", e.Input},
		{"Output", "Any document.", e.Output},
		{"Config", "", e.Config},
	} {
		if len(s.source) == 0 && s.any == "" {
			continue
		}
		p.line("%s %s\n", heading, s.title)
		if len(s.source) == 0 || string(s.source) == "true" {
			p.line("%s\n", "Any document.")
			continue
		}
		p.fields(s.source)
	}
}

func (p *nodePage) entries() {
	var further []entryFacts
	for _, e := range p.facts.Entries {
		if e.Name != "" {
			further = append(further, e)
		}
	}
	if len(further) == 0 {
		return
	}
	p.line("## Entries\n")
	for _, e := range further {
		p.line("### %s\n", inlineCode(e.Name))
		said, ok := p.manifest.Entries[e.Name]
		switch {
		case ok:
			p.entry("####", said, true)
			if said.Config == nil && p.manifest.Config != nil {
				p.line("The config is that of the whole module.\n")
			}
		case len(p.manifest.Input) > 0 || len(p.manifest.Output) > 0 || len(p.manifest.Config) > 0:
			p.line("Documents and config as above.\n")
		default:
			p.line("The manifest says nothing of it.\n")
		}
	}
	if p.manifest.Config != nil && !slices.ContainsFunc(p.facts.Entries, func(e entryFacts) bool { return e.Name == "" }) {
		p.line("## Config\n")
		p.fields(p.manifest.Config)
	}
}

func (p *nodePage) needs() {
	m := p.manifest
	if len(m.Capabilities) > 0 {
		p.line("## Capabilities\n")
		p.line("The node does nothing without a grant of each:\n")
		for _, c := range m.Capabilities {
			p.line("- %s", inlineCode(c))
		}
		p.line("")
	}
	l := m.Limits
	if l == (module.ManifestLimits{}) {
		return
	}
	p.line("## Limits\n")
	p.line("The author suggests %s.\n", limitsText(l))
}

func limitsText(l module.ManifestLimits) string {
	var parts []string
	if l.Fuel > 0 {
		parts = append(parts, thousands(l.Fuel)+" fuel")
	}
	if l.MemoryBytes > 0 {
		parts = append(parts, thousands(l.MemoryBytes)+" bytes of memory")
	}
	if l.Timeout > 0 {
		parts = append(parts, l.Timeout.String())
	}
	return strings.Join(parts, ", ")
}

// markdown is text as a page shows it: on one line, and no character of it means
// anything to Markdown or HTML.
func markdown(text string) string {
	text = strings.Join(strings.Fields(printable(text)), " ")
	var out strings.Builder
	for n, r := range text {
		switch {
		case strings.ContainsRune("\\`*_[]<>&|~#!$@", r),
			r == ':' && strings.HasPrefix(text[n:], "://"), // else it becomes a link by itself
			n == 0 && strings.ContainsRune("+-=", r),
			(r == '.' || r == ')') && strings.Trim(text[:n], "0123456789") == "":
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// inlineCode is a code span, also in a table.
func inlineCode(text string) string {
	text = strings.Join(strings.Fields(printable(text)), " ")
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || text == "" {
		text = " " + text + " "
	}
	return fence + text + fence
}

// cellCode is inlineCode within a table, where a bar must be escaped even there.
func cellCode(text string) string { return strings.ReplaceAll(inlineCode(text), "|", `\|`) }
