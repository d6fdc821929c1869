// Command calendar is a provider of chainrun in a few lines: it counts the days
// between two dates. docs/providers.md shows how it is granted and started.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/sdk/provider"
)

type span struct {
	From string `json:"from" jsonschema:"a date, as 2026-03-01"`
	To   string `json:"to" jsonschema:"a later date, or the same"`
}

type days struct {
	Days     int `json:"days"`
	Weekdays int `json:"weekdays" jsonschema:"those from Monday to Friday"`
}

func main() {
	provider.Serve(capability.New("counts days", capability.Handle("days", "the days from one date to another", count)))
}

func count(_ context.Context, s span) (n days, err error) {
	from, err1 := time.Parse(time.DateOnly, s.From)
	to, err2 := time.Parse(time.DateOnly, s.To)
	if err1 != nil || err2 != nil || to.Before(from) || to.Sub(from) > 200*366*24*time.Hour {
		return n, &capability.Error{Reason: "no_span", Message: fmt.Sprintf("%q to %q is no span of at most 200 years between two dates", s.From, s.To)}
	}
	for d := from; d.Before(to); d = d.AddDate(0, 0, 1) {
		n.Days++
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			n.Weekdays++
		}
	}
	return n, nil
}
