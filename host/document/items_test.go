package document_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

// TestItems: putting the parts together again gives the document.
func TestItems(t *testing.T) {
	for _, text := range []string{
		`[]`, `{}`, ` [ 1 , "a]\"" , {"b":[1,{"c":2}]} , [[]] , null ] `, `{ "a\n" : 1e5 , "b" : {"c":"}"} , "" : [ ] }`, `[true,false]`,
	} {
		checkParts(t, document.MustParse(text))
	}
	for _, text := range []string{`1`, `"[1]"`, `null`} {
		if d := document.MustParse(text); d.Items() != nil || d.Fields() != nil {
			t.Errorf("%s has parts", text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.SampledFrom([]string{`1`, `"x,]}"`, `{"a":[1, 2]}`, `[ ]`, `null`, `-1.5e3`, `"\\"`})).Draw(t, "parts")
		list, object := "[", "{"
		for i, part := range texts {
			if i > 0 {
				list, object = list+",", object+" , "
			}
			list, object = list+part, object+document.String(part+string(rune('a'+i%20))+string(rune('a'+i/20))).String()+":"+part
		}
		checkParts(t, document.MustParse(list+"]"))
		checkParts(t, document.MustParse(object+"}"))
	})
}

func checkParts(t rapid.TB, d document.Document) {
	t.Helper()
	again := document.Array(d.Items()...)
	if d.Kind() == document.KindObject {
		again = document.Object(d.Fields()...)
	}
	if !again.Equal(d) {
		t.Errorf("%s fell apart to %s", d, again)
	}
}
