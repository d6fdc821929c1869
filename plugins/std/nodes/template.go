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
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type templateConfig struct {
	Template string `json:"template" jsonschema_description:"in the language of Go's text/template; the dot is the input."`
	Missing  string `json:"missing,omitempty" jsonschema:"enum=error,enum=empty,default=error" jsonschema_description:"what a key that is not there gives: a failure, or nothing."`
	As       string `json:"as,omitempty" jsonschema:"enum=text,enum=json,default=text" jsonschema_description:"the output is the text, or the document that the text is."`
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
	missing string // "empty": what is not there gives nothing; else it is an error
	url     bool   // what comes from the input is escaped for a URL, but at its very beginning
}

// render compiles a template and carries it out. name is what it is called in errors.
func render(name, text string, data any, r rendering) (string, error) {
	trees, err := parse.Parse(name, text, "", "", functions, builtins)
	if err != nil {
		return "", node.Errorf("bad_template", "%w", plainer(err))
	}
	t := template.New(name).Option("missingkey=error")
	if r.missing == "empty" {
		t.Option("missingkey=zero")
	}
	// Only the functions that are used: to prepare them all costs more than most
	// templates do.
	used := finisher{url: r.url, functions: template.FuncMap{}}
	for _, one := range sorted(trees) {
		tree := trees[one]
		for i, n := range tree.Root.Nodes {
			used.node(n, r.url && (i > 0 || one != name))
		}
		if t, err = t.AddParseTree(one, tree); err != nil {
			return "", node.Errorf("bad_template", "%w", plainer(err))
		}
	}
	t = t.Lookup(name).Funcs(used.functions)
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

// finisher walks through a template: it puts the function that writes values at the end
// of every pipeline that writes one, as html/template does, and finds the functions that
// are called.
type finisher struct {
	url       bool
	functions template.FuncMap
}

// node takes a node; escape: what it writes is a part of a URL.
func (f finisher) node(n parse.Node, escape bool) {
	switch n := n.(type) {
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			function := "text_"
			if escape {
				function = "url_"
			}
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{
				NodeType: parse.NodeCommand, Args: []parse.Node{parse.NewIdentifier(function).SetPos(n.Pos)}, Pos: n.Pos,
			})
		}
		f.node(n.Pipe, escape)
	case *parse.IfNode:
		f.branch(&n.BranchNode)
	case *parse.RangeNode:
		f.branch(&n.BranchNode)
	case *parse.WithNode:
		f.branch(&n.BranchNode)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			f.node(n.Pipe, escape)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			for _, a := range c.Args {
				f.node(a, escape)
			}
		}
	case *parse.ChainNode:
		f.node(n.Node, escape)
	case *parse.IdentifierNode:
		if function := functions[n.Ident]; function != nil {
			f.functions[n.Ident] = function
		}
	}
}

// branch takes what stands in an if, a range or a with: of that nothing is the very
// beginning.
func (f finisher) branch(n *parse.BranchNode) {
	f.node(n.Pipe, f.url)
	for _, l := range []*parse.ListNode{n.List, n.ElseList} {
		if l != nil {
			for _, n := range l.Nodes {
				f.node(n, f.url)
			}
		}
	}
}

// rawValue is what a template wants to be written without escaping.
type rawValue struct{ v any }

// urlPart is a value within a URL: it can neither end a segment nor begin a query.
func urlPart(v any) (string, error) {
	s, err := written(v)
	if _, raw := v.(rawValue); raw || err != nil {
		return s, err
	}
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), nil
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
