package nodes

// std:validate: holds a document to a JSON Schema, for a graph that wants to route by
// what is wrong instead of failing.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5" //nolint:depguard // a module of its own, which cannot have host/schema inside

	"github.com/chainrun/chainrun/sdk/go/node"
)

type validateConfig struct {
	Schema jsonSchema `json:"schema" jsonschema_description:"a JSON Schema, of draft 2020-12 where it does not say."`
	As     string     `json:"as,omitempty" jsonschema:"enum=report,enum=document,default=report" jsonschema_description:"the output is a report; or the input itself, and a document that breaks the schema is a failure."`
}

// jsonSchema is a schema as the graph wrote it.
type jsonSchema json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (s *jsonSchema) UnmarshalJSON(b []byte) error { *s = append((*s)[:0], b...); return nil }

// MarshalJSON implements json.Marshaler.
func (s jsonSchema) MarshalJSON() ([]byte, error) { return cmpOr(s, jsonSchema("null")), nil }

// JSONSchema implements node.Schemer.
func (jsonSchema) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":["object","boolean"]}`)
}

func cmpOr(a, b jsonSchema) jsonSchema {
	if len(a) == 0 {
		return b
	}
	return a
}

// validateReport is what std:validate says of a document.
type validateReport struct {
	Valid      bool            `json:"valid"`
	Violations []violation     `json:"violations"`
	Document   json.RawMessage `json:"document"`
}

type violation struct {
	Pointer string `json:"pointer"`
	Keyword string `json:"keyword"`
	Message string `json:"message"`
}

// maxViolations is how many a report has, as a host's feedback.
const maxViolations = 50

func validateNode(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	conf, err := node.Config[validateConfig](ctx)
	if err != nil {
		return nil, err
	}
	schema, err := compileSchema(conf.Schema)
	if err != nil {
		return nil, err
	}
	data, err := decode(input)
	if err != nil {
		return nil, err
	}
	if n := tooGreat(data); n != "" {
		return nil, node.Errorf("bad_input", "the number %s is too long to be compared", shortly(json.Number(n)))
	}
	found := violationsOf(schema, data)
	if conf.As != "document" {
		return encode(validateReport{Valid: len(found) == 0, Violations: found, Document: input})
	}
	if len(found) > 0 {
		return nil, node.Errorf("invalid_document", "%s", complaint(found))
	}
	return input, nil
}

// tooGreat finds a number that nobody can compute with; "" where there is none.
func tooGreat(v any) string {
	switch v := v.(type) {
	case json.Number:
		if huge(v.String()) {
			return v.String()
		}
	case []any:
		for _, e := range v {
			if n := tooGreat(e); n != "" {
				return n
			}
		}
	case map[string]any:
		for _, k := range sorted(v) {
			if n := tooGreat(v[k]); n != "" {
				return n
			}
		}
	}
	return ""
}

// huge tells a number of more digits, or with a greater exponent, than a host computes
// with.
func huge(n string) bool {
	const most = 1_000
	digits, exponent, _ := strings.Cut(strings.ToLower(n), "e")
	e, err := strconv.Atoi(cmp.Or(exponent, "0"))
	return len(digits) > most || err != nil || e > most || e < -most
}

// complaint says what is wrong with a document in a line.
func complaint(found []violation) string {
	var lines []string
	for _, v := range found[:min(len(found), 3)] {
		lines = append(lines, cmp.Or(v.Pointer, "the document")+" "+v.Message)
	}
	if more := len(found) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

func compileSchema(source jsonSchema) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.Draft, c.AssertFormat = jsonschema.Draft2020, true
	c.LoadURL = func(address string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("%s: a schema cannot name another file here", strings.TrimPrefix(address, schemaAddress))
	}
	if err := c.AddResource(schemaAddress, strings.NewReader(string(source))); err != nil {
		return nil, node.Errorf("bad_schema", "%w", err)
	}
	s, err := c.Compile(schemaAddress)
	if err != nil {
		return nil, node.Errorf("bad_schema", "%s", strings.ReplaceAll(err.Error(), schemaAddress, "schema"))
	}
	return s, nil
}

const schemaAddress = "chainrun://config/schema"

// violationsOf gives what is wrong with a document, the places in order; never nil.
func violationsOf(schema *jsonschema.Schema, data any) []violation {
	list := []violation{}
	var broken *jsonschema.ValidationError
	switch err := schema.Validate(data); {
	case err == nil:
		return list
	case errors.As(err, &broken):
		list = leaves(list, broken)
	default: // an endless schema, for one
		list = append(list, violation{Message: err.Error()})
	}
	slices.SortStableFunc(list, func(a, b violation) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Keyword, b.Keyword), cmp.Compare(a.Message, b.Message))
	})
	list = slices.Compact(list)
	return list[:min(len(list), maxViolations)]
}

// leaves gives the causes that have no causes.
func leaves(list []violation, e *jsonschema.ValidationError) []violation {
	if len(list) >= 100*maxViolations { // anyOf in anyOf
		return list
	}
	if len(e.Causes) == 0 {
		return append(list, violation{e.InstanceLocation, e.KeywordLocation[strings.LastIndexByte(e.KeywordLocation, '/')+1:], e.Message})
	}
	for _, c := range e.Causes {
		list = leaves(list, c)
	}
	return list
}
