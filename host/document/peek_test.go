package document

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// peekedAt is what Peek must say, by the decoded document.
func peekedAt(v any, names []string) (any, Found) {
	for i, name := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, Undecided
		}
		if v, ok = m[name]; ok {
			continue
		}
		if i == len(names)-1 {
			return nil, Missing
		}
		return nil, Undecided
	}
	return v, There
}

func TestPeek(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `7`, `"a"`, `null`, `{"a":1}`, ` { "a" : { "b" : [ 1 , 2.50 ] , "c" : null } , "b" : "x" } `,
		`{"\u0061":{"b":"\ud83d\ude00"},"b":true}`, `{"":1,"a":{"":{"":2}}}`, `{"x":"}{\",:","a":{"x":[[]],"b":{"a":1e2}}}`,
		`{"a":"` + strings.Repeat("y", 5000) + `","b":{"b":false}}`,
	} {
		for _, names := range [][]string{{"a"}, {"b"}, {""}, {"a", "b"}, {"a", ""}, {"a", "", ""}, {"a", "c"}, {"a", "b", "a"}, {"b", "b"}, {"x"}, {"a", "x"}, {"no"}} {
			d := MustParse(text)
			whole, _ := MustParse(text).Value()
			want, wanted := peekedAt(whole, names)
			if got, found := d.Peek(names...); found != wanted || !reflect.DeepEqual(got, want) {
				t.Errorf("%s %q: %v, %v; want %v, %v", clipped(text), names, got, found, want, wanted)
			}
		}
	}
	if _, found := (Document{}).Peek("a"); found != Undecided {
		t.Error("something was found in what is absent")
	}
}

func clipped(s string) string { return s[:min(len(s), 60)] }

// Peeking again and again must not cost more than decoding once, times a few.
func TestPeekGivesUp(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		b.WriteString(`"key` + strconv.Itoa(i) + `":[1,2,3],`)
	}
	d := MustParse("{" + b.String() + `"last":1}`)
	times := 0
	for ; ; times++ {
		if _, found := d.Peek("last"); found == Undecided {
			break
		}
		if times > 10 {
			t.Fatal("a large document is peeked at for ever")
		}
	}
	if times == 0 {
		t.Error("it was never peeked at")
	}
}

func FuzzPeek(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1}}`), "a", "b")
	f.Add([]byte(`{"\u0061":{"b" : "\n"}}`), "a", "c")
	f.Fuzz(func(t *testing.T, text []byte, one, other string) {
		Trusted(text).Peek(one, other) // must not panic, whatever it is
		d, err := Parse(text, Limits{})
		if err != nil {
			return
		}
		whole, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, names := range [][]string{{one}, {one, other}} {
			want, wanted := peekedAt(whole, names)
			if got, found := d.Peek(names...); found != wanted || !reflect.DeepEqual(got, want) {
				t.Errorf("%q %q: %v, %v; want %v, %v", text, names, got, found, want, wanted)
			}
		}
	})
}
