package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// model is a host whose model writes what the test says.
type model struct {
	writes, feedback string
	asked            *request
}

func (m model) Call(capability, method string, payload []byte) ([]byte, error) {
	switch capability + "." + method {
	case "node.feedback":
		return []byte(m.feedback), nil
	case "llm.chat":
		if err := json.Unmarshal(payload, m.asked); err != nil {
			return nil, err
		}
		return json.Marshal(answer{Content: m.writes})
	}
	return nil, &node.CallError{Code: "capability_denied", Message: capability + "." + method}
}

var lost = message{Subject: "Lost", Text: "Where is my mail?"}

func ask(t *testing.T, m message, writes, feedback string) (string, request) {
	t.Helper()
	var asked request
	got, err := extract(node.WithHost(context.Background(), model{writes, feedback, &asked}), m)
	if err != nil {
		t.Fatal(err)
	}
	return string(got), asked
}

func TestWhatTheModelWroteIsTheOutput(t *testing.T) {
	for _, text := range []string{`{"quote": "Where"}`, `Sure! {"quote"`, ``, "{\"quote\":\n\"Where\"}"} {
		if got, _ := ask(t, lost, text, ""); got != text {
			t.Errorf("%q came as %q", text, got)
		}
	}
}

func TestTheModelIsAsked(t *testing.T) {
	_, asked := ask(t, lost, `{}`, "")
	last := asked.Messages[len(asked.Messages)-1]
	if want := "Subject: Lost\nWhere is my mail?"; last.Role != "user" || last.Content != want {
		t.Errorf("asked %q", last)
	}
	if n := len(asked.Messages); n != 2+2*len(examples) || asked.Messages[0].Role != "system" {
		t.Errorf("%d turns: %v", n, asked.Messages)
	}
	if !json.Valid(asked.Schema) || asked.Name != "ticket" || asked.MaxTokens == 0 {
		t.Errorf("asked with %s, %q, %d", asked.Schema, asked.Name, asked.MaxTokens)
	}
}

func TestTheModelIsToldWhatWasWrong(t *testing.T) {
	_, asked := ask(t, lost, `{}`, `[
		{"pointer": "/category", "keyword": "enum", "message": "must be one of the four"},
		{"pointer": "", "keyword": "required", "message": "\"quote\" is missing"}]`)
	want := "Your last answer was refused:\n- category: must be one of the four\n- the answer: \"quote\" is missing\n" +
		"Answer by the rules this time.\n\nSubject: Lost\nWhere is my mail?"
	if got := asked.Messages[len(asked.Messages)-1].Content; got != want {
		t.Errorf("asked %q", got)
	}
}

func TestTheModelIsToldOfAnInventedQuote(t *testing.T) {
	m := lost
	m.Invented = "Where is my cat?"
	_, asked := ask(t, m, `{}`, "")
	if got := asked.Messages[len(asked.Messages)-1].Content; !strings.Contains(got, `- quote: "Where is my cat?" does not stand in the message`) {
		t.Errorf("asked %q", got)
	}
}

// The examples that the model reads are tickets, and true.
func TestTheExamplesAreTrue(t *testing.T) {
	if len(examples) == 0 {
		t.Fatal("there are no examples")
	}
	for _, e := range examples {
		var ticket struct{ Quote, Product, Category, Urgency string }
		if err := json.Unmarshal(e.Ticket, &ticket); err != nil {
			t.Fatal(err)
		}
		if ticket.Quote == "" || !strings.Contains(e.Message.Text, ticket.Quote) || ticket.Product == "" || ticket.Category == "" || ticket.Urgency == "" {
			t.Errorf("%s", e.Ticket)
		}
	}
}
