package plan

// What the schema of a config tells the host about a key, beside what its value may be.
//
// "chainrun:output_schema": true says that the value is the JSON Schema of the node's
// output: that of std:extract, for one. What such a node returns is held to it without
// the author saying so twice, and the other way round the node is told of the
// output_schema that the author wrote.
//
// "chainrun:capability": "llm.chat" says that the value, or else the key's default, is
// the name of a capability that the node needs, and "chat" the method: so a node that
// asks for a capability under the name that its config gives is known to need it.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
)

const (
	outputSchemaKeyword = "chainrun:output_schema"
	capabilityKeyword   = "chainrun:capability"
)

// bindOutputConfig adds the schema in a node's config to those of its output. Where
// there is none, the author's output_schema becomes the config's.
func (l *linker) bindOutputConfig(p *Node, m *entrySchemas) {
	key := outputSchemaKey(m.config)
	if key == "" || !p.Config.IsZero() && p.Config.Kind() != document.KindObject {
		return
	}
	if given, ok := field(p.Config, key); ok {
		s, err := schema.Compile(fmt.Sprintf("node %q: config.%s", p.Name, key), given.Bytes(), nil)
		if err != nil {
			l.report(graph.Error, p.ConfigPlaces.Find("/"+pointerToken.Replace(key), keyOf(p.Node, "config")), CodeInvalidConfig,
				err.Error(), "it is the JSON Schema of the node's output; a schema that lies in a file belongs into output_schema")
			return
		}
		p.OutSchemas = append(p.OutSchemas, s)
		return
	}
	if p.Out.Schema == nil {
		return
	}
	own := *p.Node
	own.Config = document.Object(append(fields(p.Config), document.Field{Key: key, Value: p.Out.Schema.Source()})...)
	p.Node = &own
}

// outputSchemaKey is the marked key; "" where there is none.
func outputSchemaKey(config *schema.Schema) string {
	if config == nil {
		return ""
	}
	properties, _ := field(config.Source(), "properties")
	for _, f := range fields(properties) {
		if mark, ok := field(f.Value, outputSchemaKeyword); ok && mark.String() == "true" {
			return f.Key
		}
	}
	return ""
}

// needs gives what a node cannot do without: what its module's manifest lists, and
// what its config names.
func needs(n *Node) []string {
	if n.Manifest == nil {
		return nil
	}
	list := slices.Clone(n.Manifest.Capabilities)
	config, err := document.Parse(n.Manifest.Entry(n.Entry).Config, document.Limits{})
	if err != nil {
		return list // none, or one that was complained about
	}
	properties, _ := field(config, "properties")
	for _, f := range fields(properties) {
		mark, _ := field(f.Value, capabilityKeyword)
		need, ok := text(mark)
		if !ok {
			continue
		}
		name, method, whole := strings.Cut(need, ".")
		otherwise, _ := field(f.Value, "default")
		given, _ := field(n.Config, f.Key)
		for _, d := range []document.Document{otherwise, given} {
			if s, ok := text(d); ok && s != "" {
				name = s
			}
		}
		if whole {
			name += "." + method
		}
		list = append(list, name)
	}
	return list
}

// fields are those of an object; none of what is no object.
func fields(d document.Document) []document.Field {
	if d.IsZero() || d.Kind() != document.KindObject {
		return nil
	}
	return d.Fields()
}

func field(d document.Document, key string) (document.Document, bool) {
	for _, f := range fields(d) {
		if f.Key == key {
			return f.Value, true
		}
	}
	return document.Document{}, false
}
