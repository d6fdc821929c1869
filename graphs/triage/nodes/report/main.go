// Report puts what was filed in order: the queues by how much they hurry, in each
// the messages as they came, and how many there are of each.
package main

import (
	"context"
	"slices"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// queues in the order in which somebody should look at them.
var queues = []string{"urgent", "human", "normal", "spam"}

type filed struct {
	ID      string  `json:"id"`
	Subject string  `json:"subject"`
	Queue   string  `json:"queue"`
	Why     string  `json:"why,omitempty"`
	Ticket  *ticket `json:"ticket,omitempty"`
}

type ticket struct {
	Quote    string `json:"quote"`
	Product  string `json:"product"`
	Category string `json:"category"`
	Urgency  string `json:"urgency"`
}

type summary struct {
	Messages   int            `json:"messages"`
	Queues     map[string]int `json:"queues"`
	Why        map[string]int `json:"why"`        // of those in the queue "human"
	Categories map[string]int `json:"categories"` // of the others
	Tickets    []filed        `json:"tickets"`
}

func report(_ context.Context, all []filed) (summary, error) {
	s := summary{Messages: len(all), Queues: map[string]int{}, Why: map[string]int{}, Categories: map[string]int{}, Tickets: all}
	for _, q := range queues {
		s.Queues[q] = 0
	}
	for _, f := range all {
		if !slices.Contains(queues, f.Queue) {
			return s, node.Errorf("unknown_queue", "%s is in queue %q", f.ID, f.Queue)
		}
		s.Queues[f.Queue]++
		if f.Why != "" {
			s.Why[f.Why]++
		} else if f.Ticket != nil {
			s.Categories[f.Ticket.Category]++
		}
	}
	slices.SortStableFunc(s.Tickets, func(a, b filed) int {
		return slices.Index(queues, a.Queue) - slices.Index(queues, b.Queue)
	})
	return s, nil
}

func init() { node.Handle(report) }

func main() { node.Main() }
