// Extract asks a model for the ticket that is in a message. What the model wrote
// is its output, to the byte: whether that is JSON, and a ticket, is for the
// output schema of the graph to say. When it says no, the node is tried again,
// and the model reads what was wrong with its last answer.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/sdk/go/node"
)

var (
	//go:embed prompt.txt
	prompt string
	//go:embed examples.json
	examplesJSON []byte
	//go:embed ticket.schema.json
	schema json.RawMessage
)

type message struct {
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	Invented string `json:"invented"` // the quote of the last ticket, where it stood nowhere in the message
}

type example struct {
	Message message         `json:"message"`
	Ticket  json.RawMessage `json:"ticket"`
}

// examples are read once, when the module is loaded.
var examples = func() (list []example) {
	if err := json.Unmarshal(examplesJSON, &list); err != nil {
		panic(err)
	}
	return list
}()

type turn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// request is one of llm.chat. The schema goes to servers that can hold a model
// to it; whether this one can is said in [capabilities.llm].
type request struct {
	Messages  []turn          `json:"messages"`
	Name      string          `json:"name"`
	Schema    json.RawMessage `json:"schema"`
	MaxTokens int             `json:"max_tokens"`
}

type answer struct {
	Content string `json:"content"`
}

func extract(ctx context.Context, m message) (json.RawMessage, error) {
	ask := request{Messages: conversation(m, complaints(m, node.Feedback(ctx))), Name: "ticket", Schema: schema, MaxTokens: 160}
	var got answer
	if err := node.Call(ctx, "llm", "chat", ask, &got); err != nil {
		return nil, err
	}
	return json.RawMessage(got.Content), nil
}

// conversation is what the model reads: the instructions, examples as turns that
// went well, and the message.
func conversation(m message, complaints []string) []turn {
	turns := []turn{{"system", prompt}}
	for _, e := range examples {
		turns = append(turns, turn{"user", e.Message.String()}, turn{"assistant", string(e.Ticket)})
	}
	ask := m.String()
	if len(complaints) > 0 {
		// In front: what stands behind a message, small models take for a part of it.
		ask = "Your last answer was refused:\n- " + strings.Join(complaints, "\n- ") + "\nAnswer by the rules this time.\n\n" + ask
	}
	return append(turns, turn{"user", ask})
}

func (m message) String() string {
	return "Subject: " + m.Subject + "\n" + m.Text
}

// complaints say what was wrong with the last answer: what the schema found, or
// else what the graph did.
func complaints(m message, feedback []node.Violation) []string {
	var list []string
	for _, v := range feedback {
		list = append(list, cmp.Or(strings.TrimPrefix(v.Pointer, "/"), "the answer")+": "+v.Message)
	}
	if len(list) == 0 && m.Invented != "" {
		list = append(list, fmt.Sprintf("quote: %q does not stand in the message, word for word", m.Invented))
	}
	return list
}

func init() { node.Handle(extract) }

func main() { node.Main() }
