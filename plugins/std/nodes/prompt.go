package nodes

// std:prompt: a language model is asked, in words that a template makes of the input.

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type promptConfig struct {
	Prompt   string        `json:"prompt,omitempty" jsonschema_description:"a template: what the user says."`
	System   string        `json:"system,omitempty" jsonschema_description:"a template: what stands above all."`
	Messages []chatMessage `json:"messages,omitempty" jsonschema_description:"in place of prompt, or before it: a conversation."`
	As       string        `json:"as,omitempty" jsonschema:"enum=text,enum=json,enum=answer,default=text" jsonschema_description:"the output is what the model wrote, the JSON in there, or the whole answer of llm.chat."`
	modelConfig
}

func promptNode(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	conf, err := node.Config[promptConfig](ctx)
	if err != nil {
		return nil, err
	}
	data, err := templateData(input)
	if err != nil {
		return nil, err
	}
	messages, err := conf.conversation(data)
	if err != nil {
		return nil, err
	}
	answer, err := conf.ask(ctx, chatRequest{Messages: complain(messages, node.Feedback(ctx))})
	if err != nil {
		return nil, err
	}
	if conf.As == "answer" {
		return answer.whole, nil
	}
	text, err := answer.text()
	if err != nil {
		return nil, err
	}
	if conf.As == "json" {
		return found(text), nil
	}
	return encode(text)
}

func (c promptConfig) conversation(data any) ([]chatMessage, error) {
	var list []chatMessage
	r := rendering{missing: c.Missing}
	if c.System != "" {
		text, err := render("system", c.System, data, r)
		if err != nil {
			return nil, err
		}
		list = append(list, chatMessage{"system", text})
	}
	for i, m := range c.Messages {
		content, err := rendered(fmt.Sprintf("messages[%d]", i), m.Content, data, r)
		if err != nil {
			return nil, err
		}
		list = append(list, chatMessage{m.Role, content})
	}
	if c.Prompt != "" {
		text, err := render("prompt", c.Prompt, data, r)
		if err != nil {
			return nil, err
		}
		list = append(list, chatMessage{"user", text})
	}
	if len(list) == 0 {
		return nil, node.Errorf("bad_config", "there is nothing to say: expected a prompt, or messages")
	}
	return list, nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
