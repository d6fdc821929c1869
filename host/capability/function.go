package capability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/chainrun/chainrun/host/document"
)

// Functions is a capability that is made of Go functions, see [New]. Read-only.
type Functions struct {
	description Description
	functions   map[string]Function
	err         error // the author's mistake; [NewOffer] tells
}

// Function is one method of [Functions], see [Handle]. Read-only.
type Function struct {
	method            Method
	call              func(context.Context, Call) (Answer, error)
	request, response func() (json.RawMessage, error) // from the types
}

// New makes a capability of Go functions, in a few lines:
//
//	clock := capability.New("tells the time",
//		capability.Handle("now", "the time in a city", now))
//	h, err := host.New(host.WithCapability("clock", clock))
//
// where now is a func(context.Context, Place) (Moment, error) of any two types
// that have a JSON Schema. Safe for concurrent use if the functions are. What is
// wrong with a description (two methods of one name, a type that has no schema)
// is an error of [NewOffer], and so of the host that it is offered to.
func New(text string, functions ...Function) *Functions {
	f := &Functions{description: Description{Text: text}, functions: map[string]Function{}}
	for _, one := range functions {
		m := one.method
		for _, side := range []struct {
			what   string
			schema *json.RawMessage
			derive func() (json.RawMessage, error)
		}{{"requests", &m.Request, one.request}, {"answers", &m.Response, one.response}} {
			if *side.schema != nil || side.derive == nil {
				continue
			}
			derived, err := side.derive()
			if err != nil && f.err == nil {
				f.err = fmt.Errorf("method %q: the type of its %s has no schema: %w; give it one by WithSchemas", m.Name, side.what, err)
			}
			*side.schema = derived
		}
		f.description.Methods = append(f.description.Methods, m)
		f.functions[m.Name] = one
	}
	return f
}

// WithGrant is f with a schema for the keys of [nodes.N.grants.NAME], see
// [Description.Grant]. Functions read them by [FromContext].
func (f *Functions) WithGrant(schema string) *Functions {
	with := *f
	with.description.Grant = json.RawMessage(schema)
	return &with
}

// WithEnvironment is f reading variables of the environment, see
// [Description.Environment].
func (f *Functions) WithEnvironment(variables ...string) *Functions {
	with := *f
	with.description.Environment = slices.Concat(f.description.Environment, variables)
	return &with
}

// Describe implements [Capability].
func (f *Functions) Describe() Description {
	d := f.description
	d.Methods = slices.Clone(d.Methods)
	d.Environment = slices.Clone(d.Environment)
	return d
}

// Call implements [Capability].
func (f *Functions) Call(ctx context.Context, c Call) (Answer, error) {
	one, ok := f.functions[c.Method]
	if !ok {
		return Answer{}, &Error{Reason: "unknown_method", Message: fmt.Sprintf("there is no method %q", c.Method), Denied: true}
	}
	return one.call(context.WithValue(ctx, callKey{}, c), c)
}

// Handle makes a method of a Go function. In and Out are any types that
// encoding/json reads and writes; the schemas come from them: members of a struct
// that are not marked omitempty or omitzero are required, others than its own are
// refused, and a tag jsonschema:"…" is a member's description. A document.Document
// or a json.RawMessage is any value; of an empty struct there need be nothing at
// all.
//
// An error that is an [*Error] says how the failure is seen; every other one is a
// capability_error that is not tried again. The function may read what else is
// known of its call by [FromContext].
func Handle[In, Out any](name, text string, f func(ctx context.Context, in In) (Out, error)) Function {
	return Function{
		method:   Method{Name: name, Text: text},
		request:  requestSchema[In],
		response: responseSchema[Out],
		call: func(ctx context.Context, c Call) (Answer, error) {
			in, err := decode[In](c.Request)
			if err != nil {
				return Answer{}, &Error{Reason: "invalid_request", Message: fmt.Sprintf("reading the request of %s: %v", name, err)}
			}
			out, err := f(ctx, in)
			if err != nil {
				return Answer{}, err
			}
			d, err := document.FromValue(out)
			if err != nil {
				return Answer{}, fmt.Errorf("writing the answer of %s: %w", name, err)
			}
			return Answer{Document: d}, nil
		},
	}
}

// WithSchemas is f with other schemas than those of its types; "" keeps the one
// of the type.
func (f Function) WithSchemas(request, response string) Function {
	if request != "" {
		f.method.Request = json.RawMessage(request)
	}
	if response != "" {
		f.method.Response = json.RawMessage(response)
	}
	return f
}

type callKey struct{}

// FromContext is the call that a [Function] answers: its caller, idempotency key,
// grant, secrets and where parts of the answer go. Outside of a call, as in a
// test of the function alone, all of that is empty and still safe to use.
func FromContext(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	if c.Secrets == nil {
		c.Secrets = noSecrets{}
	}
	if c.Partial == nil {
		c.Partial = func(document.Document) {}
	}
	if c.Grant.IsZero() {
		c.Grant = document.Object()
	}
	return c
}

type noSecrets struct{}

// Expand implements [Secrets].
func (noSecrets) Expand(text string) (string, error) {
	if strings.Contains(text, "${secret:") {
		return "", errors.New("there are no secrets here")
	}
	return text, nil
}

// Env implements [Secrets].
func (noSecrets) Env(string) (string, bool) { return "", false }

func decode[In any](d document.Document) (In, error) {
	var in In
	if d.IsZero() {
		return in, nil
	}
	err := json.Unmarshal(d.Bytes(), &in)
	if err == nil {
		return in, nil
	}
	// 3.0 and 3e0 are integers to a schema, but not to encoding/json.
	var again In
	if json.Unmarshal(d.Canonical(), &again) == nil {
		return again, nil
	}
	return in, err
}

// written are the schemas of types that are written otherwise than they look.
var written = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[document.Document](): {},
	reflect.TypeFor[json.RawMessage]():   {},
	reflect.TypeFor[json.Number]():       {Type: "number"},
	reflect.TypeFor[[]byte]():            {Types: []string{"null", "string"}, ContentEncoding: "base64"},
	reflect.TypeFor[time.Time]():         {Type: "string", Format: "date-time"},
}

func requestSchema[T any]() (json.RawMessage, error) {
	s, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: written})
	if err != nil {
		return nil, err
	}
	if t := reflect.TypeFor[T](); t.Kind() == reflect.Struct && t.NumField() == 0 {
		s.Type, s.Types = "", []string{"null", "object"}
	}
	return json.Marshal(s)
}

func responseSchema[T any]() (json.RawMessage, error) {
	s, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: written})
	if err != nil {
		return nil, err
	}
	allowNilMaps(s)
	return json.Marshal(s)
}

// allowNilMaps: encoding/json writes a nil map as null.
func allowNilMaps(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if s.Type == "object" && s.Properties == nil && s.AdditionalProperties != nil && s.AdditionalProperties.Not == nil {
		s.Type, s.Types = "", []string{"null", "object"}
	}
	for _, p := range s.Properties {
		allowNilMaps(p)
	}
	allowNilMaps(s.Items)
	allowNilMaps(s.AdditionalProperties)
}
