package llm

// These tests are about which endpoint is asked, for which model, with which key.

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

func granted(table string) func(*capability.Call) {
	return func(c *capability.Call) { c.Grant = document.MustParse(table) }
}

func TestFallback(t *testing.T) {
	limited := func(after string) http.HandlerFunc { return whole(429, `{}`, "Retry-After", after) }
	bad := whole(400, `{"error":{"message":"bad"}}`)
	tests := map[string]struct {
		a, b     http.HandlerFunc
		request  string
		grant    string
		fallback string
		endpoint string // that answered; "" for an error
		reason   string
		after    time.Duration
		asked    [2]int
	}{
		"the first answers":              {hello(), hello(), ``, `{}`, ``, "a", "", 0, [2]int{1, 0}},
		"the second answers":             {limited("9"), hello(), ``, `{}`, ``, "b", "", 0, [2]int{1, 1}},
		"a cut stream":                   {cut(delta("Hel")), hello(), ``, `{}`, ``, "b", "", 0, [2]int{1, 1}},
		"what cannot pass ends the call": {bad, hello(), ``, `{}`, ``, "", "http_400", 0, [2]int{1, 0}},
		"both fail, the least wait":      {limited("9"), limited("5"), ``, `{}`, ``, "", "http_429", 5 * time.Second, [2]int{1, 1}},
		"both fail, the first's is less": {limited("3"), limited("5"), ``, `{}`, ``, "", "http_429", 3 * time.Second, [2]int{1, 1}},
		"the second cannot":              {limited("9"), bad, ``, `{}`, ``, "", "http_429", 9 * time.Second, [2]int{1, 1}},
		"in the order of the settings":   {hello(), limited("1"), ``, `{}`, `,"fallback":["b","a"]`, "a", "", 0, [2]int{1, 1}},
		"only those of the settings":     {limited("9"), hello(), ``, `{}`, `,"fallback":["a"]`, "", "http_429", 9 * time.Second, [2]int{1, 0}},
		"one by name":                    {hello(), hello(), `,"endpoint":"b"`, `{}`, `,"fallback":["a"]`, "b", "", 0, [2]int{0, 1}},
		"one by name has no fallback":    {limited("9"), hello(), `,"endpoint":"a"`, `{}`, ``, "", "http_429", 9 * time.Second, [2]int{1, 0}},
		"only the granted":               {hello(), hello(), ``, `{"endpoints":["b"]}`, ``, "b", "", 0, [2]int{0, 1}},
		"not granted by name":            {hello(), hello(), `,"endpoint":"a"`, `{"endpoints":["b"]}`, ``, "", "endpoint_not_granted", 0, [2]int{}},
		"unknown":                        {hello(), hello(), `,"endpoint":"c"`, `{}`, ``, "", "unknown_endpoint", 0, [2]int{}},
		"only the granted model":         {hello(), hello(), ``, `{"models":["m*b"]}`, ``, "b", "", 0, [2]int{0, 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := serve(t, test.a), serve(t, test.b)
			c := configure(t, nil, fmt.Sprintf(`{"endpoints":{"b":{"base_url":%q,"model":"m-b"},"a":{"base_url":%q,"model":"m-a"}}%s}`, b.URL, a.URL, test.fallback))
			var partials []string
			answer, err := ask(t, c, "chat", `{"messages":[{"role":"user","content":"x"}]`+test.request+`}`, granted(test.grant),
				func(c *capability.Call) {
					c.Partial = func(d document.Document) { partials = append(partials, d.String()) }
				})
			if got := [2]int{len(a.seen()), len(b.seen())}; got != test.asked {
				t.Errorf("asked %v times, want %v", got, test.asked)
			}
			if test.endpoint != "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := member(t, answer.Document, "endpoint"); got != test.endpoint {
					t.Errorf("answered by %v, want %s", got, test.endpoint)
				}
				if name == "a cut stream" && strings.Join(partials, " ") != `{"text":"Hel"} {"restart":true,"endpoint":"b"} {"text":"Hel"} {"text":"lo"}` {
					t.Errorf("partials %s", partials)
				}
				return
			}
			e := failure(t, err)
			if e.Reason != test.reason || e.RetryAfter != test.after || e.Retryable != (test.reason == "http_429") {
				t.Errorf("%+v", e)
			}
			if test.asked == [2]int{1, 1} && (!strings.Contains(e.Message, `endpoint "a"`) || !strings.Contains(e.Message, `endpoint "b"`)) {
				t.Errorf("the message names not both: %s", e.Message)
			}
		})
	}
}

func TestModels(t *testing.T) {
	s := serve(t, hello())
	flat := configure(t, s, `{"base_url":"%s","model":"small"}`)
	none := configure(t, s, `{"base_url":"%s"}`)
	tests := map[string]struct {
		c      capability.Capability
		model  string
		grant  string
		reason string
		text   string
	}{
		"the settings' model":         {flat, "", `{}`, "", ""},
		"the settings' model by name": {flat, "small", `{}`, "", ""},
		"another without a grant":     {flat, "large", `{}`, "model_not_granted", "`models = [\"large\"]`"},
		"another by pattern":          {flat, "large-2", `{"models":["large*"]}`, "", ""},
		"another, not in the grant":   {flat, "huge", `{"models":["large*"]}`, "model_not_granted", "`models = [\"large*\", \"huge\"]`"},
		"the settings' is not meant":  {flat, "", `{"models":["large*"]}`, "model_not_granted", `"small"`},
		"no model at all":             {none, "", `{}`, "no_model", "`model = \"…\"` into [capabilities.llm]"},
		"no model, any granted":       {none, "any/thing:1", `{"models":["*"]}`, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request := sayHello
			if test.model != "" {
				request = `{"messages":[{"role":"user","content":"x"}],"model":"` + test.model + `"}`
			}
			_, err := ask(t, test.c, "chat", request, granted(test.grant))
			if test.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				want := test.model
				if want == "" {
					want = "small"
				}
				if got := s.last(t).body["model"]; got != want {
					t.Errorf("asked for %v", got)
				}
				return
			}
			e := failure(t, err)
			if e.Reason != test.reason || e.Retryable || e.Denied != (test.reason == "model_not_granted") || !strings.Contains(e.Message, test.text) {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "ab", true},
		{"*", "", true},
		{"*b", "ab", true},
		{"a*c", "abbc", true},
		{"a*c", "ab", false},
		{"a*b*c", "axbxc", true},
		{"a*b*c", "axcxb", false},
		{"a*a", "a", false},
		{"*a*", "bab", true},
		{"ab*ba", "aba", false},
		{"", "", true},
		{"", "x", false},
		{"**", "x", true},
	} {
		if matches(test.pattern, test.name) != test.want {
			t.Errorf("matches(%q, %q) is not %v", test.pattern, test.name, test.want)
		}
	}
}

// TestEnvironment has no settings: variables that the host hands out say where
// models are.
func TestEnvironment(t *testing.T) {
	o, a := serve(t, hello()), serve(t, helloAnthropic())
	c := New(Options{})
	defer func() { _ = c.Close() }()
	env := func(s secrets) func(*capability.Call) { return func(c *capability.Call) { c.Secrets = s } }
	anything := granted(`{"models":["*"]}`)
	const request = `{"messages":[{"role":"user","content":"x"}],"model":"m"`

	_, err := ask(t, c, "chat", request+`}`, anything)
	e := failure(t, err)
	if e.Reason != "no_endpoint" || e.Retryable || !strings.Contains(e.Message, "[capabilities.llm]") || !strings.Contains(e.Message, "OPENAI_API_KEY") {
		t.Errorf("%+v", e)
	}

	both := secrets{"$OPENAI_API_KEY": "${secret:x} is the key", "$OPENAI_BASE_URL": o.URL + "/v1", "$ANTHROPIC_API_KEY": "key-a", "$ANTHROPIC_BASE_URL": a.URL + "/v1/"}
	if _, err := ask(t, c, "chat", request+`}`, anything, env(both)); err != nil {
		t.Fatal(err)
	}
	if got := o.last(t).header.Get("Authorization"); got != "Bearer ${secret:x} is the key" {
		t.Errorf("a variable's value is no template: %q", got)
	}
	if _, err := ask(t, c, "chat", request+`,"endpoint":"anthropic"}`, anything, env(both)); err != nil {
		t.Fatal(err)
	}
	if got := a.last(t); got.header.Get("X-Api-Key") != "key-a" || got.path != "/v1/messages" {
		t.Errorf("%s %v", got.path, got.header)
	}
	if _, err := ask(t, c, "chat", request+`}`, anything, env(secrets{"$OPENAI_BASE_URL": o.URL})); err != nil {
		t.Errorf("a server without a key: %v", err)
	}

	// A variable's key goes to the operator's address, never to the graph's.
	steal := configure(t, o, `{"base_url":"%s","model":"m"}`)
	if _, err := ask(t, steal, "chat", sayHello, env(secrets{"$OPENAI_API_KEY": "stolen"})); err != nil {
		t.Fatal(err)
	}
	if got := o.last(t).header.Get("Authorization"); got != "" {
		t.Errorf("the key went to an address of the graph: %q", got)
	}
	fill := configure(t, o, `{"model":"m"}`)
	if _, err := ask(t, fill, "chat", sayHello, env(both)); err != nil {
		t.Fatal(err)
	}
	if got := o.last(t).header.Get("Authorization"); got == "" {
		t.Error("a graph that names no address has the operator's")
	}
	_, err = ask(t, configure(t, nil, `{"model":"m"}`), "chat", sayHello)
	if e := failure(t, err); e.Reason != "no_key" || !strings.Contains(e.Message, "OPENAI_API_KEY") {
		t.Errorf("%+v", e)
	}
	_, err = ask(t, configure(t, o, openaiTable), "chat", sayHello)
	if e := failure(t, err); e.Reason != "no_secret" || !strings.Contains(e.Message, `"key"`) {
		t.Errorf("%+v", e)
	}
}

func TestHeaders(t *testing.T) {
	s := serve(t, hello())
	c := configure(t, s, `{"base_url":"%s","model":"m","headers":{"Authorization":"Token ${secret:key}","X-Org":"o"}}`)
	if _, err := ask(t, c, "chat", sayHello, withKey); err != nil {
		t.Fatal(err)
	}
	if h := s.last(t).header; h.Get("Authorization") != "Token sk-test-0123456789" || h.Get("X-Org") != "o" {
		t.Errorf("%v", h)
	}
	for _, value := range []string{"a\r\nX-Evil: 1", "a\nb", "\x00"} {
		_, err := ask(t, c, "chat", sayHello, func(c *capability.Call) { c.Secrets = secrets{"key": value} })
		if e := failure(t, err); e.Reason != "bad_settings" || strings.Contains(e.Message, "Evil") {
			t.Errorf("%q: %+v", value, e)
		}
		_, err = ask(t, configure(t, s, openaiTable), "chat", sayHello, func(c *capability.Call) { c.Secrets = secrets{"key": value} })
		if e := failure(t, err); e.Reason != "bad_settings" {
			t.Errorf("%q: %+v", value, e)
		}
	}
}

func TestSettingsProblems(t *testing.T) {
	tests := map[string]struct{ table, pointer, text string }{
		"flat beside endpoints": {`{"model":"m","endpoints":{"a":{}}}`, "/model", "beside"},
		"unknown fallback":      {`{"endpoints":{"a":{}},"fallback":["a","b"]}`, "/fallback/1", `"b"`},
		"a URL of another kind": {`{"base_url":"ftp://x"}`, "/base_url", "http"},
		"a URL with a password": {`{"base_url":"http://u:p@x"}`, "/base_url", "password"},
		"a URL with a query":    {`{"base_url":"http://x?a=b"}`, "/base_url", "query"},
		"no URL":                {`{"endpoints":{"a":{"base_url":"x"}}}`, "/endpoints/a/base_url", "host"},
		"a timeout":             {`{"timeout":"soon"}`, "/timeout", "soon"},
		"a timeout below 0":     {`{"timeout":"-1s"}`, "/timeout", "-1s"},
		"a header's name":       {`{"headers":{"a b":"c"}}`, "/headers/a b", "no name"},
		"the host's header":     {`{"headers":{"host":"c"}}`, "/headers/host", "own"},
		"extra":                 {`{"extra":{"messages":[]}}`, "/extra/messages", "itself"},
		"a secret in extra":     {`{"extra":{"a":["${secret:x}"]}}`, "/extra/a", "secrets"},
		"a secret as a model":   {`{"model":"${secret:x}"}`, "/model", "secrets"},
		"a price's digits":      {`{"prices":{"m/1":{"input":0.0000000001}}}`, "/prices/m~11/input", "nine digits"},
		"a tiny price":          {`{"prices":{"m":{"input":1e-999999999}}}`, "/prices/m/input", "nine digits"},
		"json_object":           {`{"api":"anthropic","structured":"json_object"}`, "/structured", "json_object"},
		"embeddings":            {`{"api":"anthropic","embeddings":"e"}`, "/embeddings", "embeddings"},
		"the field":             {`{"api":"anthropic","max_tokens_field":"max_tokens"}`, "/max_tokens_field", "field"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(Options{}).Configure("llm", document.MustParse(test.table))
			problems, ok := errors.AsType[capability.Problems](err)
			if !ok || len(problems) != 1 {
				t.Fatalf("%T %v", err, err)
			}
			if p := problems[0]; p.Pointer != test.pointer || !strings.Contains(p.Text, test.text) {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestCheckGrant(t *testing.T) {
	c := configure(t, nil, `{"endpoints":{"a":{},"b":{}}}`).(capability.GrantChecker)
	if p := c.CheckGrant(document.MustParse(`{"endpoints":["a","b"],"models":["x*"]}`)); len(p) > 0 {
		t.Errorf("%v", p)
	}
	p := c.CheckGrant(document.MustParse(`{"endpoints":["a","c"]}`))
	if len(p) != 1 || p[0].Pointer != "/endpoints/1" || !strings.Contains(p[0].Hint, `"a", "b"`) {
		t.Errorf("%v", p)
	}
	if p := New(Options{}).CheckGrant(document.MustParse(`{"endpoints":["anthropic"]}`)); len(p) > 0 {
		t.Errorf("%v", p)
	}
}
