package nodes

// std:jq: a query in the language of jq, by gojq.

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/itchyny/gojq"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type jqConfig struct {
	Query     string             `json:"query" jsonschema:"minLength=1" jsonschema_description:"in the language of jq; the input is the document."`
	Variables map[string]exactly `json:"variables,omitempty" jsonschema_description:"what $NAME is in the query, by NAME."`
	Results   string             `json:"results,omitempty" jsonschema:"enum=one,enum=first,enum=all,default=one" jsonschema_description:"the output is the query's only result, its first one, or the list of them all."`
}

func jqNode(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	conf, err := node.Config[jqConfig](ctx)
	if err != nil {
		return nil, err
	}
	data, err := decode(input)
	if err != nil {
		return nil, err
	}
	iter, err := runQuery(conf.Query, conf.Variables, data)
	if err != nil {
		return nil, err
	}
	results, err := collect(iter, conf.Results)
	if err != nil {
		return nil, err
	}
	switch {
	case conf.Results == "all":
		return marshal(results)
	case len(results) == 0:
		return nil, node.Errorf("no_result", "the query has no result; results = \"all\" makes that an empty list")
	case len(results) > 1:
		return nil, node.Errorf("many_results", "the query has more than one result; results = \"all\" makes them a list, \"first\" takes the first one")
	}
	return marshal(results[0])
}

// runQuery begins a query.
func runQuery(text string, variables map[string]exactly, data any) (gojq.Iter, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, node.Errorf("bad_query", "%s: %w", place(text, err), err)
	}
	names := sorted(variables)
	values := make([]any, len(names))
	for i, name := range names {
		values[i], names[i] = variables[name].v, "$"+name
	}
	code, err := gojq.Compile(query, gojq.WithVariables(names))
	if err != nil {
		return nil, node.Errorf("bad_query", "the query: %w", err)
	}
	return code.Run(data, values...), nil
}

// collect takes as many results as are wanted, or one more.
func collect(results gojq.Iter, wanted string) ([]any, error) {
	list := []any{}
	for {
		v, ok := results.Next()
		if !ok {
			return list, nil
		}
		if err, failed := v.(error); failed {
			var halt *gojq.HaltError
			if errors.As(err, &halt) && halt.Value() == nil {
				return list, nil
			}
			return nil, node.Errorf("jq_error", "%w", err)
		}
		list = append(list, v)
		if wanted == "first" || wanted != "all" && len(list) == 2 {
			return list, nil
		}
	}
}

func marshal(v any) (json.RawMessage, error) {
	b, err := gojq.Marshal(v)
	if err != nil {
		return nil, node.Errorf("jq_error", "writing the result: %w", err)
	}
	if len(b) > maxBytes {
		return nil, errTooLarge
	}
	return b, nil
}

// place is where a query does not parse.
func place(query string, err error) string {
	var wrong *gojq.ParseError
	if !errors.As(err, &wrong) {
		return "the query"
	}
	return "the query, " + position(query, wrong.Offset-len(wrong.Token))
}
