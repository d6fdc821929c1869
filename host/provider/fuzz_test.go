package provider

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// events is a stream of messages as a provider may send them.
type events struct {
	grpc.ClientStream
	rest []byte
}

func (e *events) Recv() (*protocol.CallEvent, error) {
	n, head := binary.Uvarint(e.rest)
	if head <= 0 {
		return nil, io.EOF
	}
	message := e.rest[head:]
	message = message[:min(n, uint64(len(message)))]
	e.rest = e.rest[head+len(message):]
	var event protocol.CallEvent
	if err := proto.Unmarshal(message, &event); err != nil {
		return nil, errors.New("the connection's error")
	}
	return &event, nil
}

// FuzzRead: whatever comes, an answer is a document with a sane usage, and an
// error is one that the retry machinery can live with.
func FuzzRead(f *testing.F) {
	for _, list := range [][]*protocol.CallEvent{
		{answerEvent(`{"a": 1}`)},
		{answerEvent(`1`), answerEvent(`2`)},
		{{Event: &protocol.CallEvent_Partial{Partial: []byte(`"p"`)}}, answerEvent(`[]`)},
		{failureEvent(&protocol.Failure{Reason: "busy", Message: "m", Retryable: true, RetryAfterMs: 5, Usage: &protocol.Usage{Cost: 1}})},
		{failureEvent(&protocol.Failure{Denied: true, Retryable: true, RetryAfterMs: -1})},
		{{}},
	} {
		var b []byte
		for _, e := range list {
			m, err := proto.Marshal(e)
			if err != nil {
				f.Fatal(err)
			}
			b = append(binary.AppendUvarint(b, uint64(len(m))), m...)
		}
		f.Add(b)
	}
	p := newProcess("fuzzed", defaultBounds, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, cancel := context.WithCancel(t.Context())
		defer cancel()
		a, err := p.read(&events{rest: b}, cancel, func(d document.Document) {
			if d.IsZero() {
				t.Error("a partial that is nothing")
			}
		})
		e, classified := errors.AsType[*capability.Error](err)
		switch u := a.Usage; {
		case err == nil && (u.Cost < 0 || u.InputTokens < 0 || u.OutputTokens < 0):
			t.Errorf("usage %+v", u)
		case err == nil && !a.Document.IsZero():
			if _, err := document.Parse(a.Document.Bytes(), document.Limits{}); err != nil {
				t.Errorf("the answer is no document: %v", err)
			}
		case classified && (!reason.MatchString(e.Reason) || e.Denied && e.Retryable || e.RetryAfter < 0 ||
			e.RetryAfter > maxRetryAfter || e.RetryAfter > 0 && !e.Retryable || len(e.Message) > maxMessage+200 || e.Usage.Cost < 0):
			t.Errorf("%+v", e)
		}
	})
}
