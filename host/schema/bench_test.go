package schema_test

import (
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

func BenchmarkValidate(b *testing.B) {
	s := compile(b, `{"type":"object","required":["id","items"],"additionalProperties":false,"properties":{
		"id":{"type":"integer"},"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{
			"sku":{"type":"string","pattern":"^[A-Z]-[0-9]+$"},"quantity":{"type":"integer","minimum":1},"note":{"type":"string","maxLength":80}}}}}}`)
	const items = `{"sku":"A-1002","quantity":3,"note":"handle with care, please"},{"sku":"A-1002","quantity":3,"note":"handle with care, please"},{"sku":"A-1002","quantity":3,"note":"handle with care, please"}`
	valid := []byte(`{"id":1,"items":[` + items + `,` + items + `,` + items + `,` + items + `]}`)
	invalid := []byte(`{"id":1,"items":[` + items + `,{"sku":7}]}`)
	for name, in := range map[string][]byte{"valid": valid, "invalid": invalid} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if got := s.Validate(document.Trusted(in)); (got == nil) != (name == "valid") {
					b.Fatal(got)
				}
			}
		})
	}
}
