package meter_test

// How fast modules are rewritten.

import (
	"os"
	"testing"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// BenchmarkRewrite needs a module: METER_BENCH_WASM names its file.
func BenchmarkRewrite(b *testing.B) {
	path := os.Getenv("METER_BENCH_WASM")
	if path == "" {
		b.Skip("METER_BENCH_WASM names no file")
	}
	wasm, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(wasm)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := module.Read(wasm); err != nil {
				b.Fatal(err)
			}
		}
	})
	m, err := module.Read(wasm)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("rewrite", func(b *testing.B) {
		b.SetBytes(int64(len(wasm)))
		b.ReportAllocs()
		for b.Loop() {
			metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(metered.Wasm))/float64(len(wasm)), "growth")
		}
	})
}
