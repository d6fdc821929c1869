package nodes

import (
	"strings"
	"testing"
)

// asked runs a node whose model, or web server, answers.
func asked(t *testing.T, name, config, feedback, input, call, answer string) (output, request string) {
	t.Helper()
	var calls []string
	h := chainrun{config: config, feedback: feedback, answers: map[string]string{call: answer}, asked: &calls}
	output = h.run(name, input)
	if len(calls) > 1 {
		t.Errorf("asked %d times", len(calls))
	}
	return output, strings.Join(calls, "")
}

func chat(text string) string {
	return `{"content":` + quoted(text) + `,"finish_reason":"stop","model":"m"}`
}

func TestPrompt(t *testing.T) {
	const config = `{"system":"You are {{.who}}.","prompt":"Say {{.what}}","model":"m","temperature":0,"max_tokens":5,"stop":["x"]}`
	out, request := asked(t, "prompt", config, "", `{"who":"Ada","what":["hi"]}`, "llm.chat", chat("hi <there>"))
	if want := `llm.chat {"messages":[{"role":"system","content":"You are Ada."},{"role":"user","content":"Say [\"hi\"]"}],"model":"m","temperature":0,"max_tokens":5,"stop":["x"]}`; request != want {
		t.Errorf("asked %s", request)
	}
	if out != `"hi <there>"` {
		t.Errorf("%s", out)
	}
	for _, c := range []struct{ config, answer, want string }{
		{`{"prompt":"x","as":"json"}`, chat("Sure: {\"a\": [1]} there."), `{"a": [1]}`},
		{`{"prompt":"x","as":"json"}`, chat("no idea"), `no idea`},
		{`{"prompt":"x","as":"answer"}`, `{"content":"","refusal":"no"}`, `{"content":"","refusal":"no"}`},
		{`{"prompt":"x"}`, `{"content":"","refusal":"I will not"}`, `refused: the model refuses: I will not`},
		{`{"prompt":"x"}`, `{"content":"an unfinished","finish_reason":"length"}`, `cut_answer: …`},
		{`{"prompt":"x"}`, `{"content":"","finish_reason":"content_filter"}`, `filtered: …`},
		{`{"prompt":"x"}`, `[]`, `bad_answer: …`},
		{`{"prompt":"{{.nothing}}"}`, chat("x"), `missing_key: …`},
		{`{}`, chat("x"), `bad_config: …`},
		{`{"prompt":"x","capability":"other"}`, chat("x"), `capability_denied: …`},
	} {
		got, _ := asked(t, "prompt", c.config, "", `{}`, "llm.chat", c.answer)
		begin, cut := strings.CutSuffix(c.want, "…")
		if got != c.want && (!cut || !strings.HasPrefix(got, begin)) {
			t.Errorf("%s, %s: %s", c.config, c.answer, got)
		}
	}
}

func TestPromptOfMessages(t *testing.T) {
	const config = `{"messages":[{"role":"user","content":"{{.a}}?"},{"role":"assistant","content":"yes"},` +
		`{"role":"user","content":[{"type":"text","text":"{{.a}}"},{"type":"image","url":"{{.url}}"}]}]}`
	_, request := asked(t, "prompt", config, `[{"pointer":"","keyword":"pattern","message":"must be short"}]`, `{"a":"b","url":"https://x.org/a.png"}`, "llm.chat", chat("x"))
	want := `llm.chat {"messages":[{"role":"user","content":"b?"},{"role":"assistant","content":"yes"},{"role":"user","content":[` +
		`{"text":"Your last answer was refused:\n- the answer: must be short\nAnswer by the rules this time.\n\n","type":"text"},` +
		`{"text":"b","type":"text"},{"type":"image","url":"https://x.org/a.png"}]}]}`
	if request != want {
		t.Errorf("asked %s", request)
	}
}

func TestExtract(t *testing.T) {
	const config = `{"schema":{"type":"object"},"system":"Find it.","prompt":"In: {{.text}}","examples":[{"input":{"text":"a"},"output":{"n":1}}],"name":"thing"}`
	const feedback = `[{"pointer":"/n","keyword":"type","message":"must be an integer, found \"x\""}]`
	out, request := asked(t, "extract", config, feedback, `{"text":"b"}`, "llm.chat", chat("```json\n{\"n\": 2}\n```"))
	want := `llm.chat {"messages":[{"role":"system","content":"Find it.\n\nAnswer with one JSON document and nothing else. It must be valid by this JSON Schema:\n{\"type\":\"object\"}"},` +
		`{"role":"user","content":"In: a"},{"role":"assistant","content":"{\"n\":1}"},` +
		`{"role":"user","content":"Your last answer was refused:\n- /n: must be an integer, found \"x\"\nAnswer by the rules this time.\n\nIn: b"}],` +
		`"name":"thing","schema":{"type":"object"}}`
	if request != want {
		t.Errorf("asked %s", request)
	}
	if out != `{"n": 2}` {
		t.Errorf("%s", out)
	}
	_, request = asked(t, "extract", `{"schema":true,"show_schema":false}`, "", `"a text"`, "llm.chat", chat("1"))
	if want := `llm.chat {"messages":[{"role":"user","content":"a text"}],"name":"answer","schema":true}`; request != want {
		t.Errorf("asked %s", request)
	}
	if out, _ := asked(t, "extract", `{}`, "", `"a text"`, "llm.chat", chat("1")); !strings.HasPrefix(out, "bad_config: there is no schema") {
		t.Errorf("%s", out)
	}
}

func TestFound(t *testing.T) {
	for text, want := range map[string]string{
		` {"a":1} `:                      `{"a":1}`,
		`17`:                             `17`,
		"```\n[1]\n```":                  `[1]`,
		"Here:\n```json\n\"x\"\n```\n":   `"x"`,
		"<think>{no}</think>\n{\"a\":2}": `{"a":2}`,
		`It is [not] {"a": {"b": 1}} ok`: `{"a": {"b": 1}}`,
		`It is {"a": 1`:                  `It is {"a": 1`,
		``:                               ``,
		strings.Repeat("{", 1000):        strings.Repeat("{", 1000),
	} {
		if got := string(found(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestHTTP(t *testing.T) {
	for _, c := range []struct{ config, input, request string }{
		{
			`{"url":"https://x.org/{{.id}}?q={{.q}}","query":{"n":"{{.n}}","l":["{{.q}}",2]},"headers":{"X-A":"{{.q}}"}}`, `{"id":"../a?b","q":"c d&e","n":1.50}`,
			`{"url":"https://x.org/..%2Fa%3Fb?q=c%20d%26e","query":{"l":["c d&e",2],"n":"1.5"},"headers":{"X-A":"c d&e"}}`,
		},
		{`{"url":"{{.url}}/{{.a}}"}`, `{"url":"https://x.org/b?c","a":"/"}`, `{"url":"https://x.org/b?c/%2F"}`},
		{`{"url":"https://x.org/{{raw .a}}{{if .a}}{{.a}}{{end}}"}`, `{"a":"b/c"}`, `{"url":"https://x.org/b/cb%2Fc"}`},
		{`{"url":"{{if .a}}{{.a}}{{end}}"}`, `{"a":"b/c"}`, `{"url":"b%2Fc"}`},
		{`{"url":"https://x.org/","method":"POST"}`, `{"a": 1.50}`, `{"url":"https://x.org/","method":"POST","json":{"a":1.50}}`},
		{`{"url":"https://x.org/","method":"PUT","json":{"b":["{{.a}}",1.10]}}`, `{"a":"\""}`, `{"url":"https://x.org/","method":"PUT","json":{"b":["\"",1.10]}}`},
		{`{"url":"https://x.org/","method":"post","body":"a={{.a}}"}`, `{"a":"x"}`, `{"url":"https://x.org/","method":"post","body":"a=x"}`},
		{`{"url":"https://x.org/","as":"text","timeout_ms":5,"follow":false,"any_status":true}`, `1`, `{"url":"https://x.org/","as":"text","timeout_ms":5,"follow":false,"any_status":true}`},
	} {
		if _, request := asked(t, "http", c.config, "", c.input, "fetch.request", `{"status":200}`); request != "fetch.request "+c.request {
			t.Errorf("%s: asked %s", c.config, request)
		}
	}
	for _, c := range []struct{ config, answer, want string }{
		{``, `{"status":200,"url":"u","headers":{},"json":{"a":1.50}}`, `{"status":200,"url":"u","headers":{},"json":{"a":1.50}}`},
		{`"output":"body"`, `{"status":201,"json":{"a":1.50}}`, `{"a":1.50}`},
		{`"output":"body"`, `{"status":200,"json":null}`, `null`},
		{`"output":"body"`, `{"status":200,"body":"<p>"}`, `"<p>"`},
		{`"output":"body"`, `{"status":200,"body_base64":"AA=="}`, `"AA=="`},
		{``, `{"status":404,"url":"https://x.org/","body":"not here"}`, `http_404: https://x.org/ answered 404: not here`},
		{``, `{"status":302,"url":"https://x.org/","body":""}`, `http_302: https://x.org/ answered 302: nothing`},
		{`"follow":false`, `{"status":302,"body":""}`, `{"status":302,"body":""}`},
		{`"any_status":true`, `{"status":404}`, `{"status":404}`},
		{``, `[]`, `bad_answer: …`},
		{`"json":1,"body":"x"`, `{}`, `bad_config: …`},
		{`"capability":"shop"`, `{}`, `capability_denied: …`},
		{`"headers":{"a":"{{.x}}"}`, `{}`, `missing_key: headers.a:1:2: …`},
	} {
		config := `{"url":"https://x.org/"}`
		if c.config != "" {
			config = `{"url":"https://x.org/",` + c.config + `}`
		}
		got, _ := asked(t, "http", config, "", `{}`, "fetch.request", c.answer)
		begin, cut := strings.CutSuffix(c.want, "…")
		if got != c.want && (!cut || !strings.HasPrefix(got, begin)) {
			t.Errorf("%s: %s", c.config, got)
		}
	}
}
