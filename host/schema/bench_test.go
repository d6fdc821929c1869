package schema_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
)

const orders = `{"type":"object","required":["id","items"],"additionalProperties":false,"properties":{
	"id":{"type":"integer"},"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{
		"sku":{"type":"string","pattern":"^[A-Z]-[0-9]+$"},"quantity":{"type":"integer","minimum":1},"note":{"type":"string","maxLength":80}}}}}}`

func order(items int, more string) []byte {
	const item = `{"sku":"A-1002","quantity":3,"note":"handle with care, please"}`
	return []byte(`{"id":1,"items":[` + strings.TrimSuffix(strings.Repeat(item+",", items), ",") + more + `]}`)
}

// BenchmarkValidate checks a document of 1 KB from its bytes.
func BenchmarkValidate(b *testing.B) {
	s := compile(b, orders)
	for name, in := range map[string][]byte{"valid": order(15, ""), "invalid": order(15, `,{"sku":7}`)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if got := s.Validate(document.Trusted(in)); (got == nil) != (name == "valid") {
					b.Fatal(got)
				}
			}
		})
	}
}

// BenchmarkAuthority is the same document, decoded and held against the schema by
// the authority alone, in turns with Validate: times is how much longer it takes.
func BenchmarkAuthority(b *testing.B) {
	in, ours := order(15, ""), compile(b, orders)
	theirs, err := jsonschema.CompileString("orders.json", orders)
	if err != nil {
		b.Fatal(err)
	}
	const turn = 100
	fast, slow := time.Hour, time.Hour
	for b.Loop() {
		begin := time.Now()
		for range turn {
			if got := ours.Validate(document.Trusted(in)); got != nil {
				b.Fatal(got)
			}
		}
		fast = min(fast, time.Since(begin)/turn)
		begin = time.Now()
		for range turn {
			var v any
			d := json.NewDecoder(bytes.NewReader(in))
			d.UseNumber()
			if err := d.Decode(&v); err != nil {
				b.Fatal(err)
			}
			if err := theirs.Validate(v); err != nil {
				b.Fatal(err)
			}
		}
		slow = min(slow, time.Since(begin)/turn)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(fast.Nanoseconds())/1000, "walk-µs")
	b.ReportMetric(float64(slow.Nanoseconds())/1000, "authority-µs")
	b.ReportMetric(float64(slow)/float64(fast), "times")
}
