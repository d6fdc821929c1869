package llm

import (
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// BenchmarkChat is the cost of a call but for the network: mapping, the client,
// and back.
func BenchmarkChat(b *testing.B) {
	for _, api := range []string{"openai", "anthropic"} {
		b.Run(api, func(b *testing.B) {
			body := wholeChat
			if api == "anthropic" {
				body = wholeMessage
			}
			root := New(Options{Transport: &said{"application/json", body}})
			c, err := root.Configure("llm", document.MustParse(`{"api":"`+api+`","base_url":"http://x","model":"m","concurrency":100}`))
			if err != nil {
				b.Fatal(err)
			}
			call := plainCall(unstreamed)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Call(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
