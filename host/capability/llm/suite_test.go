package llm

import (
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/capabilitytest"
)

// TestSuite holds the capability to what every capability must hold to.
func TestSuite(t *testing.T) {
	const embedding = `{"data":[{"index":0,"embedding":[1,2]}],"model":"e"}`
	s := serve(t, hello())
	s.handle("/v1/embeddings", whole(200, embedding))
	s.handle("/busy/chat/completions", whole(429, `{}`, "Retry-After", "3"))
	s.handle("/a/v1/messages", helloAnthropic())
	hung := serve(t, hang)
	capabilitytest.Run(t, capabilitytest.Suite{
		New: func(*testing.T) capability.Capability { return New(Options{}) },
		Settings: `{"endpoints":{
			"main":{"base_url":"` + s.URL + `/v1","key":"${secret:key}","model":"m","embeddings":"e"},
			"claude":{"api":"anthropic","base_url":"` + s.URL + `/a","key":"${secret:key}","model":"c"},
			"busy":{"base_url":"` + s.URL + `/busy","model":"m"},
			"hung":{"base_url":"` + hung.URL + `","model":"m"}
		},"fallback":["busy","main"]}`,
		Secrets: map[string]string{"key": "sk-test-0123456789"},
		Cases: []capabilitytest.Case{
			{Method: "chat", Request: sayHello, Answer: `{"content":"Hello","model":"m-1","endpoint":"main","finish_reason":"stop","usage":{"input_tokens":7,"output_tokens":3}}`},
			{Method: "chat", Request: `{"messages":[{"role":"user","content":"x"}],"endpoint":"claude"}`, Grant: `{"models":["c*"],"endpoints":["claude"],"max_tokens":5}`},
			{Method: "chat", Request: `{"messages":[{"role":"user","content":"x"}],"endpoint":"busy"}`, Reason: "http_429", Retryable: true},
			{Method: "chat", Request: `{"messages":[{"role":"user","content":"x"}],"model":"other"}`, Reason: "model_not_granted", Denied: true},
			{Method: "embed", Request: `{"input":["a"],"endpoint":"main"}`, Answer: `{"embeddings":[[1,2]],"model":"e","endpoint":"main","usage":{"input_tokens":0,"output_tokens":0},"usage_missing":true}`},
		},
		Slow: &capabilitytest.Case{Method: "chat", Request: `{"messages":[{"role":"user","content":"x"}],"endpoint":"hung"}`},
	})
}
