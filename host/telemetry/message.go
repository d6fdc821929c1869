package telemetry

// Messages in the form that the conventions for generative AI give them: roles
// and parts. Told only where contents are, and cut so that they stay JSON.

import (
	"encoding/json"

	"github.com/chainrun/chainrun/host/document"
)

const (
	maxMessages  = 32
	maxParts     = 16
	maxPartBytes = 2 << 10
)

// message is one of a request's, as capability llm has them. Text is the content
// of an answer, Content that of a request: a text or a list of parts.
type message struct {
	Role       string            `json:"role"`
	Content    document.Document `json:"content"`
	ToolCalls  []toolCall        `json:"tool_calls"`
	ToolCallID string            `json:"tool_call_id"`
	Text       string            `json:"-"`
}

type toolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// spoken and part are what the conventions' schemas of messages describe.
type spoken struct {
	Role         string `json:"role"`
	Parts        []part `json:"parts"`
	FinishReason string `json:"finish_reason,omitempty"`
}

type part struct {
	Type      string `json:"type"`
	Content   string `json:"content,omitempty"`
	ID        string `json:"id,omitempty"`
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments,omitempty"`
	Result    string `json:"result,omitempty"`
	Modality  string `json:"modality,omitempty"`
	URI       string `json:"uri,omitempty"`
}

// conversation gives the last messages: the ones that the answer is about.
func conversation(list []message) []spoken {
	list = list[max(0, len(list)-maxMessages):]
	said := make([]spoken, len(list))
	for i, m := range list {
		said[i] = spoken{Role: cut(m.Role, maxTextBytes/8), Parts: parts(m)}
	}
	return said
}

func parts(m message) []part {
	list := []part{}
	add := func(p part) {
		if len(list) < maxParts {
			list = append(list, p)
		}
	}
	var text string
	var pieces []struct{ Type, Text, URL string }
	if !m.Content.IsZero() && json.Unmarshal(m.Content.Bytes(), &text) != nil {
		_ = json.Unmarshal(m.Content.Bytes(), &pieces) // neither a text nor a list: nothing to tell
	}
	if text == "" {
		text = m.Text
	}
	switch {
	case m.Role == "tool":
		add(part{Type: "tool_call_response", ID: cut(m.ToolCallID, maxTextBytes/8), Result: cut(text, maxPartBytes)})
	case text != "":
		add(part{Type: "text", Content: cut(text, maxPartBytes)})
	}
	for _, p := range pieces {
		if p.Type == "image" {
			add(part{Type: "uri", Modality: "image", URI: cut(p.URL, maxTextBytes/8)})
		} else {
			add(part{Type: "text", Content: cut(p.Text, maxPartBytes)})
		}
	}
	for _, c := range m.ToolCalls {
		add(part{Type: "tool_call", ID: cut(c.ID, maxTextBytes/8), Name: cut(c.Name, maxTextBytes/8), Arguments: cut(c.Arguments, maxPartBytes)})
	}
	return list
}

// written is the JSON of messages; of too many only the last.
func written(list []spoken) string {
	for {
		b, err := json.Marshal(list)
		if err != nil {
			return "[]"
		}
		if len(b) <= 2*maxContentBytes || len(list) <= 1 {
			return string(b)
		}
		list = list[1:]
	}
}
