package capability_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

type everything struct {
	Text     string            `json:"text"`
	Flag     bool              `json:"flag"`
	Count    int64             `json:"count"`
	Small    uint8             `json:"small"`
	Ratio    float64           `json:"ratio"`
	List     []string          `json:"list"`
	Map      map[string]int    `json:"map"`
	Pointer  *everythingInside `json:"pointer"`
	Optional string            `json:"optional,omitempty"`
	Moment   time.Time         `json:"moment"`
	Span     time.Duration     `json:"span"`
	Any      document.Document `json:"any"`
	Raw      json.RawMessage   `json:"raw"`
	Number   json.Number       `json:"number"`
	Bytes    []byte            `json:"bytes"`
}

type everythingInside struct {
	Pair [2]int `json:"pair"`
}

func offer(t *testing.T, functions ...capability.Function) *capability.Offer {
	t.Helper()
	o, err := capability.NewOffer("x", capability.New("a text", functions...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// What is written by encoding/json holds to the schema that the type has.
func TestSchemasOfTypes(t *testing.T) {
	var zero, got everything
	zero.Number = "0"
	zero.Any, zero.Raw = document.Null(), json.RawMessage("null")
	full := everything{
		Text: "é", Flag: true, Count: 1 << 40, Small: 255, Ratio: 0.5, List: []string{"a"}, Map: map[string]int{"a": 1},
		Pointer: &everythingInside{Pair: [2]int{1, 2}}, Optional: "x", Moment: time.Unix(1, 0).UTC(), Span: time.Second,
		Any: document.MustParse(`{"b":1.50,"a":[]}`), Raw: json.RawMessage(`[1.0]`), Number: "12.50", Bytes: []byte("ab"),
	}
	o := offer(t, capability.Handle("echo", "gives it back", func(_ context.Context, in everything) (everything, error) {
		got = in
		return in, nil
	}))
	for _, in := range []everything{zero, full} {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		request := document.MustParse(string(b))
		method := o.Method("echo")
		if in.Map != nil { // null is written, but not asked for
			if found := method.RequestSchema.Validate(request); found != nil {
				t.Errorf("request %s: %v", request, found)
			}
		}
		answer, err := o.Call(t.Context(), capability.Call{Method: "echo", Request: request})
		if err != nil {
			t.Fatal(err)
		}
		if found := method.ResponseSchema.Validate(answer.Document); found != nil {
			t.Errorf("answer %s: %v", answer.Document, found)
		}
		if !answer.Document.Equal(request) {
			t.Errorf("got %s\nwant %s", answer.Document, request)
		}
		if got.Any.String() != in.Any.String() {
			t.Errorf("any: got %s, want %s, byte for byte", got.Any, in.Any)
		}
	}
	for _, wrong := range []string{`{}`, `null`, `[]`} {
		if o.Method("echo").RequestSchema.Validate(document.MustParse(wrong)) == nil {
			t.Errorf("%s should be refused", wrong)
		}
	}
}

func TestRequestsOfFunctions(t *testing.T) {
	type number struct {
		N int `json:"n"`
	}
	o := offer(t,
		capability.Handle("nothing", "", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }),
		capability.Handle("double", "", func(_ context.Context, in number) (number, error) { return number{N: 2 * in.N}, nil }),
		capability.Handle("own", "", func(_ context.Context, in document.Document) (document.Document, error) { return in, nil }).
			WithSchemas(`{"type":"string"}`, `{"type":"string","minLength":2}`),
	)
	for _, test := range []struct {
		method, request string
		valid           bool
		answer          string
	}{
		{"nothing", `{}`, true, `{}`},
		{"nothing", `null`, true, `{}`},
		{"nothing", ``, true, `{}`},
		{"nothing", `{"a":1}`, false, ``},
		{"double", `{"n":4}`, true, `{"n":8}`},
		{"double", `{"n":4.0}`, true, `{"n":8}`},
		{"double", `{"n":4e1}`, true, `{"n":80}`},
		{"double", `{"n":4.5}`, false, ``},
		{"double", `{"n":4,"m":1}`, false, ``},
		{"double", `{"N":4}`, false, ``},
		{"own", `"ab"`, true, `"ab"`},
		{"own", `1`, false, ``},
	} {
		var request document.Document
		if test.request != "" {
			request = document.MustParse(test.request)
		}
		checked := request
		if checked.IsZero() {
			checked = document.Null()
		}
		found := o.Method(test.method).RequestSchema.Validate(checked)
		if (found == nil) != test.valid {
			t.Errorf("%s %s: %v", test.method, test.request, found)
		}
		if !test.valid {
			continue
		}
		got, err := o.Call(t.Context(), capability.Call{Method: test.method, Request: request})
		if err != nil || got.Document.String() != test.answer {
			t.Errorf("%s %s: got %s, %v, want %s", test.method, test.request, got.Document, err, test.answer)
		}
	}
	if o.Method("own").ResponseSchema.Validate(document.MustParse(`"a"`)) == nil {
		t.Error("the response schema of WithSchemas does not hold")
	}
	_, err := o.Call(t.Context(), capability.Call{Method: "double", Request: document.MustParse(`{"n":1e30}`)})
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "invalid_request" {
		t.Errorf("a number that no int holds: %v", err)
	}
	_, err = o.Call(t.Context(), capability.Call{Method: "no"})
	if e, ok := errors.AsType[*capability.Error](err); !ok || !e.Denied {
		t.Errorf("a method that is not there: %v", err)
	}
}

func TestContextOfFunctions(t *testing.T) {
	var parts []string
	f := func(ctx context.Context, _ struct{}) (string, error) {
		c := capability.FromContext(ctx)
		c.Partial(document.String("part"))
		if _, err := c.Secrets.Expand("${secret:x}"); err == nil {
			t.Error("a secret from nowhere")
		}
		if same, err := c.Secrets.Expand("x"); same != "x" || err != nil {
			t.Error(same, err)
		}
		if _, ok := c.Secrets.Env("PATH"); ok {
			t.Error("a variable from nowhere")
		}
		return c.Key + c.Caller.Node + c.Grant.String(), nil
	}
	if got, err := f(t.Context(), struct{}{}); got != "{}" || err != nil {
		t.Errorf("outside of a call: %q, %v", got, err)
	}
	o := offer(t, capability.Handle("f", "", f))
	got, err := o.Call(t.Context(), capability.Call{
		Method: "f", Key: "k", Caller: capability.Caller{Node: "n"}, Grant: document.MustParse(`{"g":1}`),
		Partial: func(d document.Document) { parts = append(parts, d.String()) },
	})
	if err != nil || got.Document.String() != `"kn{\"g\":1}"` || len(parts) != 1 {
		t.Errorf("got %s, %v, %v", got.Document, err, parts)
	}
}

// A mistake of the author is told when the capability is offered, not by a panic.
func TestMistakesOfFunctions(t *testing.T) {
	type cycle struct{ Next *cycle }
	ok := func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }
	for want, c := range map[string]*capability.Functions{
		"has no schema":   capability.New("", capability.Handle("m", "", func(context.Context, chan int) (int, error) { return 0, nil })),
		"WithSchemas":     capability.New("", capability.Handle("m", "", func(context.Context, struct{}) (cycle, error) { return cycle{}, nil })),
		"described twice": capability.New("", capability.Handle("m", "", ok), capability.Handle("m", "", ok)),
		"a name has 1":    capability.New("", capability.Handle("M m", "", ok)),
		"the schema of":   capability.New("", capability.Handle("m", "", ok).WithSchemas("{", "")),
		"its grants":      capability.New("", capability.Handle("m", "", ok)).WithGrant("["),
	} {
		if _, err := capability.NewOffer("x", c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	fine := capability.New("", capability.Handle("m", "", func(context.Context, struct{}) (cycle, error) { return cycle{}, nil }).WithSchemas("", "{}")).
		WithGrant(`{"type":"object"}`).WithEnvironment("A").WithEnvironment("B")
	o, err := capability.NewOffer("x", fine)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Description.Environment) != 2 || o.Grant == nil {
		t.Errorf("%+v", o.Description)
	}
}
