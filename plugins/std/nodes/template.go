package nodes

// std:template, and the templates of the other nodes: text/template over a document,
// with the differences that a document makes. A value that is no text is written as
// JSON, null as nothing; numbers compare as numbers, whichever way they are written.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type templateConfig struct {
	Template string `json:"template" jsonschema_description:"in the language of Go's text/template; the dot is the input"`
	Missing  string `json:"missing,omitempty" jsonschema:"enum=error,enum=empty,default=error" jsonschema_description:"what a key that is not there gives: a failure, or nothing"`
	As       string `json:"as,omitempty" jsonschema:"enum=text,enum=json,default=text" jsonschema_description:"the output is the text, or the document that the text is"`
}

func templateNode(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	conf, err := node.Config[templateConfig](ctx)
	if err != nil {
		return nil, err
	}
	data, err := templateData(input)
	if err != nil {
		return nil, err
	}
	text, err := render("template", conf.Template, data, rendering{missing: conf.Missing})
	if err != nil {
		return nil, err
	}
	if conf.As != "json" {
		return encode(text)
	}
	if err := wholeJSON([]byte(text)); err != nil {
		return nil, node.Errorf("bad_json", "the text is no JSON: %w", err)
	}
	return json.RawMessage(text), nil
}

// wholeJSON says why a text is not one JSON document.
func wholeJSON(text []byte) error {
	var v json.RawMessage
	return json.Unmarshal(text, &v)
}

// rendering is how a template becomes text.
type rendering struct {
	missing string              // "empty": what is not there gives nothing; else it is an error
	escape  func(string) string // of what comes from the input, but at the very beginning; nil: as it is
}

// render compiles a template and carries it out. name is what it is called in errors.
func render(name, text string, data any, r rendering) (string, error) {
	t := template.New(name).Funcs(functions).Funcs(template.FuncMap{
		"text_":   func(v any) (string, error) { return written(v) },
		"escape_": func(v any) (string, error) { return r.escaped(v) },
		"raw":     func(v any) any { return rawValue{v} },
	})
	option := "missingkey=error"
	if r.missing == "empty" {
		option = "missingkey=zero"
	}
	t, err := t.Option(option).Parse(text)
	if err != nil {
		return "", node.Errorf("bad_template", "%w", plainer(err))
	}
	for _, one := range t.Templates() {
		if one.Tree != nil && one.Root != nil {
			first := one.Name() == name
			for i, n := range one.Root.Nodes {
				function := "text_"
				if r.escape != nil && (i > 0 || !first) {
					function = "escape_"
				}
				r.finish(n, function)
			}
		}
	}
	var out bounded
	if err := t.Execute(&out, data); err != nil {
		switch {
		case errors.Is(err, errTooLarge):
			return "", errTooLarge
		case strings.Contains(err.Error(), "map has no entry for key"), strings.Contains(err.Error(), "nil data; no entry for key"):
			return "", node.Errorf("missing_key", "%w", plainer(err))
		}
		return "", node.Errorf("template_error", "%w", plainer(err))
	}
	return out.String(), nil
}

// plainer is a template's error without the word in front that is always the same.
func plainer(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

// finish puts the function that writes values at the end of every pipeline that
// writes one, as html/template does.
func (r rendering) finish(n parse.Node, function string) {
	list := func(l *parse.ListNode) {
		if l == nil {
			return
		}
		inside := function
		if r.escape != nil {
			inside = "escape_" // only what stands at the very beginning is as it is
		}
		for _, n := range l.Nodes {
			r.finish(n, inside)
		}
	}
	switch n := n.(type) {
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{
				NodeType: parse.NodeCommand, Args: []parse.Node{parse.NewIdentifier(function).SetPos(n.Pos)}, Pos: n.Pos,
			})
		}
	case *parse.ListNode:
		list(n)
	case *parse.IfNode:
		list(n.List)
		list(n.ElseList)
	case *parse.RangeNode:
		list(n.List)
		list(n.ElseList)
	case *parse.WithNode:
		list(n.List)
		list(n.ElseList)
	}
}

// rawValue is what a template wants to be written without escaping.
type rawValue struct{ v any }

func (r rendering) escaped(v any) (string, error) {
	if raw, ok := v.(rawValue); ok {
		return written(raw.v)
	}
	s, err := written(v)
	if err != nil || r.escape == nil {
		return s, err
	}
	return r.escape(s), nil
}

// written is a value as text.
func written(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case rawValue:
		return written(v.v)
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	b, err := encode(v)
	return string(b), err
}

// templateData is a document as templates see it: integers as int, other numbers as
// float64, those that are neither as the text that they are.
func templateData(doc json.RawMessage) (any, error) {
	v, err := decode(doc)
	if err != nil {
		return nil, err
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = numbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = numbers(e)
		}
	case json.Number:
		if i, err := strconv.Atoi(v.String()); err == nil && v != "-0" {
			return i
		}
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
				return int(f)
			}
			return f
		}
	}
	return v
}

// quantity is a number for arithmetic.
func quantity(v any) (float64, error) {
	switch v := v.(type) {
	case int:
		return float64(v), nil
	case float64:
		return v, nil
	case json.Number:
		return v.Float64()
	}
	return 0, fmt.Errorf("%s is no number", shortly(v))
}

// shortly is a value for an error's text.
func shortly(v any) string {
	s, err := encode(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	if len(s) > 60 {
		return strings.ToValidUTF8(string(s[:60]), "") + "…"
	}
	return string(s)
}
