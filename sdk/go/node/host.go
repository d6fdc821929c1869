// The host as a node sees it: one method, through which everything goes.

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Host answers what a node asks. payload and answer are JSON documents or
// empty. The answer is valid until the next call. An error is a [*CallError].
//
// Handlers do not use it: [Log], [Config], [Feedback] and [Call] do. A test
// implements it to stand in for the host, see [WithHost].
type Host interface {
	Call(capability, method string, payload []byte) (answer []byte, err error)
}

// WithHost returns a context in which h answers. Without it the host is the one
// that the program was started by: chainrun, or in a command and on the native
// platform the process's environment and standard error.
func WithHost(ctx context.Context, h Host) context.Context {
	return context.WithValue(ctx, hostKey{}, h)
}

type hostKey struct{}

// current is the host where the context names none.
var current Host = process{}

func host(ctx context.Context) Host {
	if h, ok := ctx.Value(hostKey{}).(Host); ok {
		return h
	}
	return current
}

// CallError says why the host did not answer a call.
type CallError struct {
	Code      string `json:"code"`      // "capability_denied", "capability_error", …
	Reason    string `json:"reason"`    // the capability's own code, such as "http_429"; may be empty
	Message   string `json:"message"`   // for people
	Retryable bool   `json:"retryable"` // whether the same call may succeed later

	Capability string `json:"-"`
	Method     string `json:"-"`
}

func (e *CallError) Error() string {
	return fmt.Sprintf("calling %s.%s: %s", e.Capability, e.Method, e.Message)
}

// Call asks a capability that the graph granted to this node: it sends req as
// JSON and decodes the answer into resp. A nil req sends nothing, a nil resp
// ignores the answer; []byte and [json.RawMessage] pass through, copied. The
// error is a [*CallError] when the host refused or the world did; a handler that
// returns it as it is fails with its code and retryable flag.
func Call(ctx context.Context, capability, method string, req, resp any) error {
	payload, err := callPayload(req)
	if err != nil {
		return fmt.Errorf("calling %s.%s: encoding the request: %w", capability, method, err)
	}
	answer, err := host(ctx).Call(capability, method, payload)
	if err != nil {
		return err
	}
	switch resp := resp.(type) {
	case nil:
	case *[]byte:
		*resp = append((*resp)[:0], answer...)
	case *json.RawMessage:
		*resp = append((*resp)[:0], answer...)
	default:
		if err := json.Unmarshal(answer, resp); err != nil {
			return fmt.Errorf("calling %s.%s: decoding the answer: %w", capability, method, err)
		}
	}
	return nil
}

func callPayload(req any) ([]byte, error) {
	if req == nil {
		return nil, nil
	}
	return encode(req)
}

// Config returns the node's config, as the graph gives it. It is the zero T
// when the graph gives none, and an error when the config does not decode.
func Config[T any](ctx context.Context) (T, error) {
	var none T
	doc, err := host(ctx).Call("node", "config", nil)
	if err != nil || len(doc) == 0 {
		return none, err
	}
	config, err := decode[T](append([]byte(nil), doc...))
	if err != nil {
		return none, Errorf("bad_config", "decoding the config: %w", err)
	}
	return config, nil
}

// Violation is one complaint of the host about what the attempt before this one
// returned.
type Violation struct {
	Pointer string          `json:"pointer"` // JSON Pointer into the output, "" for all of it
	Keyword string          `json:"keyword"` // the rule of the schema, such as "type" or "maximum"
	Message string          `json:"message"` // for people
	Found   json.RawMessage `json:"found,omitempty"`
}

// Feedback returns why the host refused the output of the attempt before this
// one; it is empty in a first attempt. The host names the first 50 violations.
func Feedback(ctx context.Context) []Violation {
	doc, err := host(ctx).Call("node", "feedback", nil)
	if err != nil || len(doc) == 0 {
		return nil
	}
	var feedback []Violation
	if err := json.Unmarshal(doc, &feedback); err != nil {
		return nil // the host's own document; there is nobody to tell
	}
	return feedback
}

// Log returns a logger whose records go to the host. Attributes arrive as JSON.
// Logging needs no grant.
func Log(ctx context.Context) *slog.Logger {
	json := slog.NewJSONHandler(logWriter{host(ctx)}, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: logField})
	return slog.New(json.WithGroup("attrs"))
}

// logField gives the record's own fields the names and values of the ABI; the
// attributes of the node are below "attrs".
func logField(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey: // the host has the time
		return slog.Attr{}
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		level, _ := a.Value.Any().(slog.Level)
		a.Value = slog.StringValue(levelName(level))
	}
	return a
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	default:
		return "error"
	}
}

// logWriter sends each record to the host: slog's handlers write one at a time.
type logWriter struct{ host Host }

func (w logWriter) Write(record []byte) (int, error) {
	_, err := w.host.Call("node", "log", record)
	return len(record), err
}
