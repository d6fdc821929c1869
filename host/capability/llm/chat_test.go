package llm

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// TestChatSameShape asks both APIs the same, streaming and not: the node sees
// the same shape.
func TestChatSameShape(t *testing.T) {
	tests := map[string]struct {
		handler func() http.HandlerFunc
		table   string
		request string
		path    string
		want    string
	}{
		"openai stream": {
			hello, openaiTable, sayHello, "/v1/chat/completions",
			`{"content":"Hello","model":"m-1","endpoint":"default","finish_reason":"stop","usage":{"input_tokens":7,"output_tokens":3}}`,
		},
		"openai whole": {
			func() http.HandlerFunc { return whole(200, wholeChat) }, openaiTable,
			`{"messages":[{"role":"user","content":"Say hello."}],"stream":false}`, "/v1/chat/completions",
			`{"content":"Hello","model":"m-1","endpoint":"default","finish_reason":"stop","usage":{"input_tokens":7,"output_tokens":3}}`,
		},
		"anthropic stream": {
			helloAnthropic, anthropicTable, sayHello, "/v1/messages",
			`{"content":"Hello","model":"claude-1","endpoint":"default","finish_reason":"stop","usage":{"input_tokens":11,"output_tokens":5}}`,
		},
		"anthropic whole": {
			func() http.HandlerFunc { return whole(200, wholeMessage) }, anthropicTable,
			`{"messages":[{"role":"user","content":"Say hello."}],"stream":false}`, "/v1/messages",
			`{"content":"Hello","model":"claude-1","endpoint":"default","finish_reason":"stop","usage":{"input_tokens":11,"output_tokens":5}}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.handler())
			c := configure(t, s, test.table)
			var shown strings.Builder
			a, err := ask(t, c, "chat", test.request, withKey, func(c *capability.Call) {
				c.Partial = func(d document.Document) {
					v, _ := d.Value()
					shown.WriteString(v.(map[string]any)["text"].(string))
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := a.Document.String(); got != test.want {
				t.Errorf("answer\n got %s\nwant %s", got, test.want)
			}
			seen := s.last(t)
			if seen.path != test.path {
				t.Errorf("path %s, want %s", seen.path, test.path)
			}
			if got := seen.header.Get("Idempotency-Key"); got != testKey {
				t.Errorf("Idempotency-Key %q", got)
			}
			key := seen.header.Get("Authorization") + seen.header.Get("X-Api-Key")
			if !strings.HasSuffix(key, "sk-test-0123456789") {
				t.Errorf("the key did not arrive: %q", key)
			}
			stream := strings.HasSuffix(name, "stream")
			if got := seen.body["stream"] == true; got != stream {
				t.Errorf("stream is %v", got)
			}
			if want := map[bool]string{true: "Hello"}[stream]; shown.String() != want {
				t.Errorf("shown %q, want %q", shown.String(), want)
			}
		})
	}
}
