// A host in a page: the ABI of docs/abi.md from the other side, written against
// bare wazero, so that a mistake in chainrun's own sandbox cannot hide one in an
// SDK.

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// world is what a node meets during one call.
type world struct {
	config, feedback string
	clerk            func(method, payload string) (answer string, failed bool)

	logs    []string // what the node logged, as it came
	calls   []string // what it asked that is no "node" method
	answers int      // how often it asked for the last answer again
	last    answer
}

type answer struct {
	doc    string
	failed bool
}

func (w *world) answer(capability, method, payload string) answer {
	if capability == "node" && method == "answer" {
		w.answers++
		return w.last
	}
	w.last = w.fresh(capability, method, payload)
	return w.last
}

func (w *world) fresh(capability, method, payload string) answer {
	switch capability + "." + method {
	case "node.config":
		return answer{doc: w.config}
	case "node.feedback":
		return answer{doc: w.feedback}
	case "node.log":
		w.logs = append(w.logs, payload)
		return answer{}
	}
	w.calls = append(w.calls, capability+"."+method+" "+payload)
	if w.clerk == nil {
		return answer{`{"code":"capability_denied","reason":"","message":"no grant for \"` + capability + `\"","retryable":false}`, true}
	}
	doc, failed := w.clerk(method, payload)
	return answer{doc, failed}
}

// compiled is shared by all tests, on disk: a Go module takes a second to compile,
// and a runtime that closes takes what it compiled with it.
var compiled wazero.CompilationCache

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "chainrun-conformance")
	if err != nil {
		panic(err)
	}
	if compiled, err = wazero.NewCompilationCacheWithDir(dir); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func newRuntime(ctx context.Context) wazero.Runtime {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(compiled))
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	return r
}

// reactor is one instance of a module, used for one call after another.
type reactor struct {
	mod   api.Module
	world *world
}

func newReactor(t *testing.T, wasm []byte) *reactor {
	t.Helper()
	ctx := context.Background()
	r := newRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	n := &reactor{}
	_, err := r.NewHostModuleBuilder("chainrun_v1").NewFunctionBuilder().WithFunc(n.call).Export("call").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n.mod, err = r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *reactor) call(_ context.Context, m api.Module, capPtr, capLen, methodPtr, methodLen, payloadPtr, payloadLen, answerPtr, answerCap uint32) uint64 {
	text := func(ptr, size uint32) string {
		b, ok := m.Memory().Read(ptr, size)
		if !ok {
			panic("the node's pointer is out of bounds")
		}
		return string(b)
	}
	a := n.world.answer(text(capPtr, capLen), text(methodPtr, methodLen), text(payloadPtr, payloadLen))
	if !m.Memory().Write(answerPtr, []byte(a.doc)[:min(len(a.doc), int(answerCap))]) {
		panic("the node's answer buffer is out of bounds")
	}
	var status uint64
	if a.failed {
		status = 1
	}
	return status<<32 | uint64(len(a.doc))
}

// run makes one call. A returned failure is the error document.
func (n *reactor) run(t *testing.T, w *world, input string) (doc string, failed bool) {
	t.Helper()
	ctx := context.Background()
	n.world = w
	ptr, err := n.mod.ExportedFunction("chainrun_alloc").Call(ctx, uint64(max(len(input), 1)))
	if err != nil || ptr[0] == 0 || !n.mod.Memory().WriteString(uint32(ptr[0]), input) {
		t.Fatalf("chainrun_alloc(%d) = %v, %v", len(input), ptr, err)
	}
	packed, err := n.mod.ExportedFunction("chainrun_run_v1").Call(ctx, ptr[0], uint64(len(input)))
	if err != nil {
		t.Fatalf("chainrun_run_v1: %v", err)
	}
	out, ok := n.mod.Memory().Read(uint32(packed[0]>>32), uint32(packed[0])&(1<<31-1))
	if !ok {
		t.Fatalf("the result %#x is out of bounds", packed[0])
	}
	return string(out), packed[0]>>31&1 == 1
}

// command runs a module from stdin to stdout, with nothing but WASI.
func command(t *testing.T, wasm []byte, env map[string]string, input string) (stdout, stderr string, code uint32) {
	t.Helper()
	ctx := context.Background()
	r := newRuntime(ctx)
	defer r.Close(ctx)
	var out, log bytes.Buffer
	config := wazero.NewModuleConfig().WithArgs("node").WithStdin(bytes.NewReader([]byte(input))).WithStdout(&out).WithStderr(&log)
	for k, v := range env {
		config = config.WithEnv(k, v)
	}
	_, err := r.InstantiateWithConfig(ctx, wasm, config)
	var exit *sys.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return out.String(), log.String(), code
}

// failure is an error document.
type failure struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

func parseFailure(t *testing.T, doc string) failure {
	t.Helper()
	var f failure
	d := json.NewDecoder(bytes.NewReader([]byte(doc)))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("the error document %q: %v", doc, err)
	}
	return f
}
