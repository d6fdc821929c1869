package llm

// These tests look at what endpoints are sent.

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

const richRequest = `{
	"messages": [
		{"role": "system", "content": "Be brief."},
		{"role": "user", "content": [{"type": "text", "text": "What is on it?"}, {"type": "image", "url": "data:image/png;base64,aGk="}]},
		{"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "name": "look", "arguments": "{\"z\":1,\"a\":2}"}, {"id": "c2", "name": "look", "arguments": "{}"}]},
		{"role": "tool", "tool_call_id": "c1", "content": "a cat"},
		{"role": "tool", "tool_call_id": "c2", "content": "a dog"},
		{"role": "user", "content": "Go on."}
	],
	"schema": {"type": "object", "properties": {"zebra": {"type": "string"}, "ant": {"type": "integer"}}},
	"name": "animals",
	"tools": [{"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}}],
	"tool_choice": {"name": "look"},
	"temperature": 0, "top_p": 0.5, "max_tokens": 99, "seed": 7, "stop": "END"
}`

// TestWire holds a rich request against what each API is to be sent, to the byte:
// the order of keys in schemas is the author's.
func TestWire(t *testing.T) {
	tests := map[string]struct{ table, want string }{
		"openai": {
			`{"base_url":"%s/v1","model":"m","strict":true,"extra":{"top_k":5}}`,
			`{"messages":[{"content":"Be brief.","role":"system"},` +
				`{"content":[{"text":"What is on it?","type":"text"},{"image_url":{"url":"data:image/png;base64,aGk="},"type":"image_url"}],"role":"user"},` +
				`{"tool_calls":[{"id":"c1","function":{"arguments":"{\"z\":1,\"a\":2}","name":"look"},"type":"function"},{"id":"c2","function":{"arguments":"{}","name":"look"},"type":"function"}],"role":"assistant"},` +
				`{"content":"a cat","tool_call_id":"c1","role":"tool"},{"content":"a dog","tool_call_id":"c2","role":"tool"},{"content":"Go on.","role":"user"}],` +
				`"model":"m","max_tokens":99,"seed":7,"temperature":0,"top_p":0.5,"stop":["END"],"stream_options":{"include_usage":true},` +
				`"response_format":{"json_schema":{"name":"animals","strict":true,"schema":{"type":"object","properties":{"zebra":{"type":"string"},"ant":{"type":"integer"}}}},"type":"json_schema"},` +
				`"tool_choice":{"function":{"name":"look"},"type":"function"},` +
				`"tools":[{"function":{"name":"look","description":"Looks.","parameters":{"type":"object","properties":{"z":{},"a":{}}}},"type":"function"}],` +
				`"top_k":5,"stream":true}`,
		},
		"anthropic": {
			`{"api":"anthropic","base_url":"%s","model":"claude","extra":{"top_k":5}}`,
			`{"max_tokens":99,"messages":[` +
				`{"content":[{"text":"What is on it?","type":"text"},{"source":{"data":"aGk=","media_type":"image/png","type":"base64"},"type":"image"}],"role":"user"},` +
				`{"content":[{"id":"c1","input":{"z":1,"a":2},"name":"look","type":"tool_use"},{"id":"c2","input":{},"name":"look","type":"tool_use"}],"role":"assistant"},` +
				`{"content":[{"tool_use_id":"c1","is_error":false,"content":[{"text":"a cat","type":"text"}],"type":"tool_result"},{"tool_use_id":"c2","is_error":false,"content":[{"text":"a dog","type":"text"}],"type":"tool_result"},{"text":"Go on.","type":"text"}],"role":"user"}],` +
				`"model":"claude","temperature":0,"top_p":0.5,` +
				`"output_config":{"format":{"schema":{"type":"object","properties":{"zebra":{"type":"string"},"ant":{"type":"integer"}}},"type":"json_schema"}},` +
				`"stop_sequences":["END"],"system":[{"text":"Be brief.","type":"text"}],` +
				`"tool_choice":{"name":"look","type":"tool"},` +
				`"tools":[{"input_schema":{"type":"object","properties":{"z":{},"a":{}}},"name":"look","description":"Looks."}],"top_k":5,"stream":true}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, hello())
			if name == "anthropic" {
				s = serve(t, helloAnthropic())
			}
			if _, err := ask(t, configure(t, s, test.table), "chat", richRequest); err != nil {
				t.Fatal(err)
			}
			if got := compact(s.last(t).raw); got != test.want {
				t.Errorf("sent\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestIntegers: what schemas take for an integer is one, however it is written.
func TestIntegers(t *testing.T) {
	s := serve(t, hello(), hello(), whole(200, `{"model":"e","data":[{"index":0,"embedding":[0.5]}]}`))
	c := configure(t, s, `{"base_url":"%s","model":"m","embeddings":"e"}`)
	for request, want := range map[string]string{
		`{"messages":[{"role":"user","content":"x"}],"max_tokens":1e2,"seed":-7.0}`:    `"max_tokens":100,"seed":-7,`,
		`{"messages":[{"role":"user","content":"x"}],"max_tokens":1000e-1,"seed":0e9}`: `"max_tokens":100,"seed":0,`,
	} {
		if _, err := ask(t, c, "chat", request); err != nil || !strings.Contains(s.last(t).raw, want) {
			t.Errorf("%s: %v, sent %s", request, err, s.last(t).raw)
		}
	}
	if _, err := ask(t, c, "embed", `{"input":["a"],"dimensions":1e0}`); err != nil || !strings.Contains(s.last(t).raw, `"dimensions":1}`) {
		t.Errorf("%v, sent %s", err, s.last(t).raw)
	}
}

// compact takes the space out, and duplicates would stay visible.
func compact(text string) string {
	var b strings.Builder
	d := json.NewDecoder(strings.NewReader(text))
	var raw json.RawMessage
	if d.Decode(&raw) != nil {
		return text
	}
	b.Write(raw)
	return b.String()
}

// TestStructured shows how a schema is asked for, by setting.
func TestStructured(t *testing.T) {
	const request = `{"messages":[{"role":"user","content":"x"}],"schema":{"type":"object"}}`
	toolCall := events(
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"answer","arguments":"{\"a\""}}]}}]}`,
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":": oops"}}]}}]}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`, doneChunk)
	anthropicCall := anthropicEvents(messageStart,
		`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","name":"answer","input":{}}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":": oops"}}`,
		blockStop, `{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}`, messageStop)
	tests := map[string]struct {
		server  *server
		table   string
		field   string // of the body
		want    string
		content string
	}{
		"openai json_schema":    {serve(t, hello()), `{"base_url":"%s","model":"m"}`, "response_format", `{"json_schema":{"name":"answer","schema":{"type":"object"}},"type":"json_schema"}`, "Hello"},
		"openai json_object":    {serve(t, hello()), `{"base_url":"%s","model":"m","structured":"json_object"}`, "response_format", `{"type":"json_object"}`, "Hello"},
		"openai both":           {serve(t, hello()), `{"base_url":"%s","model":"m","structured":"json_object_schema"}`, "response_format", `{"schema":{"type":"object"},"type":"json_object"}`, "Hello"},
		"openai none":           {serve(t, hello()), `{"base_url":"%s","model":"m","structured":"none"}`, "response_format", `null`, "Hello"},
		"openai tool":           {serve(t, toolCall), `{"base_url":"%s","model":"m","structured":"tool"}`, "tool_choice", `"required"`, `{"a": oops`},
		"anthropic json_schema": {serve(t, helloAnthropic()), `{"api":"anthropic","base_url":"%s","model":"m"}`, "output_config", `{"format":{"schema":{"type":"object"},"type":"json_schema"}}`, "Hello"},
		"anthropic none":        {serve(t, helloAnthropic()), `{"api":"anthropic","base_url":"%s","model":"m","structured":"none"}`, "output_config", `null`, "Hello"},
		"anthropic tool":        {serve(t, anthropicCall), `{"api":"anthropic","base_url":"%s","model":"m","structured":"tool"}`, "tool_choice", `{"type":"any"}`, `{"a": oops`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := ask(t, configure(t, test.server, test.table), "chat", request)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := json.Marshal(test.server.last(t).body[test.field])
			if string(got) != test.want {
				t.Errorf("%s\n got %s\nwant %s", test.field, got, test.want)
			}
			if got := member(t, a.Document, "content"); got != test.content {
				t.Errorf("content %q, want %q: what a model writes is not repaired", got, test.content)
			}
			if got := member(t, a.Document, "finish_reason"); got != "stop" {
				t.Errorf("finish_reason %v", got)
			}
		})
	}
}

// member is one member of an object.
func member(t *testing.T, d document.Document, key string) any {
	t.Helper()
	v, err := d.Value()
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)[key]
}

// TestToolCalls reads calls of tools in the ways that servers write them.
func TestToolCalls(t *testing.T) {
	const request = `{"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f"},{"name":"g"}]}`
	const want = `[{"id":"a","name":"f","arguments":"{\"x\":1}"},{"id":"b","name":"g","arguments":"{}"}]`
	tests := map[string]struct {
		server *server
		table  string
		want   string
	}{
		"in pieces": {serve(t, events(
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}`,
			`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`, doneChunk)), openaiTable, want},
		"all with index 0": {serve(t, events(
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`)), openaiTable, want},
		"whole": {serve(t, events(
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`)), openaiTable, want},
		"without ids": {
			serve(t, events(
				`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\"x\":1}"}},{"index":1,"function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`)), openaiTable,
			`[{"id":"call_0","name":"f","arguments":"{\"x\":1}"},{"id":"call_1","name":"g","arguments":"{}"}]`,
		},
		"anthropic": {serve(t, anthropicEvents(messageStart, textStart, textHel, blockStop,
			`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\""}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}`,
			`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"b","name":"g","input":{}}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}`, messageStop)), anthropicTable, want},
		"anthropic without stream": {
			serve(t, whole(200, `{"type":"message","role":"assistant","model":"c","content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"g","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}`)),
			`{"api":"anthropic","base_url":"%s","model":"claude","stream":false}`, want,
		},
		"openai without stream": {
			serve(t, whole(200, `{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`)),
			`{"base_url":"%s","model":"m","stream":false}`, want,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := ask(t, configure(t, test.server, test.table), "chat", request, withKey)
			if err != nil {
				t.Fatal(err)
			}
			var calls string
			for _, f := range a.Document.Fields() {
				if f.Key == "tool_calls" {
					calls = f.Value.String()
				}
			}
			if calls != test.want {
				t.Errorf("tool_calls\n got %s\nwant %s", calls, test.want)
			}
			if got := member(t, a.Document, "finish_reason"); got != "tool_calls" {
				t.Errorf("finish_reason %v", got)
			}
		})
	}
}

// TestMaxTokens shows what caps an answer.
func TestMaxTokens(t *testing.T) {
	left := func(tokens, cost int64) func(*capability.Call) {
		return func(c *capability.Call) {
			c.Left = capability.Left{Bytes: capability.Unlimited, Tokens: tokens, Cost: cost}
		}
	}
	const unlimited = capability.Unlimited
	tests := map[string]struct {
		table   string
		request string
		grant   string
		left    func(*capability.Call)
		field   string
		want    float64 // 0: not sent
	}{
		"nothing said":                  {``, ``, `{}`, left(unlimited, unlimited), "max_tokens", 0},
		"the request":                   {``, `,"max_tokens":5`, `{}`, left(unlimited, unlimited), "max_tokens", 5},
		"the settings":                  {`,"max_tokens":6`, ``, `{}`, left(unlimited, unlimited), "max_tokens", 6},
		"the request, not the settings": {`,"max_tokens":6`, `,"max_tokens":5`, `{}`, left(unlimited, unlimited), "max_tokens", 5},
		"the grant lowers":              {``, `,"max_tokens":50`, `{"max_tokens":10}`, left(unlimited, unlimited), "max_tokens", 10},
		"the grant where nothing said":  {``, ``, `{"max_tokens":10}`, left(unlimited, unlimited), "max_tokens", 10},
		"tokens left":                   {``, ``, `{"max_tokens":10}`, left(3, unlimited), "max_tokens", 3},
		"many tokens left":              {``, ``, `{}`, left(1_000_000, unlimited), "max_tokens", 0},
		"many tokens left, more asked":  {``, `,"max_tokens":2000000`, `{}`, left(1_000_000, unlimited), "max_tokens", 1_000_000},
		"cost left":                     {`,"prices":{"m":{"input":1,"output":2}}`, ``, `{}`, left(unlimited, 20_000), "max_tokens", 10},
		"the new field":                 {`,"max_tokens_field":"max_completion_tokens"`, `,"max_tokens":5`, `{}`, left(unlimited, unlimited), "max_completion_tokens", 5},
		"anthropic wants one":           {`,"api":"anthropic"`, ``, `{}`, left(unlimited, unlimited), "max_tokens", 4096},
		"anthropic, tokens left":        {`,"api":"anthropic"`, ``, `{}`, left(70, unlimited), "max_tokens", 70},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, hello())
			if strings.Contains(test.table, "anthropic") {
				s = serve(t, helloAnthropic())
			}
			c := configure(t, s, `{"base_url":"%s","model":"m"`+test.table+`}`)
			_, err := ask(t, c, "chat", `{"messages":[{"role":"user","content":"x"}]`+test.request+`}`,
				func(c *capability.Call) { c.Grant = document.MustParse(test.grant) }, test.left)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := s.last(t).body[test.field].(float64)
			if got != test.want {
				t.Errorf("%s is %v, want %v", test.field, got, test.want)
			}
		})
	}
}

// TestEnvironmentIsTheHostsAlone sets every variable that the clients read by
// themselves: none may have an effect.
func TestEnvironmentIsTheHostsAlone(t *testing.T) {
	for _, name := range []string{
		"OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_WEBHOOK_SECRET",
		"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_WEBHOOK_SIGNING_KEY", "ANTHROPIC_IDENTITY_TOKEN",
	} {
		t.Setenv(name, "leaked-from-the-process")
	}
	t.Setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
	t.Setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
	t.Setenv("OPENAI_CUSTOM_HEADERS", "X-Leak: leaked-from-the-process")
	t.Setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Leak: leaked-from-the-process")
	t.Setenv("ANTHROPIC_PROFILE", "no-such-profile")
	for _, api := range []string{"openai", "anthropic"} {
		s := serve(t, hello())
		if api == "anthropic" {
			s = serve(t, helloAnthropic())
		}
		c := configure(t, s, `{"api":"`+api+`","base_url":"%s","model":"m"}`)
		if _, err := ask(t, c, "chat", sayHello); err != nil {
			t.Fatal(err)
		}
		for name, values := range s.last(t).header {
			if strings.Contains(strings.Join(values, " "), "leaked") {
				t.Errorf("%s: the header %s holds %v", api, name, values)
			}
		}
	}
}

// TestIdempotencyKey is the call's while what is sent depends on the call alone,
// and another one, as stable, where it depends on more.
func TestIdempotencyKey(t *testing.T) {
	a, b := serve(t, whole(503, `{}`)), serve(t, hello())
	c := configure(t, nil, `{"endpoints":{"a":{"base_url":"`+a.URL+`","model":"m","extra":{"z":1,"y":2,"x":3,"w":4,"v":5}},"b":{"base_url":"`+b.URL+`","model":"m"}}}`)
	ten := func(c *capability.Call) { c.Left.Tokens = 10 }
	for range 10 {
		if _, err := ask(t, c, "chat", sayHello); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(t, c, "chat", sayHello, ten); err != nil {
		t.Fatal(err)
	}
	key := func(one asked) string { return one.header.Get("Idempotency-Key") }
	first, second := a.seen(), b.seen()
	for i := range 10 {
		if key(first[i]) != testKey || first[i].raw != first[0].raw {
			t.Errorf("the same call is sent with another key or body: %s %s", key(first[i]), first[i].raw)
		}
		if key(second[i]) == testKey || key(second[i]) != key(second[0]) || len(key(second[i])) != 64 {
			t.Errorf("the fallback's key: %s", key(second[i]))
		}
	}
	if key(first[10]) == testKey || key(second[10]) == key(second[0]) {
		t.Error("a request that depends on what is left has the key of one that does not")
	}
}
