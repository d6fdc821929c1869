package llm

// These tests ask servers that misbehave.

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// failure is the *capability.Error that an error is.
func failure(t *testing.T, err error) *capability.Error {
	t.Helper()
	var e *capability.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %T: %v", err, err)
	}
	return e
}

func TestStatus(t *testing.T) {
	in := func(d time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			whole(429, `{}`, "Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat))(w, r)
		}
	}
	tests := map[string]struct {
		handler   http.HandlerFunc
		reason    string
		retryable bool
		after     time.Duration
		text      string
	}{
		"429 with seconds":      {whole(429, `{"error":{"message":"slow down"}}`, "Retry-After", "20"), "http_429", true, 20 * time.Second, "slow down"},
		"429 with a fraction":   {whole(429, `{}`, "Retry-After", "0.5"), "http_429", true, 500 * time.Millisecond, "429 Too Many Requests"},
		"429 with milliseconds": {whole(429, `{}`, "Retry-After-Ms", "1500", "Retry-After", "9"), "http_429", true, 1500 * time.Millisecond, ""},
		"429 with a date":       {in(time.Hour), "http_429", true, time.Hour, ""},
		"429 with a past date":  {in(-time.Hour), "http_429", true, 0, ""},
		"429 with none":         {whole(429, `{}`), "http_429", true, 0, ""},
		"429 with nonsense":     {whole(429, `{}`, "Retry-After", "soon"), "http_429", true, 0, ""},
		"429 for ages":          {whole(429, `{}`, "Retry-After", "1e300"), "http_429", true, maxRetryAfter, ""},
		"429 for not a number":  {whole(429, `{}`, "Retry-After", "NaN"), "http_429", true, 0, ""},
		"429 for less than 0":   {whole(429, `{}`, "Retry-After", "-5"), "http_429", true, 0, ""},
		"429 that says no":      {whole(429, `{"error":{"message":"quota"}}`, "X-Should-Retry", "false", "Retry-After", "5"), "http_429", false, 0, "quota"},
		"408":                   {whole(408, `{}`), "http_408", true, 0, ""},
		"409":                   {whole(409, `{}`), "http_409", true, 0, ""},
		"500":                   {whole(500, `{"error":"it broke"}`), "http_500", true, 0, "it broke"},
		"503 with text": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no\x00 way\n", http.StatusServiceUnavailable)
		}, "http_503", true, 0, "no way"},
		"501": {whole(501, `{"error":{"message":"start it with --embeddings"}}`), "http_501", false, 0, "--embeddings"},
		"529": {whole(529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`), "http_529", true, 0, "Overloaded"},
		"400": {whole(400, `{"error":{"message":"bad"}}`), "http_400", false, 0, "bad"},
		"401": {whole(401, `{"message":"who?"}`), "http_401", false, 0, "who?"},
		"403": {whole(403, `{"detail":"no"}`), "http_403", false, 0, "no"},
		"404": {whole(404, `not json`), "http_404", false, 0, "not json"},
		"413": {whole(413, ``), "http_413", false, 0, "413"},
		"422": {whole(422, `{"error":`), "http_422", false, 0, `{"error":`},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "redirect", false, 0, "base_url"},
		"204": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "invalid_answer", true, 0, "204"},
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}, "invalid_answer", true, 0, "text/html"},
	}
	for name, test := range tests {
		for _, api := range []string{"openai", "anthropic"} {
			for _, stream := range []string{"true", "false"} {
				t.Run(name+"/"+api+"/stream "+stream, func(t *testing.T) {
					s := serve(t, test.handler)
					c := configure(t, s, `{"api":"`+api+`","base_url":"%s","model":"m","stream":`+stream+`}`)
					_, err := ask(t, c, "chat", sayHello)
					e := failure(t, err)
					if e.Reason != test.reason || e.Retryable != test.retryable || e.Denied {
						t.Errorf("%+v, want %s, retryable %v", e, test.reason, test.retryable)
					}
					// Dates have whole seconds, and time goes on while the answer travels.
					if d := test.after - e.RetryAfter; d != 0 && (name != "429 with a date" || d < 0 || d > 10*time.Minute) {
						t.Errorf("RetryAfter %v, want %v", e.RetryAfter, test.after)
					}
					if !strings.Contains(e.Message, test.text) || !strings.HasPrefix(e.Message, `endpoint "default": `) {
						t.Errorf("message %q lacks %q", e.Message, test.text)
					}
					if n := len(s.seen()); n != 1 {
						t.Errorf("asked %d times: retries are the host's", n)
					}
				})
			}
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	type broken struct {
		handler   http.HandlerFunc
		reason    string
		retryable bool
	}
	openai := map[string]broken{
		"cut at once":         {cut(), "connection|cut_stream", true},
		"cut in the middle":   {cut(delta("Hel")), "cut_stream", true},
		"ends in the middle":  {events(delta("Hel")), "cut_stream", true},
		"empty":               {events(), "cut_stream", true},
		"invalid JSON":        {events(delta("Hel"), `{"choices":[{`), "invalid_answer", true},
		"error in the stream": {events(delta("Hel"), `{"error":{"message":"boom","type":"server_error","code":null}}`), "stream_error", true},
		"429 in the stream":   {events(`{"error":{"message":"boom","code":429}}`), "http_429", true},
		"400 in the stream":   {events(`{"error":{"message":"boom","type":"invalid_request_error"}}`), "http_400", false},
		"not a stream":        {whole(200, wholeChat), "invalid_answer", false},
	}
	anthropic := map[string]broken{
		"cut in the middle":  {cut("event: message_start\ndata: "+messageStart, "event: content_block_delta\ndata: "+textHel), "cut_stream", true},
		"ends in the middle": {anthropicEvents(messageStart, textStart, textHel), "cut_stream", true},
		"empty":              {events(), "cut_stream", true},
		"invalid JSON":       {anthropicEvents(messageStart, `{"type":"content_block_delta","index":0,`, textHel), "cut_stream|invalid_answer", true},
		"typed invalid JSON": {events("event: message_start\ndata: {"), "invalid_answer", true},
		"overloaded":         {anthropicEvents(messageStart, `{"type":"error","error":{"type":"overloaded_error","message":"boom"}}`), "http_529", true},
		"rate limit":         {anthropicEvents(`{"type":"error","error":{"type":"rate_limit_error","message":"boom"}}`), "http_429", true},
		"invalid request":    {anthropicEvents(`{"type":"error","error":{"type":"invalid_request_error","message":"boom"}}`), "http_400", false},
		"unknown error":      {events("event: error\ndata: boom"), "stream_error", true},
		"not a stream":       {whole(200, wholeMessage), "invalid_answer", false},
	}
	wholes := map[string]broken{
		"invalid JSON":   {whole(200, `{"choices":[`), "invalid_answer", true},
		"no choices":     {whole(200, `{}`), "invalid_answer", true},
		"null":           {whole(200, `null`), "invalid_answer", true},
		"another shape":  {whole(200, `[1,2]`), "invalid_answer", true},
		"an empty body":  {whole(200, ``), "invalid_answer|connection", true},
		"fewer bytes":    {func(w http.ResponseWriter, r *http.Request) { whole(200, `{"choices"`, "Content-Length", "5000")(w, r) }, "connection", true},
		"a stream":       {hello(), "invalid_answer", true},
		"headers beyond": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Big", strings.Repeat("x", 1<<20)) }, "connection", true},
	}
	for group, tests := range map[string]map[string]broken{
		`"api":"openai"`: openai, `"api":"anthropic"`: anthropic,
		`"api":"openai","stream":false`: wholes, `"api":"anthropic","stream":false`: wholes,
	} {
		for name, test := range tests {
			t.Run(group+"/"+name, func(t *testing.T) {
				s := serve(t, test.handler)
				c := configure(t, s, `{`+group+`,"base_url":"%s","model":"m"}`)
				_, err := ask(t, c, "chat", sayHello)
				e := failure(t, err)
				if !strings.Contains("|"+test.reason+"|", "|"+e.Reason+"|") || e.Retryable != test.retryable {
					t.Errorf("%+v, want %s, retryable %v", e, test.reason, test.retryable)
				}
				if strings.Contains(name, "stream") && !strings.Contains(name, "not a") && !strings.Contains(e.Message, "boom") && name != "a stream" {
					t.Errorf("the message does not say what the server said: %q", e.Message)
				}
			})
		}
	}
}

// TestAnswerIsCompleteWhenItIsFinished loses only what does not matter.
func TestAnswerIsCompleteWhenItIsFinished(t *testing.T) {
	for name, s := range map[string]*server{
		"no [DONE]":         serve(t, events(delta("Hello"), finishChunk)),
		"no finish, [DONE]": serve(t, events(delta("Hello"), doneChunk)),
		"cut after finish":  serve(t, cut(delta("Hello"), finishChunk)),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ask(t, configure(t, s, openaiTable), "chat", sayHello, withKey)
			if err != nil {
				t.Fatal(err)
			}
			if member(t, a.Document, "content") != "Hello" || member(t, a.Document, "usage_missing") != true {
				t.Errorf("answer %s", a.Document)
			}
		})
	}
}

func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	for _, api := range []string{"openai", "anthropic"} {
		c := configure(t, nil, `{"api":"`+api+`","base_url":"http://`+address+`","model":"m"}`)
		_, err := ask(t, c, "chat", sayHello)
		if e := failure(t, err); e.Reason != "connection" || !e.Retryable {
			t.Errorf("%+v", e)
		}
	}
}

// bomb is 100 MiB in 100 KiB.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for range 100 {
		if _, err := z.Write(spaces); err != nil {
			return
		}
	}
	_ = z.Close()
}

func TestHugeAnswers(t *testing.T) {
	endless := func(piece string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for {
				if _, err := io.WriteString(w, piece); err != nil {
					return
				}
			}
		}
	}
	tests := map[string]struct {
		table   string
		handler http.HandlerFunc
	}{
		"a compressed bomb":       {`"stream":false`, bomb},
		"many pieces":             {`"stream":true`, endless("data: " + delta(strings.Repeat("x", 1000)) + "\n\n")},
		"many tool calls":         {`"stream":true`, endless(`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a"},{"index":0,"id":"b"}]}}]}` + "\n\n")},
		"one endless line":        {`"stream":true`, endless("data: " + strings.Repeat("x", 1000))},
		"one endless event":       {`"stream":true`, endless("data: " + strings.Repeat("x", 1000) + "\n")},
		"only comments":           {`"stream":true`, endless(": ping\n\n")},
		"anthropic":               {`"api":"anthropic","stream":true`, endless("event: content_block_delta\ndata: " + textHel + "\n\n")},
		"anthropic, pings":        {`"api":"anthropic","stream":true`, endless("event: ping\ndata: {}\n\n")},
		"a large whole":           {`"stream":false`, whole(200, strings.Replace(wholeChat, "Hello", strings.Repeat("x", 200_000), 1))},
		"anthropic, a large one":  {`"api":"anthropic","stream":false`, whole(200, strings.Replace(wholeMessage, "Hello", strings.Repeat("x", 200_000), 1))},
		"a whole beyond any size": {`"stream":false`, whole(200, strings.Repeat(" ", 4<<20)+wholeChat)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.handler)
			c := configure(t, s, `{`+test.table+`,"base_url":"%s","model":"m","max_answer_bytes":20000}`)
			_, err := ask(t, c, "chat", sayHello)
			if e := failure(t, err); e.Reason != "answer_too_large" || e.Retryable || e.Denied || !strings.Contains(e.Message, "max_answer_bytes") {
				t.Errorf("%+v", e)
			}
			_, err = ask(t, c, "chat", sayHello, func(c *capability.Call) { c.Left.Bytes = 5_000 })
			if e := failure(t, err); e.Reason != "answer_too_large" || !e.Denied || !strings.Contains(e.Message, "5000") {
				t.Errorf("beyond the grant: %+v", e)
			}
		})
	}
}

// TestErrorsHoldNoKey has servers repeat what they were sent.
func TestErrorsHoldNoKey(t *testing.T) {
	const key = "sk-echo-0123456789abcdef"
	for _, fill := range []int{0, 480, 490, 500, 510} {
		echo := func(w http.ResponseWriter, r *http.Request) {
			text := strings.Repeat("x", fill) + " your key " + r.Header.Get("Authorization") + r.Header.Get("X-Api-Key") + r.Header.Get("X-Extra")
			whole(401, `{"error":{"message":"`+text+`"}}`)(w, r)
		}
		for _, api := range []string{"openai", "anthropic"} {
			s := serve(t, echo)
			c := configure(t, s, `{"api":"`+api+`","base_url":"%s","model":"m","key":"${secret:key}","headers":{"X-Extra":"${secret:more}"}}`)
			_, err := ask(t, c, "chat", sayHello, func(c *capability.Call) { c.Secrets = secrets{"key": key, "more": "more-0123456789"} })
			e := failure(t, err)
			if strings.Contains(e.Message, "sk-ec") || strings.Contains(e.Message, "more-0") {
				t.Errorf("%s, %d: %s", api, fill, e.Message)
			}
		}
	}
}

// TestKeyDoesNotFollowARedirect looks at the place that a redirect leads to.
func TestKeyDoesNotFollowARedirect(t *testing.T) {
	var asked bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer thief.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL, code) })
		_, err := ask(t, configure(t, s, openaiTable), "chat", sayHello, withKey)
		if e := failure(t, err); e.Reason != "redirect" {
			t.Errorf("%d: %+v", code, e)
		}
	}
	if asked {
		t.Error("the redirect was followed")
	}
}

// TestCertificate has a server whose certificate nobody vouches for.
func TestCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(hello())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	_, err := ask(t, configure(t, nil, `{"base_url":"`+s.URL+`","model":"m"}`), "chat", sayHello)
	if e := failure(t, err); e.Reason != "connection" || e.Retryable || !strings.Contains(e.Message, "certificate") {
		t.Errorf("%+v", e)
	}
	// With a transport that knows the certificate, over HTTP/2 too.
	s2 := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			http.Error(w, r.Proto, http.StatusHTTPVersionNotSupported)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/cut") {
			cut(delta("Hel"))(w, r)
		}
		hello()(w, r)
	}))
	s2.Config.ErrorLog = s.Config.ErrorLog
	s2.EnableHTTP2 = true
	s2.StartTLS()
	defer s2.Close()
	root := New(Options{Transport: s2.Client().Transport})
	if _, err := ask(t, made(t, root, `{"base_url":"`+s2.URL+`","model":"m"}`), "chat", sayHello); err != nil {
		t.Error(err)
	}
	_, err = ask(t, made(t, root, `{"base_url":"`+s2.URL+`/cut","model":"m"}`), "chat", sayHello)
	if e := failure(t, err); e.Reason != "cut_stream" || !e.Retryable {
		t.Errorf("%+v", e)
	}
}

// silent carries requests to a server that never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// slow carries requests to a server that begins an answer and never ends it.
type slow struct{ begin string }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	in, out := io.Pipe()
	ctx := r.Context()
	go func() {
		_, _ = io.WriteString(out, s.begin)
		<-ctx.Done()
		_ = out.CloseWithError(ctx.Err())
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: in, Request: r}, nil
}

func TestCancel(t *testing.T) {
	for name, transport := range map[string]http.RoundTripper{"silent": silent{}, "slow": slow{"data: " + delta("Hel") + "\n\n"}} {
		for _, api := range []string{"openai", "anthropic"} {
			for _, stream := range []bool{true, false} {
				t.Run(fmt.Sprint(name, api, stream), func(t *testing.T) {
					c, err := New(Options{Transport: transport}).Configure("llm", document.MustParse(fmt.Sprintf(`{"api":%q,"base_url":"http://x","model":"m","stream":%v}`, api, stream)))
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					call := capability.Call{
						Method: "chat", Request: document.MustParse(sayHello), Secrets: secrets{},
						Partial: func(document.Document) { cancel() },
						Left:    capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: capability.Unlimited},
					}
					if name == "silent" || !stream || api == "anthropic" {
						cancel()
					}
					defer cancel()
					if _, err := c.Call(ctx, call); err == nil {
						t.Error("no error")
					}
				})
			}
		}
	}
}
