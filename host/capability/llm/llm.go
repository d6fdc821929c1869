package llm

// This file is the capability's face: what it offers, and where a call goes.

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

//go:embed schemas/chat_request.json
var chatRequestSchema []byte

//go:embed schemas/chat_answer.json
var chatAnswerSchema []byte

//go:embed schemas/embed_request.json
var embedRequestSchema []byte

//go:embed schemas/embed_answer.json
var embedAnswerSchema []byte

//go:embed schemas/grant.json
var grantSchema []byte

//go:embed schemas/settings.json
var settingsSchema []byte

// Options are what an embedder may set. The zero value is fine.
type Options struct {
	// Transport carries the requests; nil: one of the capability's own, with
	// TLS as Go has it and the proxy of the environment.
	Transport http.RoundTripper
}

// Capability asks language models. Connections and rate limits are shared with
// all that its Configure made. Safe for concurrent use.
type Capability struct {
	name     string
	pool     *pool
	settings *settings // nil: the environment says which endpoints there are
}

var (
	_ capability.Configurable = (*Capability)(nil)
	_ capability.GrantChecker = (*Capability)(nil)
)

// New makes the capability that hosts register as "llm".
func New(o Options) *Capability {
	return &Capability{name: "llm", pool: newPool(o.Transport)}
}

// SchemasProven implements [capability.Proven].
func (*Capability) SchemasProven() {}

// Describe implements [capability.Capability].
func (c *Capability) Describe() capability.Description {
	return capability.Description{
		Text: "asks language models, by OpenAI's API or Anthropic's",
		Methods: []capability.Method{
			{Name: "chat", Text: "the next message of a conversation", Request: chatRequestSchema, Response: chatAnswerSchema},
			{Name: "embed", Text: "the vectors of texts", Request: embedRequestSchema, Response: embedAnswerSchema},
		},
		Grant:       json.RawMessage(grantSchema),
		Config:      json.RawMessage(settingsSchema),
		Environment: []string{envOpenAIKey, envOpenAIURL, envAnthropicKey, envAnthropicURL},
	}
}

// Configure implements [capability.Configurable].
func (c *Capability) Configure(name string, table document.Document) (capability.Capability, error) {
	s, problems := readSettings(name, table)
	if len(problems) > 0 {
		return nil, problems
	}
	return &Capability{name: name, pool: c.pool, settings: s}, nil
}

// CheckGrant implements [capability.GrantChecker].
func (c *Capability) CheckGrant(table document.Document) capability.Problems {
	g, err := readGrant(table)
	if err != nil {
		return capability.Problems{{Text: err.Error()}}
	}
	return g.check(c.endpointNames())
}

// Call implements [capability.Capability].
func (c *Capability) Call(ctx context.Context, call capability.Call) (capability.Answer, error) {
	switch call.Method {
	case "chat":
		return c.chat(ctx, call)
	case "embed":
		return c.embed(ctx, call)
	default:
		return capability.Answer{}, &capability.Error{Reason: "no_method", Message: fmt.Sprintf("%s has no method %q; it has chat and embed", c.name, call.Method)}
	}
}

// Close ends idle connections. What Configure made shares them with the receiver
// of Configure and needs no Close of its own.
func (c *Capability) Close() error {
	c.pool.close()
	return nil
}
