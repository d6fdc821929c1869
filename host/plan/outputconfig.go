package plan

// Nodes whose config has the schema of their output: std:extract, for one. What such a
// node returns is held to it without the author saying so twice, and the other way
// round the node is told of the output_schema that the author wrote.

import (
	"fmt"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
)

// outputSchemaKeyword marks, in the schema of a config, the key whose value is the
// JSON Schema of the node's output.
const outputSchemaKeyword = "chainrun:output_schema"

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
