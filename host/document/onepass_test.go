package document

import (
	"bytes"
	"strings"
	"testing"
)

// Both walks write the same, and the one is used for what is ordinary.
func TestOnePass(t *testing.T) {
	deep := func(open, shut string, levels int) string {
		return strings.Repeat(open, levels) + "1" + strings.Repeat(shut, levels)
	}
	for _, c := range []struct {
		in string
		ok bool
	}{
		{`1`, true},
		{`-0.0`, true},
		{`1e2`, true},
		{`null`, true},
		{`"\u0041\n"`, true},
		{`[]`, true},
		{`{}`, true},
		{`[[],{}]`, true},
		{` [ 1 , true , "a" ] `, true},
		{`{"b": 1, "a": [2, {"d": {}, "c": []}], "": "x,}"}`, true},
		{`{"ä": 1, "z": 2, "𝄞": 3, "￿": 4}`, true},
		{`{"b":{"y":1,"x":{"2":1.50,"1":false}},"a":"ü"}`, true},
		{deep(`[`, `]`, 200), true},
		{deep(`{"a":`, `}`, 200), true},
		{`{"a\u0062": 1, "a": 2}`, false},
		{deep(`{"b":1,"a":`, `}`, 200), false}, // each level would move all within
	} {
		d, err := Parse([]byte(c.in), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, ok := canonicalInOnePass(d.Bytes())
		if ok != c.ok {
			t.Errorf("%.60s: in one pass: %v", c.in, ok)
		}
		want := appendCanonical(nil, d.Bytes())
		if ok && !bytes.Equal(got, want) {
			t.Errorf("%.60s:\n got %s\nwant %s", c.in, got, want)
		}
		if !bytes.Equal(d.Canonical(), want) {
			t.Errorf("%.60s is %s", c.in, d.Canonical())
		}
	}
}

func FuzzOnePass(f *testing.F) {
	for _, s := range []string{`{"b":[1,{"d":2,"c":1e5}],"a":{"":"\u0000"}}`, `[{},[],"",-0]`, `{"a":1,"b\u0000":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b, Limits{})
		if err != nil {
			return
		}
		if got, ok := canonicalInOnePass(d.Bytes()); ok {
			if want := appendCanonical(nil, d.Bytes()); !bytes.Equal(got, want) {
				t.Errorf("%q:\n got %q\nwant %q", b, got, want)
			}
		}
	})
}

// What is not checked, as Trusted takes it, ends in either way.
func FuzzOnePassUnchecked(f *testing.F) {
	for _, s := range []string{`{"a":`, `[1,`, `{"a" 1,}`, `{"b":1,"a"`, `{0"0"`, `"`, `]`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) { Trusted(b).Canonical() })
}

func BenchmarkCanonical(b *testing.B) {
	order := []byte(`{"id":1000,"items":[` + strings.TrimSuffix(strings.Repeat(`{"sku":"A-1002","quantity":3,"note":"handle with care, please"},`, 15), ",") + `],"n":0}`)
	b.Run("in one pass", func(b *testing.B) {
		for range b.N {
			canonicalInOnePass(order)
		}
	})
	b.Run("any", func(b *testing.B) {
		for range b.N {
			appendCanonical(make([]byte, 0, len(order)), order)
		}
	})
}
