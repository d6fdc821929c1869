package llm

// These fuzz targets give the mapping of answers whatever a server may send.

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// said is a transport to a server that says one thing.
type said struct{ media, body string }

// RoundTrip implements http.RoundTripper.
func (s *said) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {s.media}}, Body: io.NopCloser(strings.NewReader(s.body)), Request: r}, nil
}

// FuzzAnswer holds that every answer is one of the method's schema, and every
// error a bounded one that says what the host is to do.
func FuzzAnswer(f *testing.F) {
	stream := func(data ...string) string { return "data: " + strings.Join(data, "\n\ndata: ") + "\n\n" }
	f.Add(true, true, stream(delta("Hello"), finishChunk, usageChunk, doneChunk))
	f.Add(true, true, stream(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}}]}`, finishChunk))
	f.Add(true, true, stream(`{"error":{"message":"x","code":"429"}}`))
	f.Add(true, false, wholeChat)
	f.Add(false, true, "event: message_start\ndata: "+messageStart+"\n\nevent: content_block_start\ndata: "+textStart+"\n\nevent: content_block_delta\ndata: "+textHel+"\n\nevent: message_delta\ndata: "+messageDelta+"\n\nevent: message_stop\ndata: "+messageStop+"\n\n")
	f.Add(false, true, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n")
	f.Add(false, false, wholeMessage)
	f.Add(true, true, "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud800\"}}]}\n\ndata: [DONE]\n\n")
	offer, err := capability.NewOffer("llm", New(Options{}))
	if err != nil {
		f.Fatal(err)
	}
	// Configured once: that takes longer than a call.
	says := &said{}
	clients := map[bool]capability.Capability{}
	for openai, table := range map[bool]string{true: `{"base_url":"http://x","model":"m"}`, false: `{"api":"anthropic","base_url":"http://x","model":"m"}`} {
		if clients[openai], err = New(Options{Transport: says}).Configure("llm", document.MustParse(table)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, openai, stream bool, body string) {
		request := sayHello
		says.media, says.body = "text/event-stream", body
		if !stream {
			says.media, request = "application/json", unstreamed
		}
		a, err := clients[openai].Call(t.Context(), plainCall(request))
		if err != nil {
			if e := failure(t, err); e.Reason == "" || len(e.Message) > 2000 {
				t.Errorf("%+v", e)
			}
			return
		}
		d, err := document.Parse(a.Document.Bytes(), document.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if v := offer.Method("chat").ResponseSchema.Validate(d); len(v) > 0 {
			t.Errorf("%v\n%s", v, d)
		}
	})
}

// FuzzRequest gives every request that holds to the schema to both mappings.
func FuzzRequest(f *testing.F) {
	f.Add(richRequest)
	f.Add(sayHello)
	f.Add(`{"messages":[{"role":"user","content":"x"}],"max_tokens":1e2,"seed":-7.0,"temperature":1e-400}`)
	f.Add(`{"messages":[{"role":"assistant","content":[{"type":"text"}],"tool_calls":[{"id":"a","name":"b","arguments":""}]}],"tools":[{"name":"b","parameters":{}}],"tool_choice":"required","stop":["a","b"],"schema":{}}`)
	offer, err := capability.NewOffer("llm", New(Options{}))
	if err != nil {
		f.Fatal(err)
	}
	sent := &keeper{}
	apis := []string{"openai", "anthropic"}
	clients := map[string]capability.Capability{}
	for _, api := range apis {
		if clients[api], err = New(Options{Transport: sent}).Configure("llm", document.MustParse(`{"api":"`+api+`","base_url":"http://x","model":"m"}`)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, request string) {
		d, err := document.Parse([]byte(request), document.Limits{})
		if err != nil || len(offer.Method("chat").RequestSchema.Validate(d)) > 0 {
			t.Skip()
		}
		for _, api := range apis {
			sent.body = ""
			call := plainCall(sayHello)
			call.Request = d
			call.Grant = document.MustParse(`{"models":["*"]}`)
			_, err = clients[api].Call(t.Context(), call)
			switch e := failure(t, err); {
			case e.Reason == "http_400" && sent.body != "":
				if _, err := document.Parse([]byte(sent.body), document.Limits{}); err != nil {
					t.Errorf("%s was sent what is no document: %v\n%s", api, err, sent.body)
				}
			case e.Reason != "invalid_request" && e.Reason != "unknown_endpoint", strings.HasPrefix(e.Message, "reading"):
				t.Errorf("%+v", e)
			}
		}
	})
}

// keeper keeps what it is sent, and refuses it.
type keeper struct{ body string }

func (k *keeper) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	k.body = string(b)
	return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}
