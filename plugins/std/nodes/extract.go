package nodes

// std:extract: a language model answers with JSON that a schema describes. Whether it
// does is for the host to say: the schema is the node's output schema, too, and what
// breaks it comes back as feedback, which the model is told.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type extractConfig struct {
	Schema   outputSchema     `json:"schema,omitzero" jsonschema_description:"the JSON Schema of the answer, which is the node's output; where it is missing it is the node's output_schema."`
	System   string           `json:"system,omitempty" jsonschema_description:"a template: what the model is to do."`
	Prompt   string           `json:"prompt,omitempty" jsonschema_description:"a template: what the user says; without it the input, as it is."`
	Examples []extractExample `json:"examples,omitempty" jsonschema_description:"answers that are right."`
	Name     string           `json:"name,omitempty" jsonschema:"default=answer" jsonschema_description:"what the schema is called."`
	Show     *bool            `json:"show_schema,omitempty" jsonschema:"default=true" jsonschema_description:"the model reads the schema; false where the server holds it to the schema by itself."`
	modelConfig
}

// outputSchema is a schema of which the host knows that the output holds to it.
type outputSchema struct{ jsonSchema }

// JSONSchema implements node.Schemer.
func (outputSchema) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":["object","boolean"],"chainrun:output_schema":true}`)
}

type extractExample struct {
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output"`
}

func extractNode(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	conf, err := node.Config[extractConfig](ctx)
	if err != nil {
		return nil, err
	}
	if len(conf.Schema.jsonSchema) == 0 {
		return nil, node.Errorf("bad_config", "there is no schema: write one in the config, or as the node's output_schema")
	}
	messages, err := conf.conversation(input)
	if err != nil {
		return nil, err
	}
	answer, err := conf.ask(ctx, chatRequest{
		Messages: complain(messages, node.Feedback(ctx)), Schema: conf.Schema.jsonSchema, Name: cmp.Or(conf.Name, "answer"),
	})
	if err != nil {
		return nil, err
	}
	text, err := answer.text()
	if err != nil {
		return nil, err
	}
	return found(text), nil
}

// conversation is the instructions, the examples as turns that went well, and the
// input.
func (c extractConfig) conversation(input json.RawMessage) ([]chatMessage, error) {
	data, err := templateData(input)
	if err != nil {
		return nil, err
	}
	r := rendering{missing: c.Missing}
	prompt := cmp.Or(c.Prompt, "{{.}}")
	system, err := render("system", c.System, data, r)
	if err != nil {
		return nil, err
	}
	if c.Show == nil || *c.Show {
		system = strings.TrimSpace(system + "\n\nAnswer with one JSON document and nothing else. It must be valid by this JSON Schema:\n" + string(c.Schema.jsonSchema))
	}
	var list []chatMessage
	if system != "" {
		list = append(list, chatMessage{"system", system})
	}
	for i, e := range c.Examples {
		example, err := templateData(e.Input)
		if err != nil {
			return nil, err
		}
		said, err := render(fmt.Sprintf("prompt of examples[%d]", i), prompt, example, r)
		if err != nil {
			return nil, err
		}
		list = append(list, chatMessage{"user", said}, chatMessage{"assistant", string(e.Output)})
	}
	said, err := render("prompt", prompt, data, r)
	if err != nil {
		return nil, err
	}
	return append(list, chatMessage{"user", said}), nil
}
