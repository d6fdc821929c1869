package meter_test

// Hostile bodies: the rewriter never panics, and never makes something valid that was not.

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// FuzzBody puts a body into a module with two functions, a global, a memory and a table.
func FuzzBody(f *testing.F) {
	for _, b := range [][]byte{
		{0, 0x41, 0, 0x0b},
		{1, 2, 0x7f, 0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x10, 1, 0x0b},
		{0, 0x02, 0x7f, 0x41, 1, 0x41, 0, 0x04, 0x7f, 0x41, 1, 0x05, 0x10, 0, 0x0b, 0x0d, 0, 0x0b, 0x0f, 0x0b},
		{0, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0, 0x41, 1, 0x40, 0, 0x0b},
		{0, 0x41, 0, 0x41, 0, 0x0e, 1, 0, 0, 0x0b},
		{0, 0x41, 0, 0x11, 0, 0, 0x12, 1, 0x0b},
		{0, 0x23, 0, 0x24, 0, 0xd2, 0, 0x1a, 0x00, 0x0b},
		{0, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x15, 0, 0x0b},
	} {
		f.Add(b)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features))
	defer func() { _ = r.Close(ctx) }()
	valid := func(wasm []byte) bool {
		c, err := r.CompileModule(ctx, wasm)
		if err != nil {
			return false
		}
		_ = c.Close(ctx)
		return true
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		wasm := wasmOf(b, []byte{0, 0x41, 0, 0x0b})
		m, err := module.Read(wasm)
		if err != nil {
			return
		}
		metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
		if err != nil {
			if _, ok := errors.AsType[*meter.InvalidError](err); !ok {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if before, after := valid(wasm), valid(metered.Wasm); before != after {
			t.Fatalf("valid before: %v, after: %v\n%x\n%x", before, after, wasm, metered.Wasm)
		}
	})
}

// FuzzRewrite takes whole files.
func FuzzRewrite(f *testing.F) {
	f.Add(wasmOf([]byte{0, 0x41, 0, 0x0b}))
	f.Add(program{{{kind: doLoop, body: []statement{{kind: doBrIf}}}, {kind: doCall}, {kind: doFill}}}.wasm())
	f.Fuzz(func(t *testing.T, wasm []byte) {
		m, err := module.Read(wasm)
		if err != nil {
			return
		}
		for _, c := range []meter.Config{{}, {CallDepth: true}} {
			metered, err := meter.Rewrite(m, c)
			if err != nil {
				return
			}
			again, err := meter.Rewrite(m, c)
			if err != nil || !bytes.Equal(again.Wasm, metered.Wasm) {
				t.Fatal("rewriting twice gives two results")
			}
			if _, err = module.Read(metered.Wasm); err != nil {
				t.Fatalf("the result cannot be read: %v", err)
			}
		}
	})
}
