// Package node writes a chainrun node as one typed Go function.
//
//	package main
//
//	import (
//		"context"
//
//		"github.com/chainrun/chainrun/sdk/go/node"
//	)
//
//	type In struct{ Name string `json:"name"` }
//	type Out struct{ Greeting string `json:"greeting"` }
//
//	func greet(ctx context.Context, in In) (Out, error) {
//		if in.Name == "" {
//			return Out{}, node.Errorf("no_name", "nobody to greet")
//		}
//		return Out{"Hello, " + in.Name + "!"}, nil
//	}
//
//	func init() { node.Handle(greet) }
//	func main() { node.Main() }
//
// The one source builds three ways, with the plain Go toolchain:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared     # a reactor: the fast way
//	GOOS=wasip1 GOARCH=wasm go build -tags chainrun_command  # a command: stdin to stdout
//	go run . <input.json                                     # on this machine, for debugging
//
// [Handle] registers the function, [Main] runs it where there is a main.
// [Errorf] and [Retryable] say what a failure means to the host. [Log],
// [Config], [Feedback] and [Call] reach the host through the context; in a test
// of a handler, [WithHost] puts a host of the test's own there.
//
// A document is decoded and encoded by encoding/json, except that a handler
// whose In or Out is []byte or [json.RawMessage] gets or gives the bytes as
// they are.
package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime/debug"
	"strconv"
)

// Handle makes f the node. It is called once, from an init function: in a
// reactor main never runs. It panics when f is nil or when there is a handler
// already.
//
// In a reactor Handle also encodes zero values of In and Out and decodes an empty
// object into an In, so that attempts find the types prepared; a type that has
// methods of its own for JSON sees these calls.
//
// f's context is never cancelled: the host ends a call that runs past its time
// or fuel from outside. f's input of type []byte or [json.RawMessage] is valid
// until f returns. A panic in f is a failure of the attempt with code "panic".
func Handle[In, Out any](f func(context.Context, In) (Out, error)) {
	register("Handle", "", f)
}

// HandleEntry makes f a further entry of the node, which a graph names with
// entry = "name". It stands beside [Handle], or in its place, in an init function.
// In a reactor each entry also needs its export, two lines of the author's own:
//
//	//go:wasmexport chainrun_run_v1:total
//	func runTotal(input, size uint32) uint64 { return node.RunEntry("total", input, size) }
//
// A command and a native program have no further entries; [Main] runs the one
// that the environment variable CHAINRUN_ENTRY names, for debugging.
//
// It panics when f is nil or name is empty or taken.
func HandleEntry[In, Out any](name string, f func(context.Context, In) (Out, error)) {
	if name == "" {
		panic("node: HandleEntry was given no name")
	}
	register("HandleEntry", name, f)
}

func register[In, Out any](caller, name string, f func(context.Context, In) (Out, error)) {
	if f == nil {
		panic("node: " + caller + " was given a nil function")
	}
	if lookUp(name) != nil {
		panic("node: " + caller + " was called twice; an entry is one function" + entryText(name))
	}
	entries = append(entries, &entry{name: name, run: adapt(f), in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()})
	if isReactor {
		warmUp[In, Out]()
	}
}

// entries are what Handle, as "", and HandleEntry registered: few, so that every
// attempt finds its own faster than in a map.
var entries []*entry

func lookUp(name string) *entry {
	for _, e := range entries {
		if e.name == name {
			return e
		}
	}
	return nil
}

// An entry is a handler over documents as bytes, and the types of these.
type entry struct {
	name    string
	run     func(context.Context, []byte) ([]byte, error)
	in, out reflect.Type
}

func entryText(name string) string {
	if name == "" {
		return ""
	}
	return " (entry " + strconv.Quote(name) + ")"
}

// adapt puts decoding and encoding around f.
func adapt[In, Out any](f func(context.Context, In) (Out, error)) func(context.Context, []byte) ([]byte, error) {
	null := takesNull(reflect.TypeFor[In]())
	return func(ctx context.Context, input []byte) ([]byte, error) {
		in, err := decode[In](input)
		if err == nil && !null && string(bytes.TrimSpace(input)) == "null" {
			err = fmt.Errorf("json: cannot unmarshal null into Go value of type %T", in) // encoding/json leaves the zero value
		}
		if err != nil {
			return nil, &Error{Code: "bad_input", Message: "decoding the input: " + err.Error(), cause: err}
		}
		out, err := f(ctx, in)
		if err != nil {
			return nil, err
		}
		output, err := encode(out)
		if err != nil {
			return nil, &Error{Code: "bad_output", Message: "encoding the output: " + err.Error(), cause: err}
		}
		return output, nil
	}
}

// takesNull tells whether null is a value of a type, as its schema says.
func takesNull(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	default:
		return has[json.Unmarshaler](t)
	}
}

// warmUp makes encoding/json prepare for both types while the module starts, not
// in every attempt anew: attempts start from the state that start-up left. It
// encodes a zero In and a zero Out and decodes an empty object. What comes of it
// does not matter, not even a panic in a type's own method.
func warmUp[In, Out any]() {
	defer func() { _ = recover() }()
	var (
		in  In
		out Out
	)
	_, _ = encode(in)
	_, _ = encode(out)
	_, _ = decode[In]([]byte("{}"))
}

// run calls an entry's handler on one document and turns a panic into an error,
// so that the host hears what happened and not just "unreachable".
func run(ctx context.Context, name string, input []byte) (output []byte, err error) {
	e := lookUp(name)
	switch {
	case e == nil && name == "":
		return nil, Errorf("no_handler", "the node registers no function: call node.Handle from an init function")
	case e == nil:
		return nil, Errorf("no_handler", "the node registers no function for the entry %q: call node.HandleEntry from an init function", name)
	}
	defer func() {
		if p := recover(); p != nil {
			logPanic(host(ctx), debug.Stack())
			output, err = nil, Errorf("panic", "the node panicked: %v", p)
		}
	}()
	return e.run(ctx, input)
}

// logPanic sends the stack to the host. It does without [Log], so that a node that
// does not log does not carry slog.
func logPanic(h Host, stack []byte) {
	record, err := json.Marshal(map[string]any{
		"level": "error", "message": "the node panicked", "attrs": map[string]string{"stack": string(stack)},
	})
	if err == nil {
		_, _ = h.Call("node", "log", record) // a lost log line must not hide the failure
	}
}

func decode[T any](doc []byte) (T, error) {
	var v T
	switch raw := any(&v).(type) {
	case *[]byte:
		*raw = doc
	case *json.RawMessage:
		*raw = doc
	default:
		// Not in the return statement: whether v is read before or after the call is
		// open there, and TinyGo reads it before.
		if err := json.Unmarshal(doc, &v); err != nil {
			return v, err
		}
	}
	return v, nil
}

func encode[T any](v T) ([]byte, error) {
	switch raw := any(v).(type) {
	case []byte:
		return raw, nil
	case json.RawMessage:
		return raw, nil
	}
	var doc bytes.Buffer
	e := json.NewEncoder(&doc)
	e.SetEscapeHTML(false) // a document is not a web page: "<" stays "<"
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(doc.Bytes(), []byte("\n")), nil
}
