package llm

// These tests are about tokens and money.

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

func TestCost(t *testing.T) {
	s := serve(t, hello()) // 7 and 3 tokens
	c := configure(t, s, `{"base_url":"%s","model":"m","prices":{"m":{"input":0.15,"output":0.6}}}`)
	a, err := ask(t, c, "chat", sayHello, func(c *capability.Call) { c.Left.Cost = 1000 })
	if err != nil {
		t.Fatal(err)
	}
	// 7 × 150 + 3 × 600 billionths
	if want := (capability.Usage{InputTokens: 7, OutputTokens: 3, Cost: 2850}); a.Usage != want {
		t.Errorf("usage %+v, want %+v", a.Usage, want)
	}
	if !strings.HasSuffix(a.Document.String(), `"cost":0.00000285}`) {
		t.Errorf("answer %s", a.Document)
	}
	if got := s.last(t).body["max_tokens"]; got != 1.0 { // 1000 billionths pay for one
		t.Errorf("max_tokens %v", got)
	}

	// Prices of an endpoint stand before those of all.
	c = configure(t, s, `{"endpoints":{"a":{"base_url":"%s","model":"m","prices":{"m":{"input":1}}}},"prices":{"m":{"input":9},"n":{"input":2}}}`)
	if a, err = ask(t, c, "chat", sayHello); err != nil || a.Usage.Cost != 7000 {
		t.Errorf("%+v %v", a.Usage, err)
	}

	// Without a price there is no cost, and a limit of it refuses.
	c = configure(t, s, `{"base_url":"%s","model":"m"}`)
	if a, err = ask(t, c, "chat", sayHello); err != nil || a.Usage.Cost != 0 || strings.Contains(a.Document.String(), "cost") {
		t.Errorf("%+v %v %s", a.Usage, err, a.Document)
	}
	before := len(s.seen())
	_, err = ask(t, c, "chat", sayHello, func(c *capability.Call) { c.Left.Cost = 1000 })
	if e := failure(t, err); e.Reason != "no_price" || !e.Denied || !strings.Contains(e.Message, `[capabilities.llm.prices."m"]`) {
		t.Errorf("%+v", e)
	}
	if len(s.seen()) != before {
		t.Error("the endpoint was asked")
	}
}

// TestMissingUsage counts what a server does not say only where it is limited.
func TestMissingUsage(t *testing.T) {
	for name, s := range map[string]*server{
		"none":     serve(t, events(delta("Hello"), finishChunk, doneChunk)),
		"zeros":    serve(t, events(delta("Hello"), finishChunk, `{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}`, doneChunk)),
		"null":     serve(t, events(delta("Hello"), finishChunk, `{"choices":[],"usage":null}`, doneChunk)),
		"negative": serve(t, events(delta("Hello"), finishChunk, `{"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":3}}`, doneChunk)),
		"absurd":   serve(t, events(delta("Hello"), finishChunk, `{"choices":[],"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807}}`, doneChunk)),
	} {
		t.Run(name, func(t *testing.T) {
			c := configure(t, s, `{"base_url":"%s","model":"m","prices":{"m":{"input":1,"output":1}}}`)
			a, err := ask(t, c, "chat", sayHello)
			if err != nil {
				t.Fatal(err)
			}
			if a.Usage != (capability.Usage{}) || member(t, a.Document, "usage_missing") != true {
				t.Errorf("not limited: %+v %s", a.Usage, a.Document)
			}
			a, err = ask(t, c, "chat", sayHello, func(c *capability.Call) { c.Left.Tokens = 1000 })
			if err != nil {
				t.Fatal(err)
			}
			// Each byte may be a token.
			in, out := int64(len(sayHello)+64), int64(len("Hello")+1)
			if want := (capability.Usage{InputTokens: in, OutputTokens: out, Cost: (in + out) * 1000}); a.Usage != want {
				t.Errorf("limited: %+v, want %+v", a.Usage, want)
			}
			if !strings.Contains(a.Document.String(), `"usage":{"input_tokens":0,"output_tokens":0},"usage_missing":true`) {
				t.Errorf("the node is told an estimate: %s", a.Document)
			}
		})
	}
}

// TestFailedStreamsCount has a limit of tokens count what came before the cut.
func TestFailedStreamsCount(t *testing.T) {
	s := serve(t, cut(delta("Hello")))
	c := configure(t, s, `{"base_url":"%s","model":"m"}`)
	_, err := ask(t, c, "chat", sayHello, func(c *capability.Call) { c.Left.Tokens = 1000 })
	if e := failure(t, err); e.Usage.OutputTokens != int64(len("Hello")+1) || e.Usage.InputTokens == 0 {
		t.Errorf("%+v", e)
	}
	// What Anthropic's API says at the beginning is not what it took.
	s = serve(t, cut("event: message_start\ndata: "+messageStart, "event: content_block_delta\ndata: "+textHel, "event: content_block_delta\ndata: "+textLo))
	c = configure(t, s, anthropicTable)
	_, err = ask(t, c, "chat", sayHello, withKey, func(c *capability.Call) { c.Left.Tokens = 1000 })
	if e := failure(t, err); e.Usage.OutputTokens != int64(len("Hello")+1) || e.Usage.InputTokens == 0 {
		t.Errorf("%+v", e)
	}
	_, err = ask(t, c, "chat", sayHello, withKey)
	if e := failure(t, err); e.Usage.InputTokens != 11 {
		t.Errorf("%+v", e)
	}
	s = serve(t, whole(500, `{}`))
	_, err = ask(t, configure(t, s, `{"base_url":"%s","model":"m"}`), "chat", sayHello, func(c *capability.Call) { c.Left.Tokens = 1000 })
	if e := failure(t, err); e.Usage != (capability.Usage{}) {
		t.Errorf("a refusal counts: %+v", e)
	}
}

func TestAnthropicUsageWithCache(t *testing.T) {
	s := serve(t, anthropicEvents(
		strings.Replace(messageStart, `"input_tokens":11,`, `"input_tokens":11,"cache_creation_input_tokens":20,"cache_read_input_tokens":300,`, 1),
		textStart, textHel, messageDelta, messageStop))
	a, err := ask(t, configure(t, s, anthropicTable), "chat", sayHello, withKey)
	if err != nil || a.Usage.InputTokens != 331 || a.Usage.OutputTokens != 5 {
		t.Errorf("%+v %v", a.Usage, err)
	}
}

func TestFinishReasons(t *testing.T) {
	for said, want := range map[string]string{
		"stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls", "content_filter": "content_filter", "moon": "other",
	} {
		s := serve(t, events(delta("x"), `{"choices":[{"index":0,"delta":{},"finish_reason":"`+said+`"}]}`))
		a, err := ask(t, configure(t, s, openaiTable), "chat", sayHello, withKey)
		if err != nil || member(t, a.Document, "finish_reason") != want {
			t.Errorf("%s: %s %v", said, a.Document, err)
		}
	}
	for said, want := range map[string]string{
		"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter", "pause_turn": "other",
	} {
		s := serve(t, anthropicEvents(messageStart, strings.Replace(messageDelta, "end_turn", said, 1), messageStop))
		a, err := ask(t, configure(t, s, anthropicTable), "chat", sayHello, withKey)
		if err != nil || member(t, a.Document, "finish_reason") != want {
			t.Errorf("%s: %s %v", said, a.Document, err)
		}
	}
	s := serve(t, events(`{"choices":[{"index":0,"delta":{"refusal":"No."},"finish_reason":"stop"}]}`))
	a, err := ask(t, configure(t, s, openaiTable), "chat", sayHello, withKey)
	if err != nil || member(t, a.Document, "finish_reason") != "content_filter" || member(t, a.Document, "refusal") != "No." {
		t.Errorf("%s %v", a.Document, err)
	}
}

// TestPriceIsExact compares with rational numbers.
func TestPriceIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := rapid.Int64Range(0, 1_000_000*billion).Draw(t, "in"), rapid.Int64Range(0, 1_000_000*billion).Draw(t, "out")
		p, problems := readPrices("", map[string]priceTable{"m": {Input: json.Number(money(in).String()), Output: json.Number(money(out).String())}})
		if len(problems) > 0 || p["m"] != (price{in, out}) {
			t.Fatalf("%v %v", p, problems)
		}
		a, b := rapid.Int64Range(0, 1<<30).Draw(t, "a"), rapid.Int64Range(0, 1<<30).Draw(t, "b")
		got := p["m"].cost(a, b)
		want := new(big.Int).Add(new(big.Int).Mul(big.NewInt(a), big.NewInt(in)), new(big.Int).Mul(big.NewInt(b), big.NewInt(out)))
		rest := new(big.Int)
		want.QuoRem(want, big.NewInt(million), rest)
		if rest.Sign() > 0 {
			want.Add(want, big.NewInt(1))
		}
		if want.Cmp(big.NewInt(capability.Unlimited)) > 0 {
			want.SetInt64(capability.Unlimited)
		}
		if want.Int64() != got {
			t.Fatalf("%d tokens at %d and %d at %d cost %d, not %s", a, in, b, out, got, want)
		}
		if n := p["m"].affordable(got); out > 0 && a == 0 && n < b && got < capability.Unlimited {
			t.Fatalf("%d pays for %d tokens only, not %d", got, n, b)
		}
	})
	for _, text := range []string{"-1", "1000001", "1e400", "1e99999999999", "0.00000000001"} {
		if _, err := readPrice(json.Number(text)); err == nil {
			t.Errorf("%s is a price", text)
		}
	}
	for text, want := range map[string]int64{"0": 0, "0.0": 0, "1e-9": 1, "2.5e1": 25 * billion, "1000000": 1_000_000 * billion} {
		if got, err := readPrice(json.Number(text)); err != nil || got != want {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
	if d := money(1_500_000_000); d.String() != "1.5" || money(0).String() != "0" || money(3*billion).String() != "3" {
		t.Error(d)
	}
}

func TestEmbed(t *testing.T) {
	vectors := whole(200, `{"object":"list","model":"e-1","data":[{"index":1,"embedding":[0.5,-1e-7]},{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":4,"total_tokens":4}}`)
	const request = `{"input":["a","b"],"dimensions":2}`
	s := serve(t, vectors)
	c := configure(t, s, `{"base_url":"%s/v1","model":"m","embeddings":"e","prices":{"e":{"input":0.02}}}`)
	a, err := ask(t, c, "embed", request)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"embeddings":[[1,2],[0.5,-1e-07]],"model":"e-1","endpoint":"default","usage":{"input_tokens":4,"output_tokens":0},"cost":0.00000008}`; a.Document.String() != want {
		t.Errorf("answer\n got %s\nwant %s", a.Document, want)
	}
	if a.Usage != (capability.Usage{InputTokens: 4, Cost: 80}) {
		t.Errorf("%+v", a.Usage)
	}
	if seen := s.last(t); seen.path != "/v1/embeddings" || compact(seen.raw) != `{"input":["a","b"],"model":"e","dimensions":2}` {
		t.Errorf("%s %s", seen.path, seen.raw)
	}

	for name, test := range map[string]struct{ body, reason string }{
		"one missing":     {`{"data":[{"index":0,"embedding":[1]}]}`, "invalid_answer"},
		"one twice":       {`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`, "invalid_answer"},
		"an index beyond": {`{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`, "invalid_answer"},
		"an empty one":    {`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[]}]}`, "invalid_answer"},
		"none":            {`{}`, "invalid_answer"},
		"null":            {`null`, "invalid_answer"},
		"too many":        {`{"data":[{"index":0,"embedding":[1` + strings.Repeat(",0.123456789", 3000) + `]},{"index":1,"embedding":[1]}]}`, "answer_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			c := configure(t, serve(t, whole(200, test.body)), `{"base_url":"%s","embeddings":"e","max_answer_bytes":20000}`)
			_, err := ask(t, c, "embed", request)
			if e := failure(t, err); e.Reason != test.reason {
				t.Errorf("%+v", e)
			}
		})
	}

	_, err = ask(t, configure(t, s, `{"api":"anthropic","base_url":"%s","model":"m"}`), "embed", request)
	if e := failure(t, err); e.Reason != "no_embeddings" || e.Retryable {
		t.Errorf("%+v", e)
	}
	_, err = ask(t, configure(t, s, `{"base_url":"%s","model":"m"}`), "embed", request)
	if e := failure(t, err); e.Reason != "no_model" || !strings.Contains(e.Message, "`embeddings = ") {
		t.Errorf("%+v", e)
	}
	// Of several endpoints, those that have embeddings are asked.
	c = configure(t, s, `{"endpoints":{"a":{"api":"anthropic","base_url":"%s","model":"m"},"b":{"base_url":"%s","embeddings":"e"}}}`)
	if a, err := ask(t, c, "embed", request); err != nil || member(t, a.Document, "endpoint") != "b" {
		t.Errorf("%v", err)
	}
}

func TestInvalidRequests(t *testing.T) {
	c := configure(t, serve(t, helloAnthropic()), anthropicTable)
	o := configure(t, serve(t, hello()), `{"base_url":"%s","model":"m","structured":"tool"}`)
	for name, test := range map[string]struct {
		c       capability.Capability
		request string
		text    string
	}{
		"a result for no call":      {c, `{"messages":[{"role":"tool","content":"x"}]}`, "tool_call_id"},
		"a user's call":             {c, `{"messages":[{"role":"user","content":"x","tool_calls":[{"id":"a","name":"b","arguments":"{}"}]}]}`, "only a message of role assistant"},
		"a system's image":          {c, `{"messages":[{"role":"system","content":[{"type":"image","url":"https://x/y.png"}]}]}`, "images"},
		"an image without a place":  {c, `{"messages":[{"role":"user","content":[{"type":"image"}]}]}`, "url"},
		"no content":                {c, `{"messages":[{"role":"user"}]}`, "content"},
		"only a system":             {c, `{"messages":[{"role":"system","content":"x"}]}`, "at least one"},
		"arguments that are broken": {c, `{"messages":[{"role":"assistant","tool_calls":[{"id":"a","name":"b","arguments":"{"}]}]}`, "JSON object"},
		"a schema and tools":        {o, `{"messages":[{"role":"user","content":"x"}],"schema":{},"tools":[{"name":"f"}]}`, "not both"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, test.c, "chat", test.request, withKey)
			if e := failure(t, err); e.Reason != "invalid_request" || e.Retryable || !strings.Contains(e.Message, test.text) {
				t.Errorf("%+v", e)
			}
		})
	}
	_, err := c.Call(t.Context(), capability.Call{Method: "sing", Request: document.MustParse(`{}`)})
	if e := failure(t, err); e.Reason != "no_method" {
		t.Errorf("%+v", e)
	}
}
