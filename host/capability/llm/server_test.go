package llm

// This file is the server that the tests ask: it answers as a test says, and
// keeps what it was asked.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// asked is one request that a server saw.
type asked struct {
	path   string
	header http.Header
	body   map[string]any
	raw    string
}

type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []asked
	paths map[string]http.HandlerFunc
}

// handle has another handler for a path.
func (s *server) handle(path string, h http.HandlerFunc) { s.paths[path] = h }

// hang answers when whoever asked has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// serve starts a server that answers with the handlers in turn, the last one
// for ever.
func serve(t *testing.T, handlers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{paths: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		one := asked{path: r.URL.Path, header: r.Header.Clone(), raw: string(raw)}
		_ = json.Unmarshal(raw, &one.body)
		s.mu.Lock()
		i := min(len(s.asked), len(handlers)-1)
		s.asked = append(s.asked, one)
		s.mu.Unlock()
		if h := s.paths[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		handlers[i](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.asked...)
}

func (s *server) last(t *testing.T) asked {
	t.Helper()
	all := s.seen()
	if len(all) == 0 {
		t.Fatal("the server was not asked")
	}
	return all[len(all)-1]
}

// whole answers with one JSON document.
func whole(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// events answers with a stream of these data. A datum with a line break is
// written as it is: "event: x\ndata: y".
func events(data ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, d := range data {
			if !strings.Contains(d, "\n") {
				d = "data: " + d
			}
			_, _ = io.WriteString(w, d+"\n\n")
			w.(http.Flusher).Flush()
		}
	}
}

// cut answers with the beginning of a stream and breaks the connection.
func cut(data ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		events(data...)(w, r)
		panic(http.ErrAbortHandler)
	}
}

func delta(text string) string {
	return fmt.Sprintf(`{"id":"x","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}]}`, text)
}

const (
	finishChunk = `{"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	usageChunk  = `{"model":"m-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`
	doneChunk   = `[DONE]`
	wholeChat   = `{"id":"x","object":"chat.completion","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`
)

// hello is a stream that says Hello.
func hello() http.HandlerFunc {
	return events(delta("Hel"), delta("lo"), finishChunk, usageChunk, doneChunk)
}

func anthropicEvents(data ...string) http.HandlerFunc {
	list := make([]string, len(data))
	for i, d := range data {
		var typed struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal([]byte(d), &typed)
		list[i] = "event: " + typed.Type + "\ndata: " + d
	}
	return events(list...)
}

const (
	messageStart = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-1","content":[],"stop_reason":null,"usage":{"input_tokens":11,"output_tokens":1}}}`
	textStart    = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	textHel      = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}`
	textLo       = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}`
	blockStop    = `{"type":"content_block_stop","index":0}`
	messageDelta = `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}`
	messageStop  = `{"type":"message_stop"}`
	wholeMessage = `{"id":"msg_1","type":"message","role":"assistant","model":"claude-1","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":5}}`
)

func helloAnthropic() http.HandlerFunc {
	return anthropicEvents(messageStart, textStart, textHel, `{"type":"ping"}`, textLo, blockStop, messageDelta, messageStop)
}

// secrets are the values of a test; names with a $ are variables.
type secrets map[string]string

func (s secrets) Expand(text string) (string, error) {
	for {
		i := strings.Index(text, "${secret:")
		if i < 0 {
			return text, nil
		}
		name, rest, _ := strings.Cut(text[i+len("${secret:"):], "}")
		value, ok := s[name]
		if !ok {
			return "", fmt.Errorf("secret %q has no value", name)
		}
		text = text[:i] + value + rest
	}
}

func (s secrets) Env(name string) (string, bool) {
	v, ok := s["$"+name]
	return v, ok
}

const testKey = "3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c"

// ask is one call; edit changes it.
func ask(t *testing.T, c capability.Capability, method, request string, edit ...func(*capability.Call)) (capability.Answer, error) {
	t.Helper()
	call := capability.Call{
		Method:  method,
		Request: document.MustParse(request),
		Grant:   document.MustParse(`{}`),
		Key:     testKey,
		Secrets: secrets{},
		Partial: func(document.Document) {},
		Left:    capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: capability.Unlimited},
	}
	for _, e := range edit {
		e(&call)
	}
	offer, err := capability.NewOffer("llm", c)
	if err != nil {
		t.Fatal(err)
	}
	m := offer.Method(method)
	if m == nil {
		t.Fatalf("no method %q", method)
	}
	if v := m.RequestSchema.Validate(call.Request); len(v) > 0 {
		t.Fatalf("the request breaks its schema: %v", v)
	}
	a, err := c.Call(t.Context(), call)
	if err == nil {
		// What holds of every answer.
		if _, perr := document.Parse(a.Document.Bytes(), document.Limits{}); perr != nil {
			t.Fatalf("the answer is no document: %v\n%s", perr, a.Document)
		}
		if v := m.ResponseSchema.Validate(a.Document); len(v) > 0 {
			t.Fatalf("the answer breaks its schema: %v\n%s", v, a.Document)
		}
	}
	return a, err
}

// configure makes a capability with settings written as JSON; %s in them is the
// server's address.
func configure(t *testing.T, s *server, table string) capability.Capability {
	t.Helper()
	root := New(Options{})
	t.Cleanup(func() { _ = root.Close() })
	if s != nil {
		table = strings.ReplaceAll(table, "%s", s.URL)
	}
	d := document.MustParse(table)
	offer, err := capability.NewOffer("llm", root)
	if err != nil {
		t.Fatal(err)
	}
	if v := offer.Config.Validate(d); len(v) > 0 {
		t.Fatalf("the settings break their schema: %v", v)
	}
	c, err := root.Configure("llm", d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	openaiTable    = `{"base_url":"%s/v1","key":"${secret:key}","model":"m"}`
	anthropicTable = `{"api":"anthropic","base_url":"%s","key":"${secret:key}","model":"claude"}`
	sayHello       = `{"messages":[{"role":"user","content":"Say hello."}]}`
)

var withKey = func(c *capability.Call) { c.Secrets = secrets{"key": "sk-test-0123456789"} }
