package llm

// This file is the method embed.

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

type embedRequest struct {
	Input      []string `json:"input"`
	Model      string   `json:"model"`
	Endpoint   string   `json:"endpoint"`
	Dimensions integer  `json:"dimensions"`
}

func (c *Capability) embed(ctx context.Context, call capability.Call) (capability.Answer, error) {
	var request embedRequest
	if err := json.Unmarshal(call.Request.Bytes(), &request); err != nil {
		return capability.Answer{}, invalidRequest("reading the request: %v", err)
	}
	return c.ask(ctx, &question{
		endpoint:   request.Endpoint,
		model:      request.Model,
		key:        "embeddings",
		configured: func(e *endpoint) string { return e.Embeddings },
		embeds:     true,
		stream:     func(*endpoint) bool { return false },
		again:      func(*target) {},
		once: func(ctx context.Context, t *target, x *exchange, left capability.Left) (document.Document, counted, error) {
			vectors, model, said, err := openaiEmbed(ctx, t, x, request.Input, int64(request.Dimensions))
			if err != nil {
				return document.Document{}, counted{}, err
			}
			used := count(t, said, upperInput(call), 0, left)
			list, err := vectorList(vectors, x.limit)
			if err != nil {
				return document.Document{}, used, err
			}
			return document.Object(append([]document.Field{
				{Key: "embeddings", Value: list},
				{Key: "model", Value: document.String(modelName(model, t))},
				{Key: "endpoint", Value: document.String(t.name)},
			}, used.fields()...)...), used, nil
		},
	}, call)
}

// vectorList writes vectors with the fewest digits that say the same.
func vectorList(vectors [][]float64, limit int64) (document.Document, error) {
	b := []byte{'['}
	for i, v := range vectors {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for j, f := range v {
			if f-f != 0 {
				return document.Document{}, &exchangeError{reason: "invalid_answer", text: fmt.Sprintf("embeddings[%d][%d] is no finite number", i, j), retryable: true}
			}
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, f, 'g', -1, 64)
		}
		b = append(b, ']')
		if int64(len(b)) > limit {
			return document.Document{}, errTooLarge
		}
	}
	return document.Trusted(append(b, ']')), nil
}
