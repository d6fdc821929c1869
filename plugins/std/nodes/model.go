package nodes

// What std:prompt and std:extract share: how a model is asked.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// modelConfig says which model is asked, and how.
type modelConfig struct {
	Capability  llmName  `json:"capability,omitzero" jsonschema_description:"the name of the grant."`
	Model       string   `json:"model,omitempty"`
	Endpoint    string   `json:"endpoint,omitempty"`
	Temperature *float64 `json:"temperature,omitempty" jsonschema:"minimum=0"`
	TopP        *float64 `json:"top_p,omitempty" jsonschema:"minimum=0,maximum=1"`
	MaxTokens   int      `json:"max_tokens,omitempty" jsonschema:"minimum=1"`
	Seed        *int64   `json:"seed,omitempty"`
	Stop        []string `json:"stop,omitempty"`
	Missing     string   `json:"missing,omitempty" jsonschema:"enum=error,enum=empty,default=error" jsonschema_description:"what a key that is not there gives in a template."`
}

// chatMessage is one of llm.chat.
type chatMessage struct {
	Role    string `json:"role" jsonschema:"enum=system,enum=user,enum=assistant"`
	Content any    `json:"content" jsonschema_description:"a template, or parts as llm.chat has them; strings in there are templates."`
}

// chatRequest is one of llm.chat.
type chatRequest struct {
	Messages    []chatMessage `json:"messages"`
	Model       string        `json:"model,omitempty"`
	Endpoint    string        `json:"endpoint,omitempty"`
	Name        string        `json:"name,omitempty"`
	Schema      jsonSchema    `json:"schema,omitempty"`
	Temperature *float64      `json:"temperature,omitempty"`
	TopP        *float64      `json:"top_p,omitempty"`
	MaxTokens   int           `json:"max_tokens,omitempty"`
	Seed        *int64        `json:"seed,omitempty"`
	Stop        []string      `json:"stop,omitempty"`
}

// chatAnswer is what of an answer is looked at.
type chatAnswer struct {
	Content      string `json:"content"`
	Refusal      string `json:"refusal"`
	FinishReason string `json:"finish_reason"`

	whole json.RawMessage
}

func (c modelConfig) ask(ctx context.Context, r chatRequest) (chatAnswer, error) {
	r.Model, r.Endpoint, r.Temperature, r.TopP = c.Model, c.Endpoint, c.Temperature, c.TopP
	r.MaxTokens, r.Seed, r.Stop = c.MaxTokens, c.Seed, c.Stop
	var a chatAnswer
	if err := node.Call(ctx, cmp.Or(string(c.Capability), "llm"), "chat", r, &a.whole); err != nil {
		return a, err
	}
	if err := json.Unmarshal(a.whole, &a); err != nil {
		return a, node.Errorf("bad_answer", "the model's answer does not decode: %w", err)
	}
	return a, nil
}

// text is what the model wrote, where it wrote all that it wanted to.
func (a chatAnswer) text() (string, error) {
	switch {
	case a.Refusal != "":
		return "", node.Errorf("refused", "the model refuses: %s", a.Refusal)
	case a.FinishReason == "content_filter":
		return "", node.Errorf("filtered", "the endpoint's filter took the answer away")
	case a.FinishReason == "length":
		return "", node.Errorf("cut_answer", "the answer was cut off after max_tokens: …%s", lastOf(a.Content, 60))
	}
	return a.Content, nil
}

func lastOf(s string, n int) string { return strings.ToValidUTF8(s[max(0, len(s)-n):], "") }

// complain tells a model what was wrong with its last answer: in front of the last
// thing that the user says, because what stands behind it small models take for a
// part of it.
func complain(messages []chatMessage, feedback []node.Violation) []chatMessage {
	if len(feedback) == 0 {
		return messages
	}
	var b strings.Builder
	b.WriteString("Your last answer was refused:\n")
	for _, v := range feedback {
		fmt.Fprintf(&b, "- %s: %s\n", cmp.Or(v.Pointer, "the answer"), v.Message)
	}
	b.WriteString("Answer by the rules this time.\n\n")
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role != "user" {
			continue
		}
		switch content := messages[i].Content.(type) {
		case string:
			messages[i].Content = b.String() + content
		case []any:
			messages[i].Content = append([]any{map[string]any{"type": "text", "text": b.String()}}, content...)
		}
		return messages
	}
	return append(messages, chatMessage{"user", strings.TrimSpace(b.String())})
}

// found is the JSON in what a model wrote: all of it, else what it fenced off, else
// the first object or list in it. Without any it is what the model wrote: whether that
// is JSON is for the output schema to say.
func found(text string) json.RawMessage {
	if _, after, ok := strings.Cut(text, "</think>"); ok {
		text = after
	}
	text = strings.TrimSpace(text)
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	if _, fenced, ok := strings.Cut(text, "```"); ok {
		inside, _, _ := strings.Cut(fenced, "```")
		if at := strings.IndexAny(inside, "{[\"\n"); at >= 0 {
			if doc := strings.TrimSpace(inside[at:]); json.Valid([]byte(doc)) {
				return json.RawMessage(doc)
			}
		}
	}
	rest := text
	for range 32 { // brackets in what a model says beside its answer
		at := strings.IndexAny(rest, "{[")
		if at < 0 {
			break
		}
		var doc json.RawMessage
		if json.NewDecoder(strings.NewReader(rest[at:])).Decode(&doc) == nil {
			return bytes.TrimSpace(doc)
		}
		rest = rest[at+1:]
	}
	return json.RawMessage(text)
}

// rendered renders the strings in a document; keys stay as they are.
func rendered(name string, v, data any, r rendering) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return render(name, v, data, r)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			if list[i], err = rendered(fmt.Sprintf("%s[%d]", name, i), e, data, r); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(v))
		for _, k := range sorted(v) {
			if object[k], err = rendered(name+"."+k, v[k], data, r); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return v, nil
}
