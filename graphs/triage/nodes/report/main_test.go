package main

import (
	"context"
	"slices"
	"testing"
)

func TestReport(t *testing.T) {
	s, err := report(context.Background(), []filed{
		{ID: "a", Queue: "normal", Ticket: &ticket{Category: "issue"}},
		{ID: "b", Queue: "human", Why: "invented"},
		{ID: "c", Queue: "urgent", Ticket: &ticket{Category: "issue"}},
		{ID: "d", Queue: "normal", Ticket: &ticket{Category: "question"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, f := range s.Tickets {
		order = append(order, f.ID)
	}
	if !slices.Equal(order, []string{"c", "b", "a", "d"}) {
		t.Errorf("order %v", order)
	}
	if s.Messages != 4 || s.Queues["normal"] != 2 || s.Queues["spam"] != 0 || s.Why["invented"] != 1 || s.Categories["issue"] != 2 {
		t.Errorf("%+v", s)
	}
	if _, err := report(context.Background(), []filed{{ID: "a", Queue: "lost"}}); err == nil {
		t.Error("a queue that nobody looks at is taken")
	}
}
