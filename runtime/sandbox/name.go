package sandbox

// The name of an engine, for journals.

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/tetratelabs/wazero"
)

// Name says what decides the bits of a NaN, the one thing in which engines may differ:
// which wazero, whether it compiles or interprets, and the processor's kind, as in
// "wazero v1.12.0 compiler amd64". Two engines of one name give the same outputs bit for
// bit; two of different names do, too, unless a module lets the bits of a NaN be seen.
func (e *Engine) Name() string {
	how := "compiler"
	if e.config.Interpreter || !compiles() {
		how = "interpreter"
	}
	return "wazero " + wazeroVersion() + " " + how + " " + runtime.GOARCH
}

// compiles reports whether wazero has a compiler for this machine. It does not say so:
// the smallest module with a function is compiled to see.
var compiles = sync.OnceValue(func() (ok bool) {
	defer func() { ok = recover() == nil && ok }()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	defer func() { _ = r.Close(ctx) }()
	_, err := r.CompileModule(ctx, []byte("\x00asm\x01\x00\x00\x00"+
		"\x01\x04\x01\x60\x00\x00"+"\x03\x02\x01\x00"+"\x0a\x04\x01\x02\x00\x0b"))
	return err == nil
})

// wazeroVersion is what this program was built with; "unknown" where it was built
// without modules.
var wazeroVersion = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == wazeroModule {
			if m.Replace != nil {
				m = m.Replace
			}
			return m.Version
		}
	}
	return "unknown"
})
