// Package cases reads what a node is expected to do, case by case, and says whether it
// did: the files of `chainrun node test`.
package cases

import (
	"maps"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// MaxBytes bounds a file of cases, MaxCases the cases in it.
const (
	MaxBytes = 16 << 20
	MaxCases = 10_000
)

// Case is one call of a node and what is expected of it.
type Case struct {
	Name string
	At   graph.Position

	// What the node is given.
	Entry    string
	Encoding string
	Input    document.Document // default: {}
	Config   graph.Value
	Feedback []failure.Violation
	Fuel     int64 // 0: the default of graphs
	Memory   int64
	Timeout  time.Duration
	Time     time.Time // default: the beginning of the year 2000
	Seed     string
	Answers  []event.CapabilityAnswered // in the order in which it asks

	// What is expected. Without Output, OutputSchema, Code and Reason: that it succeeds.
	Output       document.Document // absent: any
	OutputSchema graph.SchemaSource
	Code         failure.Code // of the failure; "": any
	Reason       string       // of the failure; "": any
	Message      string       // a part of the failure's; "": any
	Retryable    *bool        // nil: either
	FuelAtMost   uint64       // 0: any
	MemoryAtMost uint64       // 0: any

	keys graph.Positions // where each key stands
}

// Fails says whether the case expects a failure.
func (c *Case) Fails() bool { return c.Code != "" || c.Reason != "" || c.Message != "" }

// defaultTime is where the clocks of cases start: a test must not depend on the day.
var defaultTime = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// Source draws the graph of the one node that the case calls. Complaints about the module
// are at module, those about the case at its lines.
func (c *Case) Source(node, module string) *graph.Source {
	at := graph.Position{File: module}
	n := graph.NodeSource{
		Name: node, Module: module, Entry: c.Entry, Encoding: c.Encoding, Config: c.Config,
		OutputSchema: c.OutputSchema, Fuel: c.Fuel, Memory: c.Memory, Timeout: c.Timeout, At: c.At,
		Keys: graph.Positions{"module": at},
	}
	maps.Copy(n.Keys, c.keys)
	return &graph.Source{File: module, Nodes: []graph.NodeSource{n}, Keys: graph.Positions{}}
}
