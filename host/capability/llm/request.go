package llm

// This file is the neutral shape of a chat: what nodes send, whatever API the
// endpoint has.

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

const (
	roleSystem    = "system"
	roleUser      = "user"
	roleAssistant = "assistant"
	roleTool      = "tool"
)

type chatRequest struct {
	Messages    []message       `json:"messages"`
	Model       string          `json:"model"`
	Endpoint    string          `json:"endpoint"`
	Schema      json.RawMessage `json:"schema"` // its order of keys is the order in which models write
	Name        string          `json:"name"`
	Tools       []tool          `json:"tools"`
	ToolChoice  choice          `json:"tool_choice"`
	Temperature *float64        `json:"temperature"`
	TopP        *float64        `json:"top_p"`
	MaxTokens   integer         `json:"max_tokens"` // 0: not said
	Seed        *integer        `json:"seed"`
	Stop        texts           `json:"stop"`
	Stream      *bool           `json:"stream"`
}

type message struct {
	Role       string     `json:"role"`
	Content    content    `json:"content"`
	ToolCalls  []toolCall `json:"tool_calls"`
	ToolCallID string     `json:"tool_call_id"`
}

type toolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // as the model wrote them
}

type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

// content is a text or a list of parts.
type content struct {
	parts []part
	list  bool // it was written as a list
}

// part is a text or, where url is set, an image.
type part struct {
	Type string `json:"type"`
	Text string `json:"text"`
	URL  string `json:"url"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *content) UnmarshalJSON(b []byte) error {
	var text *string
	if json.Unmarshal(b, &text) == nil {
		if text != nil {
			c.parts = []part{{Type: "text", Text: *text}}
		}
		return nil
	}
	c.list = true
	return json.Unmarshal(b, &c.parts)
}

// text is the content without its images.
func (c content) text() string {
	if len(c.parts) == 1 {
		return c.parts[0].Text
	}
	var b strings.Builder
	for _, p := range c.parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

func (c content) images() bool {
	for _, p := range c.parts {
		if p.Type == "image" {
			return true
		}
	}
	return false
}

// choice says whether tools are called: "", auto, none, required, or one by name.
type choice struct{ mode, name string }

// UnmarshalJSON implements json.Unmarshaler.
func (c *choice) UnmarshalJSON(b []byte) error {
	var named struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(b, &c.mode) == nil {
		return nil
	}
	err := json.Unmarshal(b, &named)
	c.name = named.Name
	return err
}

// integer is one as schemas see it: 1e2 and 100.0 are ones.
type integer int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *integer) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(document.Trusted(b).Canonical(), (*int64)(n))
}

// texts is one text or several.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

func readChat(d document.Document) (*chatRequest, error) {
	r := &chatRequest{}
	if err := json.Unmarshal(d.Bytes(), r); err != nil {
		return nil, invalidRequest("reading the request: %v", err)
	}
	for i, m := range r.Messages {
		where := fmt.Sprintf("messages[%d]", i)
		switch {
		case m.Role == roleTool && m.ToolCallID == "":
			return nil, invalidRequest("%s: a message of role tool needs a tool_call_id", where)
		case m.Role != roleAssistant && len(m.ToolCalls) > 0:
			return nil, invalidRequest("%s: only a message of role assistant has tool_calls", where)
		case m.Role != roleUser && m.Content.images():
			return nil, invalidRequest("%s: only a message of role user has images", where)
		case m.Role != roleAssistant && len(m.Content.parts) == 0:
			return nil, invalidRequest("%s: a message of role %s needs content", where, m.Role)
		}
		for j, p := range m.Content.parts {
			if p.Type == "image" && p.URL == "" {
				return nil, invalidRequest("%s.content[%d]: an image needs a url", where, j)
			}
		}
	}
	return r, nil
}

func invalidRequest(format string, args ...any) error {
	return &capability.Error{Reason: "invalid_request", Message: fmt.Sprintf(format, args...)}
}

// conversation is a request as one endpoint gets it.
type conversation struct {
	*chatRequest
	structured string // how Schema is asked for; "" where there is none
	maxTokens  int64  // 0: as the endpoint likes
	stream     bool
}

// answerTool is the name of the tool that stands in for structured answers, and
// of schemas that have no name.
const answerTool = "answer"

// conversation fits a request to an endpoint.
func (r *chatRequest) conversation(t *target, maxTokens int64, stream bool) (*conversation, error) {
	fitted := *r
	c := &conversation{chatRequest: &fitted, maxTokens: maxTokens, stream: stream}
	if fitted.Name == "" {
		fitted.Name = answerTool
	}
	if len(r.Schema) == 0 {
		return c, nil
	}
	c.structured = t.Structured
	if c.structured == structuredTool {
		if len(r.Tools) > 0 {
			return nil, invalidRequest("endpoint %q has `structured = \"tool\"`: a request to it has a schema or tools, not both", t.name)
		}
		fitted.Tools = []tool{{Name: fitted.Name, Description: "Gives the answer.", Parameters: r.Schema}}
		// There is one tool only; some servers do not know how to require one by
		// name, and take that for "auto".
		fitted.ToolChoice = choice{mode: "required"}
	}
	return c, nil
}
