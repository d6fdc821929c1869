package llm

// This file speaks Anthropic's API through Anthropic's client. Its service is
// made without its Client, which reads the environment and its owner's files.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/param"
)

// anthropicTokens is what an answer may have where nobody says it: this API
// wants to be told.
const anthropicTokens = 4096

func anthropicOptions(t *target, x *exchange) []option.RequestOption {
	options := []option.RequestOption{
		option.WithoutOpenTelemetry(),
		option.WithBaseURL(t.baseURL + "/"),
		option.WithHTTPClient(x),
		option.WithMaxRetries(0),
		option.WithHeader("Idempotency-Key", x.key),
	}
	if t.key != "" {
		options = append(options, option.WithAPIKey(t.key))
	}
	for _, h := range t.headers {
		options = append(options, option.WithHeader(h[0], h[1]))
	}
	return options
}

// anthropicChat asks and fills r.
func anthropicChat(ctx context.Context, t *target, x *exchange, c *conversation, r *reply) error {
	params, err := anthropicParams(t, c)
	if err != nil {
		return err
	}
	service := anthropic.NewMessageService(anthropicOptions(t, x)...)
	if !c.stream {
		// The client refuses long answers without streaming unless it is given a
		// time; the call's context is the one that counts.
		answer, err := service.New(ctx, params, option.WithRequestTimeout(24*time.Hour))
		if err != nil {
			return err
		}
		return anthropicWhole(answer, r)
	}
	stream := service.NewStreaming(ctx, params)
	defer func() { _ = stream.Close() }() // nothing is left to be read
	var ended bool
	var used anthropicUsed
	for !ended && stream.Next() {
		event := stream.Current()
		if ended, err = anthropicEvent(&event, r, &used); err != nil {
			return err
		}
	}
	used.to(r)
	err = stream.Err()
	switch {
	case ended:
		return nil
	case err != nil && (r.finish == "" || errors.Is(err, errTooLarge)):
		return err
	case r.finish == "":
		return errCut
	}
	return nil // only the end's own event is missing
}

func anthropicParams(t *target, c *conversation) (anthropic.MessageNewParams, error) {
	p := anthropic.MessageNewParams{Model: t.model, MaxTokens: anthropicTokens, StopSequences: c.Stop}
	if c.maxTokens > 0 {
		p.MaxTokens = c.maxTokens
	}
	var err error
	if p.System, p.Messages, err = anthropicMessages(c.Messages); err != nil {
		return p, err
	}
	for _, tool := range c.Tools {
		schema := tool.Parameters
		if len(schema) == 0 {
			schema = json.RawMessage(`{"type":"object"}`)
		}
		u := &anthropic.ToolParam{
			Name: tool.Name,
			// A map would lose the order of keys.
			InputSchema: param.Override[anthropic.ToolInputSchemaParam](schema),
		}
		if tool.Description != "" {
			u.Description = param.NewOpt(tool.Description)
		}
		p.Tools = append(p.Tools, anthropic.ToolUnionParam{OfTool: u})
	}
	switch {
	case c.ToolChoice.name != "":
		p.ToolChoice.OfTool = &anthropic.ToolChoiceToolParam{Name: c.ToolChoice.name}
	case c.ToolChoice.mode == "auto":
		p.ToolChoice.OfAuto = &anthropic.ToolChoiceAutoParam{}
	case c.ToolChoice.mode == "required":
		p.ToolChoice.OfAny = &anthropic.ToolChoiceAnyParam{}
	case c.ToolChoice.mode == "none":
		p.ToolChoice.OfNone = &anthropic.ToolChoiceNoneParam{}
	}
	if c.structured == structuredSchema {
		p.OutputConfig.Format = param.Override[anthropic.JSONOutputFormatParam](
			map[string]any{"type": "json_schema", "schema": c.Schema})
	}
	if c.Temperature != nil {
		p.Temperature = param.NewOpt(*c.Temperature)
	}
	if c.TopP != nil {
		p.TopP = param.NewOpt(*c.TopP)
	}
	if len(t.Extra) > 0 {
		p.SetExtraFields(extras(t.Extra))
	}
	return p, nil
}

// anthropicMessages takes system messages out, and puts the results of tools and
// what follows them into one message, as this API wants it.
func anthropicMessages(messages []message) (system []anthropic.TextBlockParam, list []anthropic.MessageParam, err error) {
	add := func(role anthropic.MessageParamRole, blocks []anthropic.ContentBlockParamUnion) {
		switch n := len(list) - 1; {
		case len(blocks) == 0:
		case n >= 0 && list[n].Role == role:
			list[n].Content = append(list[n].Content, blocks...)
		default:
			list = append(list, anthropic.MessageParam{Role: role, Content: blocks})
		}
	}
	for i, m := range messages {
		switch m.Role {
		case roleSystem:
			if text := m.Content.text(); text != "" {
				system = append(system, anthropic.TextBlockParam{Text: text})
			}
		case roleTool:
			add(anthropic.MessageParamRoleUser, []anthropic.ContentBlockParamUnion{
				anthropic.NewToolResultBlock(m.ToolCallID, m.Content.text(), false),
			})
		case roleAssistant:
			blocks := anthropicParts(m.Content)
			for j, c := range m.ToolCalls {
				arguments := json.RawMessage(c.Arguments)
				if strings.TrimSpace(c.Arguments) == "" {
					arguments = json.RawMessage("{}")
				}
				var object map[string]json.RawMessage
				if json.Unmarshal(arguments, &object) != nil {
					return nil, nil, invalidRequest("messages[%d].tool_calls[%d]: Anthropic's API takes arguments only where they are a JSON object", i, j)
				}
				blocks = append(blocks, anthropic.NewToolUseBlock(c.ID, arguments, c.Name))
			}
			add(anthropic.MessageParamRoleAssistant, blocks)
		default:
			add(anthropic.MessageParamRoleUser, anthropicParts(m.Content))
		}
	}
	if len(list) == 0 {
		return nil, nil, invalidRequest("messages: Anthropic's API wants at least one message of role user")
	}
	return system, list, nil
}

func anthropicParts(c content) []anthropic.ContentBlockParamUnion {
	var blocks []anthropic.ContentBlockParamUnion
	for _, p := range c.parts {
		switch {
		case p.Type == "image":
			blocks = append(blocks, anthropicImage(p.URL))
		case p.Text != "": // this API refuses empty texts
			blocks = append(blocks, anthropic.NewTextBlock(p.Text))
		}
	}
	return blocks
}

func anthropicImage(url string) anthropic.ContentBlockParamUnion {
	if rest, ok := strings.CutPrefix(url, "data:"); ok {
		if media, data, ok := strings.Cut(rest, ";base64,"); ok {
			return anthropic.NewImageBlockBase64(media, data)
		}
	}
	return anthropic.NewImageBlock(anthropic.URLImageSourceParam{URL: url})
}

func anthropicWhole(answer *anthropic.Message, r *reply) error {
	if answer == nil || answer.Role != "assistant" && len(answer.Content) == 0 && answer.StopReason == "" {
		return &exchangeError{reason: "invalid_answer", text: "the answer is no message", retryable: true}
	}
	r.model = answer.Model
	used := anthropicUsed{}
	used.see(answer.JSON.Usage.Valid(), answer.Usage.InputTokens, answer.Usage.CacheCreationInputTokens, answer.Usage.CacheReadInputTokens, answer.Usage.OutputTokens)
	used.to(r)
	r.finish = anthropicFinish(string(answer.StopReason))
	for i, b := range answer.Content {
		var err error
		switch b.Type {
		case "text":
			err = r.addText(b.Text)
		case "tool_use":
			err = r.addCall(int64(i), b.ID, b.Name, string(b.Input))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// anthropicEvent reads one event of a stream and says whether it was the last.
func anthropicEvent(e *anthropic.MessageStreamEventUnion, r *reply, used *anthropicUsed) (ended bool, err error) {
	switch e.Type {
	case "message_start":
		r.model = e.Message.Model
		u := e.Message.Usage
		used.see(e.Message.JSON.Usage.Valid(), u.InputTokens, u.CacheCreationInputTokens, u.CacheReadInputTokens, u.OutputTokens)
	case "content_block_start":
		switch e.ContentBlock.Type {
		case "text":
			return false, r.addText(e.ContentBlock.Text)
		case "tool_use":
			return false, r.addCall(e.Index, e.ContentBlock.ID, e.ContentBlock.Name, "")
		}
	case "content_block_delta":
		switch e.Delta.Type {
		case "text_delta":
			return false, r.addText(e.Delta.Text)
		case "input_json_delta":
			return false, r.addCall(e.Index, "", "", e.Delta.PartialJSON)
		}
	case "message_delta":
		if e.Delta.StopReason != "" {
			r.finish = anthropicFinish(string(e.Delta.StopReason))
		}
		used.see(e.JSON.Usage.Valid(), e.Usage.InputTokens, e.Usage.CacheCreationInputTokens, e.Usage.CacheReadInputTokens, e.Usage.OutputTokens)
	case "message_stop":
		return true, nil
	}
	return false, nil
}

// anthropicUsed keeps the usage, whose counts are cumulative over a stream.
type anthropicUsed struct{ input, output int64 }

func (u *anthropicUsed) see(valid bool, input, created, read, output int64) {
	if !valid || input < 0 || created < 0 || read < 0 || output < 0 || max(input, created, read, output) > maxCount {
		return
	}
	u.input = max(u.input, input+created+read)
	u.output = max(u.output, output)
}

func (u *anthropicUsed) to(r *reply) {
	if u.output > 0 {
		r.setUsage(u.input, u.output)
	}
}

func anthropicFinish(reason string) string {
	switch reason {
	case "":
		return ""
	case "end_turn", "stop_sequence":
		return finishStop
	case "max_tokens", "model_context_window_exceeded":
		return finishLength
	case "tool_use":
		return finishTools
	case "refusal":
		return finishFiltered
	}
	return finishOther
}

// anthropicStreamError reads an error that came in the middle of a stream.
func anthropicStreamError(kind, raw string) *exchangeError {
	codes := map[string]int{
		"rate_limit_error": 429, "overloaded_error": 529, "api_error": 500, "timeout_error": 504,
		"invalid_request_error": 400, "authentication_error": 401, "permission_error": 403, "not_found_error": 404,
		"request_too_large": 413, "billing_error": 402,
	}
	return streamError(codes[kind], errorText([]byte(raw)))
}
