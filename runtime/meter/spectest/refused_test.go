// Proposals that the sandbox does not take: threads and exception handling.
package spectest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
)

// TestRefusedProposals wants no module to pass that wazero would refuse under
// the sandbox's features: the meter must not rewrite an extension away.
func TestRefusedProposals(t *testing.T) {
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(allFeatures))
	t.Cleanup(func() { _ = runtime.Close(ctx) })
	for folder, least := range map[string]int{"threads": 3, "exception-handling": 5, "typed-function-references": 20} {
		t.Run(folder, func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join(suiteData(t), folder, "testdata", "*.wasm"))
			if err != nil {
				t.Fatal(err)
			}
			refused := 0
			for _, path := range paths {
				wasm, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				plain, err := runtime.CompileModule(ctx, wasm)
				if err == nil {
					_ = plain.Close(ctx)
					continue
				}
				refused++
				ready, refusal := throughMeter(wasm)
				if refusal != nil {
					continue
				}
				if metered, refusal := runtime.CompileModule(ctx, ready.wasm); refusal == nil {
					_ = metered.Close(ctx)
					t.Errorf("%s is accepted after rewriting; as it came: %v", filepath.Base(path), err)
				}
			}
			t.Logf("%d of %d modules are refused", refused, len(paths))
			if refused < least {
				t.Errorf("only %d modules were refused, want %d", refused, least)
			}
		})
	}
}
