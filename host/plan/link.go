package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/runtime/module"
)

// Link reads every module that g names, once, and binds nodes to modules and
// schemas. All complaints are returned at once, in the order of the files; the
// plan is nil if one of them is an error. Modules are not compiled: that is the invoker's part. The offers
// are what grants may name; nil: nothing.
func Link(g *graph.Graph, read Reader, offers Offers) (*Plan, graph.Diagnostics) {
	return link(g, read, offers, false)
}

// LinkAnswered is [Link] of a graph whose calls are answered by somebody who asks
// nobody: what a module needs and its node is not granted does not matter.
func LinkAnswered(g *graph.Graph, read Reader, offers Offers) (*Plan, graph.Diagnostics) {
	return link(g, read, offers, true)
}

func link(g *graph.Graph, read Reader, offers Offers, answered bool) (*Plan, graph.Diagnostics) {
	l := newLinker(read, offers)
	p := l.plan(g, ".")
	if !l.diagnostics.Failed() {
		l.diagnostics = append(l.diagnostics, proveAll(p, offers, answered, map[*Plan]bool{})...)
	}
	l.diagnostics.Sort()
	if l.diagnostics.Failed() {
		return nil, l.diagnostics
	}
	return p, l.diagnostics
}

func newLinker(read Reader, offers Offers) *linker {
	return &linker{read: read, offers: offers, modules: map[string]*linked{}, plans: map[inner]*Plan{}, keys: map[string]*keys{}}
}

// inner is a graph at its place: its modules are found from its folder.
type inner struct {
	graph  *graph.Graph
	folder string
}

// plan links a graph whose file lies in a folder, counted from the outermost
// graph's, and those inside it, each once.
func (l *linker) plan(g *graph.Graph, folder string) *Plan {
	key := inner{g, folder}
	if p := l.plans[key]; p != nil {
		return p
	}
	p := &Plan{Graph: g, Nodes: make([]*Node, len(g.Nodes))}
	l.plans[key] = p
	w := l.world(g)
	for _, n := range g.Nodes {
		switch n.Kind {
		case graph.KindModule:
			linked := l.link(n, folder)
			linked.Granted = slices.DeleteFunc(w.grants(n), func(g *Grant) bool { return !linked.asks(g.Capability) })
			p.Nodes[n.Index] = linked
		case graph.KindGraph, graph.KindWait:
			p.Nodes[n.Index] = l.without(n, folder)
		}
	}
	w.exposed()
	p.Secrets = w.usedSecrets()
	if !l.diagnostics.Failed() {
		p.Digest = digest(p)
	}
	return p
}

// without binds a node that has no module.
func (l *linker) without(n *graph.Node, folder string) *Node {
	p := &Node{Node: n}
	if n.Sub != nil {
		p.Sub = l.plan(n.Sub, path.Dir(path.Join(folder, n.Graph)))
	}
	l.bindSchemas(p, &entrySchemas{})
	return p
}

type linker struct {
	read        Reader
	offers      Offers
	modules     map[string]*linked // by the name in the graph, so that a shared file is read once
	plans       map[inner]*Plan
	keys        map[string]*keys // of schemas of capabilities, by their source
	searches    int
	recorded    bool          // the plan is for a replay, see LinkRecorded
	own         map[term]bool // and these keys are supposed to be own ones of what is not there
	diagnostics graph.Diagnostics
}

// linked is a module file as it was found: usable, or with the reason why not.
type linked struct {
	module   *module.Module
	abi      module.ABI
	manifest *module.Manifest
	entries  map[string]*entrySchemas // those that nodes use, by name in the manifest

	complaint // where it cannot be used
}

// complaint is what is wrong with a module; without a code, nothing.
type complaint struct{ code, text, hint string }

func (l *linker) report(severity graph.Severity, at graph.Position, code, text, hint string) {
	l.diagnostics = append(l.diagnostics, graph.Diagnostic{Position: at, Code: code, Severity: severity, Text: text, Hint: hint})
}

func (l *linker) complain(n *graph.Node, key, code, text, hint string) {
	at, ok := n.Position[key]
	if !ok {
		at = n.At
	}
	l.report(graph.Error, at, code, fmt.Sprintf("node %q: %s: %s", n.Name, key, text), hint)
}

func (l *linker) link(n *graph.Node, folder string) *Node {
	p := &Node{Node: n, Entry: n.Entry}
	ref, err := parseReference(n.Module)
	if err != nil {
		l.complain(n, "module", CodeModuleReference, err.Error(), `write a path such as "nodes/parse.wasm"`)
		return p
	}
	file := ref.name
	if ref.scheme == "" {
		file = inFolder(folder, file)
	}
	m, ok := l.modules[file]
	if !ok {
		m = l.open(file)
		l.modules[file] = m
	}
	if m.code != "" {
		l.complain(n, "module", m.code, m.text, m.hint)
		return p
	}
	if ref.digest != "" && ref.digest != m.module.Digest {
		l.complain(n, "module", CodeModuleDigest,
			fmt.Sprintf("%q has the digest %s, but the graph pins %s", ref.name, m.module.Digest, ref.digest),
			"if you trust the file as it is now, write its digest")
		return p
	}
	p.Linked, p.ABI, p.Manifest = m.module, m.abi, m.manifest
	if p.Entry == "" && slices.Contains(m.module.Entries(), ref.entry()) {
		p.Entry = ref.entry()
	}
	if p.Entry == "" && p.ABI == module.ABIExtism {
		p.Entry = onlyEntry(m.module)
	}
	if !l.checkEntry(p, m) {
		return p
	}
	e := m.entry(file, p.Entry)
	if e.code != "" {
		l.complain(n, "module", e.code, e.text, e.hint)
		return p
	}
	l.bindSchemas(p, e)
	l.checkSettings(p)
	return p
}

// inFolder is the path of a file from the outermost graph's folder. What the
// outermost graph says stays as it was written.
func inFolder(folder, name string) string {
	if folder == "." || path.IsAbs(name) || filepath.IsAbs(name) {
		return name
	}
	return path.Join(folder, filepath.ToSlash(name))
}

// open reads one module file. What is wrong with it is kept, so that every node
// that names it complains at its own line.
func (l *linker) open(name string) *linked {
	wasm, err := l.read(name)
	var reference *ReferenceError
	switch {
	case errors.As(err, &reference):
		return &linked{complaint: complaint{code: reference.Code, text: fmt.Sprintf("%q: %s", name, reference.Text), hint: reference.Hint}}
	case errors.Is(err, fs.ErrNotExist):
		return &linked{complaint: complaint{
			code: CodeModuleNotFound, text: fmt.Sprintf("%q: no such file", name),
			hint: "paths are relative to the graph's file; build the node first if it has a source",
		}}
	case err != nil:
		return &linked{complaint: complaint{code: CodeModuleUnreadable, text: fmt.Sprintf("%q: %v", name, err), hint: "check the file and its permissions"}}
	}
	for _, other := range l.modules { // one file may hold the modules of many names
		if other.module != nil && bytes.Equal(other.module.Bytes, wasm) {
			return other
		}
	}
	m, err := module.Read(wasm)
	if err != nil {
		return refused(name, CodeInvalidModule, err)
	}
	abi, err := m.ABI()
	if err != nil {
		return refused(name, CodeUnsupportedModule, err)
	}
	found := &linked{module: m, abi: abi}
	if found.manifest, err = m.Manifest(); err != nil {
		return refused(name, CodeInvalidManifest, err)
	}
	return found
}

// refused turns a reader's error into a complaint, with its hint where it has
// one.
func refused(name, code string, err error) *linked {
	l := &linked{complaint: complaint{code: code}}
	text := err.Error()
	var format *module.FormatError
	var unsupported *module.UnsupportedError
	switch {
	case errors.As(err, &format):
		l.hint = format.Hint
	case errors.As(err, &unsupported):
		text, l.hint = unsupported.Found, unsupported.Hint // its Error says both
	}
	l.text = fmt.Sprintf("%q: %s", name, text)
	if l.hint == "" {
		l.hint = "`chainrun node inspect` shows what the file holds"
	}
	return l
}

// checkEntry reports whether the module has the entry that the node calls.
func (l *linker) checkEntry(n *Node, m *linked) bool {
	entries := m.module.Entries()
	if slices.Contains(entries, n.Entry) {
		return true
	}
	var named []string
	for _, e := range entries {
		if e != "" {
			named = append(named, e)
		}
	}
	text, hint := fmt.Sprintf("%q has no entry %q", n.Module, n.Entry), "leave `entry` out to use its default entry"
	if len(named) > 0 {
		hint = "it has " + strings.Join(named, ", ")
	}
	if n.Entry == "" {
		text = fmt.Sprintf("%q has no default entry", n.Module)
	}
	l.complain(n.Node, "entry", CodeUnknownEntry, text, hint)
	return false
}
