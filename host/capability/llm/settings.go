package llm

// This file reads [capabilities.llm]: which endpoints there are.

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

const (
	apiOpenAI    = "openai"
	apiAnthropic = "anthropic"

	structuredSchema = "json_schema"
	structuredObject = "json_object"
	structuredMixed  = "json_object_schema"
	structuredTool   = "tool"
	structuredNone   = "none"

	defaultAnswerBytes = 8 << 20

	// defaultName is the name of an endpoint that is written flat.
	defaultName = "default"
)

// endpointTable is one endpoint as it was written.
type endpointTable struct {
	API               string                     `json:"api"`
	BaseURL           string                     `json:"base_url"`
	Key               string                     `json:"key"`
	Model             string                     `json:"model"`
	Embeddings        string                     `json:"embeddings"`
	Structured        string                     `json:"structured"`
	Strict            bool                       `json:"strict"`
	Stream            *bool                      `json:"stream"`
	MaxTokens         int64                      `json:"max_tokens"`
	MaxTokensField    string                     `json:"max_tokens_field"`
	MaxAnswerBytes    int64                      `json:"max_answer_bytes"`
	Timeout           string                     `json:"timeout"`
	RequestsPerMinute int                        `json:"requests_per_minute"`
	TokensPerMinute   int                        `json:"tokens_per_minute"`
	Concurrency       int                        `json:"concurrency"`
	Headers           map[string]string          `json:"headers"`
	Extra             map[string]json.RawMessage `json:"extra"`
	Prices            map[string]priceTable      `json:"prices"`
}

type settingsTable struct {
	endpointTable
	Endpoints map[string]endpointTable `json:"endpoints"`
	Fallback  []string                 `json:"fallback"`
}

// endpoint is one place where models are, with secrets still as references.
type endpoint struct {
	endpointTable
	name    string
	timeout time.Duration // 0: none
	prices  map[string]price
	literal bool // key and base URL are no templates: they came from the environment
}

// settings are what one graph set.
type settings struct {
	endpoints []*endpoint // sorted by name
	fallback  []*endpoint // the order in which they are asked
}

func (s *settings) find(name string) *endpoint {
	for _, e := range s.endpoints {
		if e.name == name {
			return e
		}
	}
	return nil
}

// readSettings reads the table [capabilities.NAME].
func readSettings(name string, d document.Document) (*settings, capability.Problems) {
	var table settingsTable
	if err := json.Unmarshal(d.Bytes(), &table); err != nil {
		return nil, capability.Problems{{Text: "reading the settings: " + err.Error()}}
	}
	var problems capability.Problems
	var shared map[string]price // by all endpoints
	tables := table.Endpoints
	pointer := func(endpoint string) string { return "/endpoints/" + escape(endpoint) }
	if len(tables) == 0 {
		tables = map[string]endpointTable{defaultName: table.endpointTable}
		pointer = func(string) string { return "" }
	} else {
		problems = append(problems, beside(name, d)...)
		var more capability.Problems
		shared, more = readPrices("/prices", table.Prices)
		problems = append(problems, more...)
	}
	s := &settings{}
	for _, n := range slices.Sorted(maps.Keys(tables)) {
		e, more := readEndpoint(n, pointer(n), tables[n])
		problems = append(problems, more...)
		for model, p := range shared {
			if _, ok := e.prices[model]; !ok {
				e.prices[model] = p
			}
		}
		s.endpoints = append(s.endpoints, e)
	}
	for i, n := range table.Fallback {
		e := s.find(n)
		if e == nil {
			problems = append(problems, capability.Problem{
				Pointer: fmt.Sprintf("/fallback/%d", i),
				Text:    fmt.Sprintf("there is no endpoint %q", n),
				Hint:    "the endpoints are " + quoted(names(s.endpoints)),
			})
			continue
		}
		s.fallback = append(s.fallback, e)
	}
	if len(table.Fallback) == 0 {
		s.fallback = s.endpoints
	}
	return s, problems
}

// beside complains about keys of an endpoint that stand beside `endpoints`.
func beside(name string, d document.Document) capability.Problems {
	var problems capability.Problems
	for _, f := range d.Fields() {
		if f.Key != "endpoints" && f.Key != "fallback" && f.Key != "prices" {
			problems = append(problems, capability.Problem{
				Pointer: "/" + escape(f.Key),
				Text:    fmt.Sprintf("%q stands beside `endpoints` and belongs to none of them", f.Key),
				Hint:    fmt.Sprintf("write it into [capabilities.%s.endpoints.NAME]", name),
			})
		}
	}
	return problems
}

func readEndpoint(name, pointer string, t endpointTable) (*endpoint, capability.Problems) {
	var problems capability.Problems
	complain := func(key, text, hint string) {
		problems = append(problems, capability.Problem{Pointer: pointer + "/" + key, Text: text, Hint: hint})
	}
	e := &endpoint{endpointTable: t, name: name}
	e.setDefaults()
	e.prices, problems = readPrices(pointer+"/prices", t.Prices)
	if t.Timeout != "" {
		d, err := time.ParseDuration(t.Timeout)
		if err != nil || d <= 0 {
			complain("timeout", fmt.Sprintf("%q is no length of time", t.Timeout), `write one such as "20s"`)
		}
		e.timeout = d
	}
	if t.BaseURL != "" && !strings.Contains(t.BaseURL, "${") {
		if err := checkURL(t.BaseURL); err != nil {
			complain("base_url", err.Error(), `write one such as "http://127.0.0.1:8080/v1"`)
		}
	}
	for _, field := range [][2]string{{"model", t.Model}, {"embeddings", t.Embeddings}} {
		if strings.Contains(field[1], reference) {
			complain(field[0], "secrets stand in key, base_url and headers only", "")
		}
	}
	for _, h := range slices.Sorted(maps.Keys(t.Headers)) {
		if err := checkHeader(h, t.Headers[h]); err != nil {
			complain("headers/"+escape(h), err.Error(), "")
		}
	}
	for _, k := range slices.Sorted(maps.Keys(t.Extra)) {
		if slices.Contains(ownFields, k) {
			complain("extra/"+escape(k), fmt.Sprintf("%q is what chainrun itself writes into requests", k), "")
		}
		if strings.Contains(string(t.Extra[k]), reference) {
			complain("extra/"+escape(k), "secrets stand in key, base_url and headers only", "")
		}
	}
	if e.API == apiAnthropic {
		switch {
		case t.Structured == structuredObject, t.Structured == structuredMixed:
			complain("structured", "Anthropic's API has no json_object", `write "json_schema", "tool" or "none"`)
		case t.Embeddings != "":
			complain("embeddings", "Anthropic's API has no embeddings", "add an endpoint that has")
		case t.MaxTokensField != "":
			complain("max_tokens_field", "Anthropic's API has one such field only", "leave it out")
		}
	}
	return e, problems
}

// reference is how a reference to a secret begins.
const reference = "${secret:"

// ownFields are the fields of a request's body that `extra` may not set.
var ownFields = []string{
	"messages", "model", "stream", "stream_options", "tools", "tool_choice", "n", "input", "system",
	"max_tokens", "max_completion_tokens", "response_format", "output_config",
}

func (e *endpoint) setDefaults() {
	if e.API == "" {
		e.API = apiOpenAI
	}
	if e.Structured == "" {
		e.Structured = structuredSchema
	}
	if e.MaxAnswerBytes == 0 {
		e.MaxAnswerBytes = defaultAnswerBytes
	}
}

// checkURL refuses what is no address of an API. The text does not repeat it:
// secrets may stand in it.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("the base URL cannot be read")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return errors.New("the base URL is no http or https address with a host")
	case u.User != nil:
		return errors.New("the base URL has a user or a password: keys stand in `key` or `headers`")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the base URL has a query or a fragment")
	}
	return nil
}

// hopHeaders are headers that belong to the connection, not to the author.
var hopHeaders = []string{"Host", "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Idempotency-Key"}

func checkHeader(name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("%q is no name of a header", name)
	case slices.Contains(hopHeaders, http.CanonicalHeaderKey(name)):
		return fmt.Errorf("the header %q is the host's own", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("the value of the header %q has characters that a header cannot have", name)
	}
	return nil
}

func names(endpoints []*endpoint) []string {
	list := make([]string, len(endpoints))
	for i, e := range endpoints {
		list[i] = e.name
	}
	return list
}

// escape writes a key as a part of a JSON Pointer.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

func quoted(list []string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", s)
	}
	return b.String()
}
