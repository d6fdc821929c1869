package nodes

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// clean runs a node and holds that it gives a document, or an error with a code that
// is not one of a surprise.
func clean(t *testing.T, name, config, input string) {
	t.Helper()
	got := chainrun{config: config}.run(name, input)
	if json.Valid([]byte(got)) && utf8.ValidString(got) {
		return
	}
	code, _, _ := strings.Cut(got, ": ")
	switch code {
	case "bad_input", "bad_config", "too_large", "bad_template", "missing_key", "template_error", "bad_json", "bad_query", "jq_error", "no_result",
		"many_results", "bad_csv", "bad_header", "bad_value", "bad_schema", "invalid_document":
	default:
		t.Errorf("%s with %q of %q gives %q", name, config, input, got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("<p>a<b>b</b><ul><li>c", uint8(3), uint8(1))
	f.Add("a,b\n1,\"x\"\n", uint8(5), uint8(0))
	f.Add("ä b\n\nc", uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, text string, size, overlap uint8) {
		if !utf8.ValidString(text) || len(text) > 1<<12 {
			return
		}
		clean(t, "html2text", `{"format":"markdown","links":"list","images":true,"base":"https://example.com/"}`, quoted(text))
		clean(t, "csv", `{"types":"auto"}`, quoted(text))
		clean(t, "csv", `{"header":false,"lenient":true,"trim":true}`, quoted(text))
		for _, by := range []string{"words", "lines", "characters"} {
			conf, err := encode(splitConfig{By: by, Size: 1 + int(size)%20, Overlap: int(overlap) % 20, At: "paragraphs"})
			if err != nil {
				t.Fatal(err)
			}
			clean(t, "split", string(conf), quoted(text))
		}
	})
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{{range $i, $v := .a}}{{$v | json}}{{end}}{{with .b}}{{.}}{{end}}`, `{"a":[1,2.5],"b":"c"}`)
	f.Add(`{{define "x"}}{{.}}{{end}}{{template "x" .a}}{{add 1 .n}}`, `{"a":null,"n":1e30}`)
	f.Fuzz(func(t *testing.T, text, input string) {
		// What is only long is for fuel to end.
		if !utf8.ValidString(text) || strings.Contains(text, "range") && strings.ContainsAny(text, "0123456789") || len(text)+len(input) > 1<<10 {
			return
		}
		config, err := encode(templateConfig{Template: text})
		if err != nil {
			t.Fatal(err)
		}
		clean(t, "template", string(config), input)
		if r, err := (httpConfig{URL: "https://example.com/" + text}).request(json.RawMessage(input)); err == nil && r.URL == "" {
			t.Error("no URL")
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add(`[{"a":1,"b":[1]},{"a":"x"}]`)
	f.Add(`{"a":[1],"b":[2.50]}`)
	f.Add(`["a","b"]`)
	f.Fuzz(func(t *testing.T, input string) {
		if len(input) > 1<<12 || !utf8.ValidString(input) || !json.Valid([]byte(input)) {
			return
		}
		clean(t, "csv", `{"direction":"write"}`, input)
		clean(t, "merge", `{"overlap":1,"by":"words"}`, input)
		clean(t, "jq", `{"query":"[.. | numbers] | add"}`, input)
		clean(t, "validate", `{"schema":{"items":{"type":"string","multipleOf":2}}}`, input)
		clean(t, "validate", `{"schema":`+input+`}`, input)
		clean(t, "template", `{"template":"{{.}}"}`, input)
		_ = found(input)
	})
}
