package pack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/sandbox"
)

// order is a document of about 1 KB.
func order() []byte {
	return []byte(`{"customer":"Ada Lovelace","lines":[` + strings.Repeat(`{"sku":"tea-earl-grey-250g","quantity":3,"cents":1250},`, 18) + `{"sku":"cup","quantity":1,"cents":800}]}`)
}

const totalScript = `export default function (order) {
  let cents = 0;
  for (const line of order.lines) cents += line.quantity * line.cents;
  return { customer: order.customer.toUpperCase(), cents, lines: order.lines };
}`

// BenchmarkCall calls a packed node with 1 KB of JSON in and out.
func BenchmarkCall(b *testing.B) {
	p := compile(b, packed(b, "total.js", totalScript))
	c := sandbox.Call{Input: order()}
	first, err := p.Call(b.Context(), c)
	if err != nil || first.Stop != nil {
		b.Fatal(err, first.Stop)
	}
	b.ReportMetric(float64(first.Fuel), "fuel")
	b.ResetTimer()
	for b.Loop() {
		if r, err := p.Call(b.Context(), c); err != nil || r.Stop != nil {
			b.Fatal(err, r.Stop)
		}
	}
}

// BenchmarkCompute is a script that does nothing but compute.
func BenchmarkCompute(b *testing.B) {
	p := compile(b, packed(b, "compute.js", computeScript))
	for b.Loop() {
		if r, err := p.Call(b.Context(), sandbox.Call{Input: []byte("null")}); err != nil || r.Stop != nil {
			b.Fatal(err, r.Stop)
		}
	}
}

const computeScript = `export default function () {
	  const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
	  let s = "";
	  for (let i = 0; i < 1000; i++) s += i;
	  const words = s.match(/[1-9]{3}/g).map((w) => ({ w, n: +w })).sort((a, b) => a.n - b.n);
	  return { fib: fib(18), words: words.length };
	}`

// BenchmarkPack packs a small script, the engine being compiled already.
func BenchmarkPack(b *testing.B) {
	script := filepath.Join(b.TempDir(), "total.js")
	if err := os.WriteFile(script, []byte(totalScript), 0o600); err != nil {
		b.Fatal(err)
	}
	o := Options{Script: script, CacheDir: b.TempDir()}
	if _, err := Pack(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Pack(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
