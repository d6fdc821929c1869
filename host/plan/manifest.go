package plan

// What a module's manifest says of the entry that a node calls: schemas of its
// input, output and config.

import (
	"fmt"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
)

// entrySchemas are what a manifest says of one entry; nil where it says nothing.
type entrySchemas struct {
	in, out, config *schema.Schema

	complaint // where one of them cannot be used
}

// entry compiles the schemas of an entry when the first node uses it.
func (m *linked) entry(file, name string) *entrySchemas {
	prefix := ""
	if m.manifest == nil {
		return &entrySchemas{}
	} else if _, named := m.manifest.Entries[name]; named && name != "" {
		prefix = "entries." + name + "."
	} else {
		name = "" // as the main one
	}
	if e := m.entries[name]; e != nil {
		return e
	}
	e, says := &entrySchemas{}, m.manifest.Entry(name)
	for _, s := range []struct {
		name   string
		source []byte
		into   **schema.Schema
	}{{"input", says.Input, &e.in}, {"output", says.Output, &e.out}, {"config", says.Config, &e.config}} {
		if len(s.source) == 0 {
			continue
		}
		var err error
		if *s.into, err = schema.Compile(file+" (manifest, "+prefix+s.name+")", s.source, nil); err != nil {
			e.complaint = refused(file, CodeInvalidManifest, err).complaint
			break
		}
	}
	if m.entries == nil {
		m.entries = map[string]*entrySchemas{}
	}
	m.entries[name] = e
	return e
}

// bindSchemas gives a node the author's schemas and the module's, and holds the
// config against the latter.
func (l *linker) bindSchemas(p *Node, m *entrySchemas) {
	for _, s := range []*schema.Schema{p.In.Schema, m.in} {
		if s != nil {
			p.InSchemas = append(p.InSchemas, s)
		}
	}
	for _, s := range []*schema.Schema{p.Out.Schema, m.out} {
		if s != nil {
			p.OutSchemas = append(p.OutSchemas, s)
		}
	}
	if m.config == nil {
		return
	}
	l.bindOutputConfig(p, m)
	config := p.Config
	if config.IsZero() {
		config = emptyConfig
	}
	for _, v := range m.config.Validate(config) {
		at := p.ConfigPlaces.Find(v.Pointer, keyOf(p.Node, "config"))
		l.report(graph.Error, at, CodeInvalidConfig,
			fmt.Sprintf("node %q: config: %s breaks the module's schema at %q: %s, found %s", p.Name, v.Keyword, v.Pointer, v.Message, v.Found),
			"`chainrun node doc` says what the module takes")
	}
}
