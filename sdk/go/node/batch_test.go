package node

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestCallAll(t *testing.T) {
	h := &fakeHost{answers: map[string]string{
		"node.batch": `[{"answer":{"value":5}},{"failure":{"code":"capability_error","reason":"http_429","message":"slow down","retryable":true}},{"answer":"x"}]`,
	}}
	ctx := WithHost(context.Background(), h)
	var got struct{ Value int }
	var number int
	asks := []*Ask{
		{Capability: "kv", Method: "get", Request: map[string]string{"key": "a"}, Response: &got},
		{Capability: "kv", Method: "set", Request: func() {}}, // cannot be sent
		{Capability: "llm", Method: "chat"},
		{Capability: "llm", Method: "embed", Response: &number},
	}
	err := CallAll(ctx, asks)
	if err == nil || !strings.Contains(err.Error(), "encoding the request") || err != asks[1].Err {
		t.Errorf("the first that failed: %v", err)
	}
	var failed *CallError
	if !errors.As(asks[2].Err, &failed) || failed.Reason != "http_429" || !failed.Retryable || failed.Capability != "llm" {
		t.Errorf("%v", asks[2].Err)
	}
	if got.Value != 5 || asks[0].Err != nil || asks[3].Err == nil {
		t.Errorf("%v, %v, %v", got, asks[0].Err, asks[3].Err)
	}
	want := `node.batch [{"capability":"kv","method":"get","payload":{"key":"a"}},{"capability":"llm","method":"chat"},{"capability":"llm","method":"embed"}]`
	if len(h.asked) != 1 || h.asked[0] != want {
		t.Errorf("asked %q", h.asked)
	}
	if err := CallAll(ctx, nil); err != nil || len(h.asked) != 1 {
		t.Errorf("nothing to ask: %v, %q", err, h.asked)
	}
	h.answers["node.batch"] = `[]`
	if err := CallAll(ctx, asks[2:3]); err == nil {
		t.Error("a call without an answer")
	}
}
