package provider

import (
	"context"
	"testing"
)

// BenchmarkCall is one call through go-plugin: JSON of some bytes there and back,
// over gRPC with TLS on a Unix socket.
func BenchmarkCall(b *testing.B) {
	c := configure(b, started(b, Options{}), `{"provider":"good"}`)
	b.Run("one at a time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ask(context.Background(), c, "echo", `{"text":"hi"}`); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := ask(context.Background(), c, "echo", `{"text":"hi"}`); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
