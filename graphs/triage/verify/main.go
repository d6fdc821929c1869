// Verify checks a report of graphs/triage against the messages and the cassette:
// it reads what the model wrote, judges every answer by rules of its own, without
// chainrun, a schema or an expression, and says where each message belongs.
//
//	go run ./triage/verify <report.json     (in graphs/)
//
// Exit code 0 when the report says the same, and then the figures; else 1 with
// the differences.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
)

type message struct {
	ID, Subject, Text string
}

type ticket struct {
	Quote    string `json:"quote"`
	Product  string `json:"product"`
	Category string `json:"category"`
	Urgency  string `json:"urgency"`
}

type filed struct {
	ID, Subject, Queue, Why string
	Ticket                  *ticket
}

type report struct {
	Messages   int
	Queues     map[string]int
	Why        map[string]int
	Categories map[string]int
	Tickets    []filed
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatalf("reading the report: %v", err)
	}
	messages, err := os.ReadFile("triage/data/messages.json")
	if err != nil {
		log.Fatal(err)
	}
	cassette, err := os.ReadFile("triage/cassette.jsonl")
	if err != nil {
		log.Fatal(err)
	}
	differences, figures, err := verify(text, messages, cassette)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range differences {
		fmt.Println(d)
	}
	if len(differences) > 0 {
		os.Exit(1)
	}
	fmt.Print(figures)
}

// verify says where the report differs from what the model's answers come to.
func verify(reportText, messagesText, cassette []byte) (differences []string, f figures, err error) {
	var messages []message
	if err := json.Unmarshal(messagesText, &messages); err != nil {
		return nil, f, fmt.Errorf("reading the messages: %w", err)
	}
	var got report
	if err := json.Unmarshal(reportText, &got); err != nil {
		return nil, f, fmt.Errorf("reading the report: %w", err)
	}
	answers, err := readCassette(cassette)
	if err != nil {
		return nil, f, fmt.Errorf("reading the cassette: %w", err)
	}
	want := report{Messages: len(messages), Queues: map[string]int{"urgent": 0, "human": 0, "normal": 0, "spam": 0}, Why: map[string]int{}, Categories: map[string]int{}}
	f = figures{messages: len(messages), violations: map[string]int{}, queues: want.Queues, why: want.Why}
	byQueue := map[string][]filed{}
	for i, m := range messages {
		to, err := f.judge(m, answers, i)
		if err != nil {
			return nil, f, err
		}
		want.Queues[to.Queue]++
		if to.Ticket != nil {
			want.Categories[to.Ticket.Category]++
		} else {
			want.Why[to.Why]++
		}
		byQueue[to.Queue] = append(byQueue[to.Queue], to)
	}
	for _, q := range []string{"urgent", "human", "normal", "spam"} {
		want.Tickets = append(want.Tickets, byQueue[q]...)
	}
	for _, left := range slices.Sorted(maps.Keys(answers)) {
		differences = append(differences, fmt.Sprintf("the cassette has answers of %s, which no message needs", left))
	}
	return append(differences, compare(got, want)...), f, nil
}

func compare(got, want report) []string {
	var differences []string
	differ := func(what string, got, want any) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if string(g) != string(w) {
			differences = append(differences, fmt.Sprintf("%s: %s, but it should be %s", what, g, w))
		}
	}
	differ("messages", got.Messages, want.Messages)
	differ("queues", got.Queues, want.Queues)
	differ("why", got.Why, want.Why)
	differ("categories", got.Categories, want.Categories)
	differ("number of tickets", len(got.Tickets), len(want.Tickets))
	for i := range min(len(got.Tickets), len(want.Tickets)) {
		differ(fmt.Sprintf("ticket %d", i), got.Tickets[i], want.Tickets[i])
	}
	return differences
}
