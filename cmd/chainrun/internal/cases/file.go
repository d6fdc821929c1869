package cases

// What stands in a file of cases.

import (
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

func (r *reader) file() []*Case {
	has := r.members(item{Document: r.value.Document}, "case")
	list, ok := has["case"]
	if !ok {
		r.complain(graph.Position{File: r.name}, graph.CodeMissingKey, "there is no case", "write [[case]], and below it input and output")
		return nil
	}
	items := r.items(list)
	if len(items) > MaxCases {
		r.complain(r.at(list), graph.CodeTooLarge, fmt.Sprintf("there are %d cases; at most %d are allowed", len(items), MaxCases), "")
		return nil
	}
	var cases []*Case
	seen := map[string]bool{}
	for n, i := range items {
		c := r.one(i)
		if c.Name == "" {
			c.Name = fmt.Sprintf("case %d", n+1)
		}
		if seen[c.Name] {
			r.complain(c.At, graph.CodeDuplicate, fmt.Sprintf("two cases have the name %q", c.Name), "give each a name of its own")
		}
		seen[c.Name] = true
		cases = append(cases, c)
	}
	return cases
}

// one reads a case.
func (r *reader) one(i item) *Case {
	c := &Case{At: r.at(i), Input: document.Object(), Time: defaultTime, keys: graph.Positions{}}
	has := r.members(i,
		"name", "entry", "encoding", "input", "config", "feedback", "fuel", "memory", "timeout", "time", "seed", "answer",
		"output", "output_schema", "code", "reason", "message", "retryable", "fuel_at_most", "memory_at_most")
	for key, inner := range has {
		c.keys[key] = r.at(inner)
	}
	take(r, has, "name", &c.Name, text)
	take(r, has, "entry", &c.Entry, text)
	take(r, has, "encoding", &c.Encoding, text)
	take(r, has, "input", &c.Input, whole)
	take(r, has, "config", &c.Config.Document, whole)
	c.Config.At = c.keys["config"]
	take(r, has, "fuel", &c.Fuel, positive)
	take(r, has, "memory", &c.Memory, size)
	take(r, has, "timeout", &c.Timeout, span)
	take(r, has, "time", &c.Time, moment)
	take(r, has, "seed", &c.Seed, text)
	if list, ok := has["feedback"]; ok {
		for _, inner := range r.items(list) {
			c.Feedback = append(c.Feedback, r.violation(inner))
		}
	}
	if list, ok := has["answer"]; ok {
		for n, inner := range r.items(list) {
			c.Answers = append(c.Answers, r.answer(inner, n+1))
		}
	}

	take(r, has, "output", &c.Output, whole)
	if s, ok := has["output_schema"]; ok {
		c.OutputSchema.At = r.at(s)
		switch s.Kind() {
		case document.KindString:
			c.OutputSchema.File, _ = text(s.Document)
		case document.KindObject, document.KindBool:
			c.OutputSchema.Inline = graph.Value{Document: s.Document, At: r.at(s)}
		default:
			r.wrong(s, "a file's name or a table with the schema")
		}
	}
	take(r, has, "code", &c.Code, func(d document.Document) (failure.Code, string) {
		s, _ := text(d)
		if code := failure.Code(s); slices.Contains(ends, code) {
			return code, ""
		}
		return "", fmt.Sprintf("one of %v", ends)
	})
	take(r, has, "reason", &c.Reason, text)
	take(r, has, "message", &c.Message, text)
	take(r, has, "retryable", &c.Retryable, func(d document.Document) (*bool, string) {
		b, expected := truth(d)
		return &b, expected
	})
	var fuel, memory int64
	take(r, has, "fuel_at_most", &fuel, positive)
	take(r, has, "memory_at_most", &memory, size)
	c.FuelAtMost, c.MemoryAtMost = uint64(fuel), uint64(memory)
	_, output := has["output"]
	if _, schema := has["output_schema"]; c.Fails() && (output || schema) {
		r.complain(c.At, graph.CodeBadValue, i.label+": a case expects an output or a failure, not both", "")
	}
	if c.Retryable != nil && !c.Fails() {
		r.complain(c.keys["retryable"], graph.CodeBadValue, i.label+": retryable is expected of a failure", "say its code or its reason")
	}
	return c
}

// ends are the codes that an attempt may fail with.
var ends = []failure.Code{
	failure.InvalidInput, failure.InvalidOutput, failure.Timeout, failure.FuelExhausted, failure.MemoryExceeded,
	failure.Trap, failure.NodeError, failure.CapabilityDenied, failure.CapabilityError,
}
