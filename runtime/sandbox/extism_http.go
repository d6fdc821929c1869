package sandbox

// An Extism plug-in's HTTP: a call of the capability fetch.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// The capability that answers a plug-in's HTTP requests; docs/fetch.md describes
// it, and that what a node may ask is the grant's matter alone.
const (
	fetchCapability = "fetch"
	fetchMethod     = "request"
)

// An extismRequest is what a plug-in asks for.
type extismRequest struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Header  map[string]string `json:"header"` // what some plug-ins call it
}

// A fetchRequest is the same as a payload of the capability. The answer's body is
// asked for in base64, which is exact whatever it holds.
type fetchRequest struct {
	URL       string            `json:"url"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      *string           `json:"body,omitempty"`
	Bytes     []byte            `json:"body_base64,omitempty"`
	As        string            `json:"as"`
	AnyStatus bool              `json:"any_status"`
}

// A fetchAnswer is the capability's answer, as far as a plug-in can see it.
type fetchAnswer struct {
	Status  int                 `json:"status"`
	Headers map[string][]string `json:"headers"`
	Bytes   []byte              `json:"body_base64"`
	Body    string              `json:"body"`
	JSON    json.RawMessage     `json:"json"`
}

// httpRequest implements http_request. What the capability refuses ends the
// attempt, as it ends a plug-in's call in Extism.
func httpRequest(ctx context.Context, a *attempt, stack []uint64) {
	a.extism.status, a.extism.headers = 0, nil
	if a.hostCalls++; a.hostCalls > a.limits.HostCalls {
		a.trap("more than %d host calls", a.limits.HostCalls)
	}
	payload := a.fetchPayload(ctx, stack[0], stack[1])
	answer := a.ask(ctx, []byte(fetchCapability), []byte(fetchMethod), payload)
	if answer.status != 0 {
		var f HostFailure
		if err := json.Unmarshal(answer.document, &f); err != nil {
			a.fail(fmt.Errorf("reading the failure of %s: %w", fetchCapability, err))
		}
		a.end(&Stop{Reason: NodeError, Code: f.Code, Message: "http_request: " + f.Message, Retryable: f.Retryable})
	}
	body, err := a.readAnswer(answer.document)
	if err != nil {
		// An embedder's own fetch, which is another one.
		a.trap("http_request: the answer of %s.%s cannot be used: %v", fetchCapability, fetchMethod, err)
	}
	stack[0] = a.kernelPut(ctx, "http_request", body)
}

// fetchPayload reads the request and the body, 0 for none, and frees them.
func (a *attempt) fetchPayload(ctx context.Context, request, body uint64) []byte {
	if size := a.extism.kernel.used(request) + a.extism.kernel.used(body); size > uint64(a.limits.OutputBytes) {
		a.trap("http_request: a request of %d bytes, the cap is %d", size, a.limits.OutputBytes)
	}
	var q extismRequest
	if err := json.Unmarshal(a.taken(ctx, request, true), &q); err != nil {
		a.trap("http_request: the request cannot be read: %v", err)
	}
	f := fetchRequest{URL: q.URL, Method: strings.ToUpper(q.Method), Headers: q.Headers, As: "base64", AnyStatus: true}
	if f.Method == "" {
		f.Method = "GET"
	}
	if f.Headers == nil {
		f.Headers = q.Header
	}
	if body != 0 {
		if b := a.taken(ctx, body, true); utf8.Valid(b) {
			text := string(b)
			f.Body = &text
		} else {
			f.Bytes = b
		}
	}
	var payload bytes.Buffer
	e := json.NewEncoder(&payload)
	e.SetEscapeHTML(false) // for whoever reads the journal
	if err := e.Encode(f); err != nil {
		a.fail(fmt.Errorf("writing a request for %s: %w", fetchCapability, err))
	}
	return bytes.TrimSuffix(payload.Bytes(), []byte("\n"))
}

// readAnswer keeps status and headers for the plug-in to ask, and gives the body.
func (a *attempt) readAnswer(document []byte) ([]byte, error) {
	var f fetchAnswer
	if err := json.Unmarshal(document, &f); err != nil {
		return nil, err //nolint:wrapcheck // httpRequest says what it was about
	}
	if f.Status < 0 || f.Status > math.MaxInt16 {
		return nil, errors.New("its status is none of HTTP's")
	}
	joined := make(map[string]string, len(f.Headers))
	for name, values := range f.Headers {
		joined[strings.ToLower(name)] = strings.Join(values, ",")
	}
	headers, err := json.Marshal(joined)
	if err != nil {
		return nil, fmt.Errorf("writing its headers: %w", err)
	}
	a.extism.status, a.extism.headers = f.Status, headers
	switch {
	case f.Bytes != nil:
		return f.Bytes, nil
	case f.JSON != nil:
		return f.JSON, nil
	}
	return []byte(f.Body), nil
}
