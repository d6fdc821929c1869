// Package nodes has the standard nodes: each is a function from a document and a
// config to a document, in a file of its own. Register makes them the entries of the
// program that calls it; docs/std.md describes them.
package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// maxBytes is how large a text or a document may become that a node makes: what a
// host takes by default, several times over. Beyond it the node fails with too_large,
// which says more than the end of its memory would.
const maxBytes = 64 << 20

// Register makes every standard node an entry, and says what they are. It is called
// once, from an init function.
func Register() {
	warmUp()
	node.HandleEntry("template", templateNode)
	node.HandleEntry("jq", jqNode)
	node.HandleEntry("csv", csvNode)
	node.HandleEntry("html2text", html2textNode)
	node.HandleEntry("split", splitNode)
	node.HandleEntry("merge", mergeNode)
	node.HandleEntry("validate", validateNode)
	node.HandleEntry("prompt", promptNode)
	node.HandleEntry("extract", extractNode)
	node.HandleEntry("http", httpNode)
	node.Describe(node.About{
		Name: "std", Version: "1.0.0", Description: "chainrun's standard nodes",
		Entries: map[string]node.AboutEntry{
			"template":  {Description: "text, or a document, from a template and the input", Config: templateConfig{}},
			"jq":        {Description: "what a jq query makes of the input", Config: jqConfig{}},
			"csv":       {Description: "CSV to rows and back", Config: csvConfig{}},
			"html2text": {Description: "the text that a reader of a web page sees", Config: htmlConfig{}},
			"split":     {Description: "a text or a list in parts", Config: splitConfig{}},
			"merge":     {Description: "parts put together again", Config: mergeConfig{}},
			"validate":  {Description: "holds the input to a JSON Schema", Config: validateConfig{}},
			"prompt":    {Description: "asks a language model", Config: promptConfig{}},
			"extract":   {Description: "has a language model answer with JSON that a schema describes", Config: extractConfig{}},
			"http":      {Description: "asks a web server", Config: httpConfig{}},
		},
	})
}

// warmUp goes once through what every attempt goes through, so that what the libraries
// learn on the way (of types, of their own tables) is in the state that attempts start
// from, and costs none of them anything.
func warmUp() {
	page := json.RawMessage(`{"a":[1,2.5,"x",null,true],"b":{"c":""}}`)
	data, _ := templateData(page)
	_, _ = render("warm", `{{range $i, $v := .a}}{{if eq $i 0}}{{$v}}{{else}}{{$v | json}}{{end}}{{end}}{{.b.c}}{{len .a}}{{with .b}}{{.c}}{{end}}`, data, rendering{})
	_, _ = render("warm", `{{.b.c}}/{{.b.c}}`, data, rendering{url: true})
	for _, query := range []string{`.a | map(select(. != null)) | {n: length, s: (map(tostring) | join(","))}`, `[.a[] | numbers] | add`, `.b | to_entries | from_entries | with_entries(.value |= 1) | keys | sort_by(.) | first`} {
		_, _ = runQuery(query, nil, data)
	}
	_, _ = parseCSV(csvConfig{Types: csvTypes{auto: true}}, "a,b\n1,\"x\"\n")
	_, _ = writeCSV(csvConfig{}, json.RawMessage(`[{"a":1,"b":"x"}]`))
	_, _ = pageText(htmlConfig{Format: "markdown", Links: "list"}, `<p>a &amp; <a href="/x">b</a><ul><li>c</ul>`)
	if s, err := compileSchema(jsonSchema(`{"type":"object","properties":{"a":{"type":"array","items":{"type":["number","string"],"minimum":2}}},"required":["d"]}`)); err == nil {
		_ = violationsOf(s, data)
	}
	asked, _ := extractConfig{Schema: outputSchema{jsonSchema(`{}`)}}.conversation(page)
	_, _ = encode(chatRequest{Messages: complain(asked, []node.Violation{{Pointer: "/a", Message: "b"}}), Schema: jsonSchema(`{}`)})
	_ = json.Unmarshal([]byte(`{"content":"{}","finish_reason":"stop","usage":{"input_tokens":1}}`), &chatAnswer{})
	_ = found("a {\"b\":1}")
	get, _ := httpConfig{URL: "https://example.com/{{.b.c}}", Query: map[string]exactly{"a": {"b"}}, Headers: map[string]string{"a": "b"}}.request(page)
	_, _ = encode(get)
	_ = json.Unmarshal([]byte(`{"status":200,"url":"","headers":{"a":["b"]},"json":{}}`), &fetchAnswer{})
	_ = json.Unmarshal([]byte(`{"code":"a","reason":"b","message":"c","retryable":true}`), &node.CallError{})
	for _, config := range []any{&templateConfig{}, &jqConfig{}, &csvConfig{}, &htmlConfig{}, &splitConfig{}, &mergeConfig{}, &validateConfig{}, &promptConfig{}, &extractConfig{}, &httpConfig{}} {
		_ = json.Unmarshal([]byte(`{"template":"","query":"","variables":{"a":1},"header":[""],"types":{"a":"b"},"size":1,"trim":true,"schema":{},`+
			`"messages":[{"role":"user","content":"a"}],"examples":[{"input":1,"output":2}],"temperature":0.5,"seed":1,"stop":[""],"show_schema":true,`+
			`"headers":{"a":"b"},"json":{},"body":"","follow":true}`), config)
	}
}

// decode reads a document with its numbers as they are written.
func decode(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, node.Errorf("bad_input", "decoding the input: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, node.Errorf("bad_input", "decoding the input: there is more than one document")
	}
	return v, nil
}

// exactly is a document of a config, with its numbers as they are written.
type exactly struct{ v any }

// UnmarshalJSON implements json.Unmarshaler.
func (e *exactly) UnmarshalJSON(b []byte) (err error) {
	e.v, err = decode(b)
	return err
}

// MarshalJSON implements json.Marshaler.
func (e exactly) MarshalJSON() ([]byte, error) { return json.Marshal(e.v) }

// encode writes a document; "<" stays "<".
func encode(v any) (json.RawMessage, error) {
	b := &bounded{}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// bounded is a buffer that refuses to grow beyond maxBytes.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxBytes {
		return 0, errTooLarge
	}
	return b.Buffer.Write(p)
}

// WriteString implements io.StringWriter.
func (b *bounded) WriteString(s string) (int, error) {
	if b.Len()+len(s) > maxBytes {
		return 0, errTooLarge
	}
	return b.Buffer.WriteString(s)
}

// put writes a byte of JSON's own; a document is not made of these alone.
func (b *bounded) put(c byte) { b.WriteByte(c) } //nolint:gosec // it returns nil, always

var errTooLarge = node.Errorf("too_large", "the output has more than %d bytes", maxBytes)
