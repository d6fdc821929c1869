// File puts a message into a queue: the one that its config names.
package main

import (
	"context"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type ticket struct {
	Quote    string `json:"quote"`
	Product  string `json:"product"`
	Category string `json:"category"`
	Urgency  string `json:"urgency"`
}

type filed struct {
	ID      string  `json:"id"`
	Subject string  `json:"subject"`
	Queue   string  `json:"queue"`
	Why     string  `json:"why,omitempty"`
	Ticket  *ticket `json:"ticket,omitempty"`
}

type config struct {
	Queue string `json:"queue"`
}

func file(ctx context.Context, f filed) (filed, error) {
	conf, err := node.Config[config](ctx)
	f.Queue = conf.Queue
	return f, err
}

func init() { node.Handle(file) }

func main() { node.Main() }
