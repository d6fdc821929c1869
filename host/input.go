package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

// InputError means that the run's own input is no JSON or breaks the graph's
// input schema, so that no run was begun: correct the input.
type InputError struct {
	Failure failure.Failure
}

// Error implements error.
func (e *InputError) Error() string { return e.Failure.String() }

// newInput makes a document of what an embedder hands over: a document, JSON
// text as []byte or json.RawMessage, or any value that encoding/json can write.
// Nothing at all is an empty object, as on the command line.
func newInput(input any, limits document.Limits) (document.Document, error) {
	switch v := input.(type) {
	case nil:
		return document.Object(), nil
	case document.Document:
		if v.IsZero() {
			return document.Object(), nil
		}
		return v, nil
	case []byte:
		return parseInput(v, limits)
	case json.RawMessage:
		return parseInput(v, limits)
	}
	text, err := json.Marshal(input)
	if err != nil {
		return document.Document{}, fmt.Errorf("writing the run's input as JSON: %w", err)
	}
	return parseInput(text, limits)
}

func parseInput(text []byte, limits document.Limits) (document.Document, error) {
	d, err := document.Parse(text, limits)
	if err == nil {
		return d, nil
	}
	e := &InputError{Failure: failure.Failure{
		Code:       failure.InvalidInput,
		Message:    "the run's input is no JSON document: " + err.Error(),
		Violations: []failure.Violation{{Keyword: "json", Message: err.Error()}},
	}}
	if syntax, ok := errors.AsType[*document.SyntaxError](err); ok {
		e.Failure.Violations[0].Message = syntax.Text
	}
	return document.Document{}, e
}

// checkInput holds the run's input against the graph's schema.
func (g *Graph) checkInput(ctx context.Context, d document.Document) error {
	s := g.plan.Graph.Input.Schema
	if s == nil {
		return nil
	}
	found, err := s.ValidateContext(ctx, d)
	if err != nil {
		return nil //nolint:nilerr // ctx is done: the run will end before it has begun anything
	}
	if found == nil {
		return nil
	}
	return &InputError{Failure: failure.Failure{
		Code: failure.InvalidInput, Violations: found,
		Message: "the run's input breaks the graph's input schema: " + failure.Summary(found),
	}}
}
