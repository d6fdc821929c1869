package llm

// This file speaks OpenAI's API through OpenAI's client. Its services are made
// without its Client, which reads the environment.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/packages/respjson"
	"github.com/openai/openai-go/v3/shared"
)

func openaiOptions(t *target, x *exchange) []option.RequestOption {
	options := []option.RequestOption{
		option.WithBaseURL(t.baseURL),
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

// openaiChat asks and fills r.
func openaiChat(ctx context.Context, t *target, x *exchange, c *conversation, r *reply) error {
	service := openai.NewChatCompletionService(openaiOptions(t, x)...)
	params := openaiParams(t, c)
	if !c.stream {
		answer, err := service.New(ctx, params)
		if err != nil {
			return err
		}
		return openaiWhole(answer, r)
	}
	params.StreamOptions.IncludeUsage = param.NewOpt(true)
	stream := service.NewStreaming(ctx, params)
	defer func() { _ = stream.Close() }() // nothing is left to be read
	for stream.Next() {
		if err := openaiChunk(stream.Current(), r); err != nil {
			return err
		}
	}
	err := stream.Err()
	switch {
	case err != nil && r.finish != "" && errors.Is(err, errTooLarge):
		return err
	case r.finish != "":
		return nil // all that matters has come
	case err != nil:
		return err
	case !x.body.done():
		return errCut
	}
	return nil
}

func openaiParams(t *target, c *conversation) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{Model: t.model}
	for _, m := range c.Messages {
		p.Messages = append(p.Messages, openaiMessage(m))
	}
	for _, tool := range c.Tools {
		f := shared.FunctionDefinitionParam{Name: tool.Name}
		if tool.Description != "" {
			f.Description = param.NewOpt(tool.Description)
		}
		if len(tool.Parameters) > 0 {
			// A map would lose the order of keys.
			f.SetExtraFields(map[string]any{"parameters": tool.Parameters})
		}
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(f))
	}
	switch {
	case c.ToolChoice.name != "":
		p.ToolChoice.OfFunctionToolChoice = &openai.ChatCompletionNamedToolChoiceParam{
			Function: openai.ChatCompletionNamedToolChoiceFunctionParam{Name: c.ToolChoice.name},
		}
	case c.ToolChoice.mode != "":
		p.ToolChoice.OfAuto = param.NewOpt(c.ToolChoice.mode)
	}
	switch c.structured {
	case structuredSchema:
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: c.Name, Schema: c.Schema},
		}
		if t.Strict {
			p.ResponseFormat.OfJSONSchema.JSONSchema.Strict = param.NewOpt(true)
		}
	case structuredObject:
		p.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	case structuredMixed:
		p.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
		p.ResponseFormat.OfJSONObject.SetExtraFields(map[string]any{"schema": c.Schema})
	}
	if c.Temperature != nil {
		p.Temperature = param.NewOpt(*c.Temperature)
	}
	if c.TopP != nil {
		p.TopP = param.NewOpt(*c.TopP)
	}
	if c.Seed != nil {
		p.Seed = param.NewOpt(int64(*c.Seed))
	}
	if c.maxTokens > 0 {
		// OpenAI's newer models refuse the old field, other servers do not know
		// the new one.
		if t.MaxTokensField == "max_completion_tokens" || t.MaxTokensField == "" && t.baseURL == officialOpenAI {
			p.MaxCompletionTokens = param.NewOpt(c.maxTokens)
		} else {
			p.MaxTokens = param.NewOpt(c.maxTokens)
		}
	}
	if len(c.Stop) > 0 {
		p.Stop.OfStringArray = c.Stop
	}
	if len(t.Extra) > 0 {
		p.SetExtraFields(extras(t.Extra))
	}
	return p
}

func extras(table map[string]json.RawMessage) map[string]any {
	fields := make(map[string]any, len(table))
	for k, v := range table {
		fields[k] = v
	}
	return fields
}

func openaiMessage(m message) openai.ChatCompletionMessageParamUnion {
	switch m.Role {
	case roleSystem:
		return openai.SystemMessage(m.Content.text())
	case roleTool:
		return openai.ToolMessage(m.Content.text(), m.ToolCallID)
	case roleAssistant:
		a := &openai.ChatCompletionAssistantMessageParam{}
		if len(m.Content.parts) > 0 {
			a.Content.OfString = param.NewOpt(m.Content.text())
		}
		for _, c := range m.ToolCalls {
			a.ToolCalls = append(a.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
				OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
					ID:       c.ID,
					Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: c.Name, Arguments: c.Arguments},
				},
			})
		}
		return openai.ChatCompletionMessageParamUnion{OfAssistant: a}
	}
	if !m.Content.list {
		return openai.UserMessage(m.Content.text())
	}
	parts := make([]openai.ChatCompletionContentPartUnionParam, len(m.Content.parts))
	for i, p := range m.Content.parts {
		if p.Type == "image" {
			parts[i] = openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: p.URL})
		} else {
			parts[i] = openai.TextContentPart(p.Text)
		}
	}
	return openai.UserMessage(parts)
}

func openaiWhole(answer *openai.ChatCompletion, r *reply) error {
	if answer == nil || len(answer.Choices) == 0 {
		return &exchangeError{reason: "invalid_answer", text: "the answer has no choices", retryable: true}
	}
	r.model = answer.Model
	openaiUsage(answer.JSON.Usage, answer.Usage, r)
	first := answer.Choices[0]
	r.finish = openaiFinish(first.FinishReason)
	if err := r.addRefusal(first.Message.Refusal); err != nil {
		return err
	}
	for i, c := range first.Message.ToolCalls {
		if err := r.addCall(int64(i), c.ID, c.Function.Name, c.Function.Arguments); err != nil {
			return err
		}
	}
	return r.addText(first.Message.Content)
}

func openaiChunk(chunk openai.ChatCompletionChunk, r *reply) error {
	if r.model == "" {
		r.model = chunk.Model
	}
	openaiUsage(chunk.JSON.Usage, chunk.Usage, r)
	for _, c := range chunk.Choices {
		if c.Index != 0 {
			continue
		}
		if err := r.addText(c.Delta.Content); err != nil {
			return err
		}
		if err := r.addRefusal(c.Delta.Refusal); err != nil {
			return err
		}
		for _, t := range c.Delta.ToolCalls {
			if err := r.addCall(t.Index, t.ID, t.Function.Name, t.Function.Arguments); err != nil {
				return err
			}
		}
		if c.FinishReason != "" {
			r.finish = openaiFinish(c.FinishReason)
		}
	}
	return nil
}

func openaiUsage(field respjson.Field, u openai.CompletionUsage, r *reply) {
	if field.Valid() {
		r.setUsage(u.PromptTokens, u.CompletionTokens)
	}
}

func openaiFinish(reason string) string {
	switch reason {
	case "":
		return ""
	case "stop", "eos", "end_turn":
		return finishStop
	case "length", "max_tokens":
		return finishLength
	case "tool_calls", "function_call":
		return finishTools
	case "content_filter":
		return finishFiltered
	}
	return finishOther
}

// openaiEmbed asks for the vectors of texts, in the order of the texts.
func openaiEmbed(ctx context.Context, t *target, x *exchange, input []string, dimensions int64) ([][]float64, string, tokens, error) {
	service := openai.NewEmbeddingService(openaiOptions(t, x)...)
	p := openai.EmbeddingNewParams{Model: t.model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: input}}
	if dimensions > 0 {
		p.Dimensions = param.NewOpt(dimensions)
	}
	if len(t.Extra) > 0 {
		p.SetExtraFields(extras(t.Extra))
	}
	answer, err := service.New(ctx, p)
	if err != nil {
		return nil, "", tokens{}, err
	}
	if answer == nil {
		return nil, "", tokens{}, &exchangeError{reason: "invalid_answer", text: "the answer is null", retryable: true}
	}
	vectors := make([][]float64, len(input))
	for _, e := range answer.Data {
		if e.Index < 0 || e.Index >= int64(len(input)) || vectors[e.Index] != nil || len(e.Embedding) == 0 {
			return nil, "", tokens{}, &exchangeError{reason: "invalid_answer", text: fmt.Sprintf("the answer has a vector with the index %d, twice, empty or for no text of %d", e.Index, len(input)), retryable: true}
		}
		vectors[e.Index] = e.Embedding
	}
	for i, v := range vectors {
		if v == nil {
			return nil, "", tokens{}, &exchangeError{reason: "invalid_answer", text: fmt.Sprintf("the answer has no vector for input[%d]", i), retryable: true}
		}
	}
	var used reply
	if answer.JSON.Usage.Valid() {
		used.setUsage(answer.Usage.PromptTokens, 0)
	}
	return vectors, answer.Model, used.usage, nil
}

// openaiStreamError reads an error that came in the middle of a stream.
func openaiStreamError(data []byte) *exchangeError {
	var said struct {
		Error struct {
			Code json.RawMessage `json:"code"`
			Type string          `json:"type"`
		} `json:"error"`
	}
	_ = json.Unmarshal(data, &said) // what it says is a help, no more
	var code int
	if json.Unmarshal([]byte(strings.Trim(string(said.Error.Code), `"`)), &code) != nil {
		switch said.Error.Type {
		case "rate_limit_exceeded", "rate_limit_error":
			code = 429
		case "invalid_request_error":
			code = 400
		}
	}
	return streamError(code, errorText(data))
}
