package document_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{` { "b" : 1 , "a" : [ 1.0 , 1e0 , 10e-1 ] } `, `{"a":[1,1,1],"b":1}`},
		{`{"b":{"d":1,"c":{"f":2,"e":3}},"a":[{"z":1,"y":2}]}`, `{"a":[{"y":2,"z":1}],"b":{"c":{"e":3,"f":2},"d":1}}`},
		{`{"é":1,"z":2,"\u0065":3,"":4}`, `{"":4,"e":3,"z":2,"é":1}`},
		{`{"\ud83d\ude00":1,"\uffff":2}`, "{\"\uffff\":2,\"😀\":1}"}, // by code point, not by UTF-16 unit
		{`"\u0041\/\u000a\u001F\"\\\u007f\u2028"`, "\"A/\\n\\u001f\\\"\\\\\x7f\u2028\""},
		{`[ ]`, `[]`},
		{`{ }`, `{}`},
		{`[[],{},[[]] , true,false, null]`, `[[],{},[[]],true,false,null]`},
		{`0`, `0`},
		{`-0`, `0`},
		{`-0.0e999999999999999999999`, `0`},
		{`0.1`, `0.1`},
		{`0.10`, `0.1`},
		{`1e400`, `1e+400`},
		{`10e399`, `1e+400`},
		{`0.1e401`, `1e+400`},
		{`100`, `100`},
		{`1e2`, `100`},
		{`1E+2`, `100`},
		{`123456789012345678901`, `123456789012345678901`},
		{`1e20`, `100000000000000000000`},
		{`1e21`, `1e+21`},
		{`1234567890123456789012`, `1.234567890123456789012e+21`},
		{`0.000001`, `0.000001`},
		{`0.0000001`, `1e-7`},
		{`-12.50e-3`, `-0.0125`},
		{`1.5e1`, `15`},
		{`1e999999999`, `1e+999999999`},
		{`1e-999999999`, `1e-999999999`},
		{`10e99999999999999999`, `1e+100000000000000000`},
		{`1e100000000000000000`, `1e+100000000000000000`},
		{`100e99999999999999999999`, `1e+100000000000000000001`},
		{`0.01e99999999999999999999`, `1e+99999999999999999997`},
		{`0.01e100000000000000000001`, `1e+99999999999999999999`},
		{`100e-100000000000000000001`, `1e-99999999999999999999`},
		{`0.01e-99999999999999999999`, `1e-100000000000000000001`},
		{`1e-00000000000000000000000000000000000001`, `0.1`},
	} {
		d, err := document.Parse([]byte(c.in), document.Limits{})
		if err != nil {
			t.Errorf("Parse(%s): %v", c.in, err)
			continue
		}
		if got := string(d.Canonical()); got != c.want {
			t.Errorf("canonical form of %s:\n got %s\nwant %s", c.in, got, c.want)
		}
		again := document.MustParse(c.want)
		if got := string(again.Canonical()); got != c.want {
			t.Errorf("canonical form of the canonical %s is %s", c.want, got)
		}
		if !d.Equal(again) || d.Digest() != again.Digest() {
			t.Errorf("%s and its canonical form are not equal", c.in)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		in           string
		line, column int
		text         string
	}{
		{``, 1, 1, "expected a value, found the end of the text"},
		{"  \n ", 2, 2, "expected a value, found the end of the text"},
		{`{"a":1,"a":2}`, 1, 8, `the key "a" stands twice in one object`},
		{`{"a":1,"\u0061":2}`, 1, 8, `the key "a" stands twice in one object`},
		{`[1,2,]`, 1, 6, "expected a value, found ']'"},
		{`{"a":1,}`, 1, 8, "expected a key in double quotes, found '}'"},
		{`{a:1}`, 1, 2, "expected a key in double quotes, found 'a'"},
		{`{'a':1}`, 1, 2, `expected a key in double quotes, found "'" (JSON's strings are in double quotes)`},
		{`{"a" 1}`, 1, 6, "expected ':' after a key, found '1'"},
		{`[1 2]`, 1, 4, "expected ',' or ']' after an element, found '2'"},
		{`{"a":1 "b":2}`, 1, 8, `expected ',' or '}' after a member, found '"'`},
		{"{\n  \"é\": nul\n}", 2, 11, "expected the rest of null, found U+000A"},
		{`1 2`, 1, 3, "expected the end after one JSON value, found '2'"},
		{`01`, 1, 2, "a number must not begin with 0 and another digit"},
		{`-`, 1, 2, "expected a digit after '-', found the end of the text"},
		{`1.`, 1, 3, "expected a digit after '.', found the end of the text"},
		{`1e+`, 1, 4, "expected a digit of the exponent, found the end of the text"},
		{`+1`, 1, 1, "expected a value, found '+'"},
		{`NaN`, 1, 1, "expected a value, found 'N'"},
		{`"abc`, 1, 5, `expected '"' at the end of a string, found the end of the text`},
		{"\"a\nb\"", 1, 3, "a control character (U+000A) in a string must be escaped"},
		{"\"a\xffb\"", 1, 3, "invalid UTF-8 in a string: byte 0xff"},
		{"\"\xed\xa0\x80\"", 1, 2, "invalid UTF-8 in a string: byte 0xed"},
		{`"\ud800"`, 1, 2, `a lone surrogate (\ud800) is not a character`},
		{`"\ud800\u0041"`, 1, 2, `a lone surrogate (\ud800) is not a character`},
		{`"\udc00\ud800"`, 1, 2, `a lone surrogate (\udc00) is not a character`},
		{`"\x41"`, 1, 3, `expected one of " \ / b f n r t u after '\', found 'x'`},
		{`"\u00g0"`, 1, 2, `\u must be followed by four hexadecimal digits`},
		{"\uFEFF{}", 1, 1, "expected a value, found a byte order mark"},
		{"\xff", 1, 1, "expected a value, found the byte 0xff"},
		{`[[[[`, 1, 4, "the document is nested too deeply: at most 3 levels are allowed"},
		{`"` + strings.Repeat("x", 200) + `"`, 1, 1, "the document is too large: 202 bytes, at most 100 are allowed"},
	} {
		_, err := document.Parse([]byte(c.in), document.Limits{Bytes: 100, Depth: 3})
		var syntax *document.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Parse(%q): %v, want a SyntaxError", c.in, err)
			continue
		}
		if syntax.Line != c.line || syntax.Column != c.column || syntax.Text != c.text {
			t.Errorf("Parse(%q):\n got %v\nwant line %d, column %d: %s", c.in, err, c.line, c.column, c.text)
		}
	}
}

func TestLimits(t *testing.T) {
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if _, err := document.Parse(deep(document.DefaultDepth), document.Limits{}); err != nil {
		t.Error(err)
	}
	if _, err := document.Parse(deep(document.DefaultDepth+1), document.Limits{}); !errors.Is(err, document.ErrTooDeep) {
		t.Errorf("%v, want ErrTooDeep", err)
	}
	if _, err := document.Parse(deep(document.MaxDepth+1), document.Limits{Depth: 1 << 30}); !errors.Is(err, document.ErrTooDeep) {
		t.Errorf("%v, want ErrTooDeep", err)
	}
	d, err := document.Parse(deep(document.MaxDepth), document.Limits{Depth: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Within(document.Limits{}); !errors.Is(err, document.ErrTooDeep) {
		t.Errorf("Within: %v, want ErrTooDeep", err)
	}
	if _, err := d.Value(); err != nil {
		t.Error(err)
	}
	if err := document.Trusted(d.Bytes()).Within(document.Limits{Bytes: 10}); !errors.Is(err, document.ErrTooLarge) {
		t.Errorf("Within: %v, want ErrTooLarge", err)
	}
	if _, err := document.FromValue(document.Array(d)); err != nil {
		t.Error(err)
	}
	if _, err := document.FromValue([]any{d}); !errors.Is(err, document.ErrTooDeep) {
		t.Errorf("FromValue: %v, want ErrTooDeep", err)
	}
	self := []any{nil, nil}
	self[0], self[1] = self, self
	if _, err := document.FromValue(self); !errors.Is(err, document.ErrTooDeep) {
		t.Errorf("FromValue of a value in itself: %v, want ErrTooDeep", err)
	}
}

func TestBuild(t *testing.T) {
	item := struct {
		A int    `json:"a"`
		B string `json:"b"`
	}{1, "<x>"}
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, `null`},
		{"a\"\x00é", `"a\"\u0000é"`},
		{json.Number("1.50"), `1.50`},
		{1.5, `1.5`},
		{1e300, `1e+300`},
		{float32(0.1), `0.1`},
		{-7, `-7`},
		{uint64(18446744073709551615), `18446744073709551615`},
		{int8(3), `3`},
		{map[string]any{"b": []any{}, "a": map[string]any{}}, `{"a":{},"b":[]}`},
		{map[string]any{"d": document.MustParse(`{"z":1,"a":2}`), "n": document.Document{}}, `{"d":{"z":1,"a":2},"n":null}`},
		{item, `{"a":1,"b":"\u003cx\u003e"}`},
		{[]string{"x"}, `["x"]`},
	} {
		d, err := document.FromValue(c.in)
		if err != nil || d.String() != c.want {
			t.Errorf("FromValue(%v) = %s, %v; want %s", c.in, d, err, c.want)
		}
	}
	for _, bad := range []any{json.Number("x"), json.Number(""), json.Number("01"), "\xff", map[string]any{"\xff": 1}, func() {}, nan()} {
		if d, err := document.FromValue(bad); err == nil {
			t.Errorf("FromValue(%v) = %s, want an error", bad, d)
		}
	}
	got := document.Object(
		document.Field{Key: "b", Value: document.String("x\xff")},
		document.Field{Key: "absent"},
		document.Field{Key: "a", Value: document.Array(document.Int(1), document.Null(), document.Document{}, document.Bool(true))},
		document.Field{Key: "b", Value: document.Int(2)},
	)
	if want := `{"b":2,"a":[1,null,null,true]}`; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := document.Parse(got.Bytes(), document.Limits{Depth: 2}); err != nil {
		t.Error(err)
	}
	if err := got.Within(document.Limits{Depth: 1}); !errors.Is(err, document.ErrTooDeep) {
		t.Errorf("Within: %v, want ErrTooDeep", err)
	}
}

func nan() float64 { z := 0.0; return z / z }

func TestKindsAndAbsent(t *testing.T) {
	for in, want := range map[string]string{
		`null`: "null", `true`: "boolean", `false`: "boolean", `-1`: "number", `0`: "number",
		`"x"`: "string", `[]`: "array", `{}`: "object",
	} {
		if got := document.MustParse(in).Kind().String(); got != want {
			t.Errorf("kind of %s is %s, want %s", in, got, want)
		}
	}
	var absent document.Document
	if !absent.IsZero() || absent.Kind() != document.KindAbsent || absent.Bytes() != nil || absent.Digest() != "" {
		t.Error("the zero document is not absent")
	}
	if absent.Equal(document.Null()) || !absent.Equal(document.Document{}) {
		t.Error("absent must equal absent alone")
	}
	if v, err := absent.Value(); v != nil || err != nil {
		t.Error(v, err)
	}
	b, err := json.Marshal(struct{ X document.Document }{})
	if err != nil || string(b) != `{"X":null}` {
		t.Errorf("%s, %v", b, err)
	}
	var back struct{ X, Y document.Document }
	if err := json.Unmarshal([]byte(`{"X": {"a": [1]} }`), &back); err != nil {
		t.Fatal(err)
	}
	if back.X.String() != `{"a": [1]}` || !back.Y.IsZero() {
		t.Errorf("%s %s", back.X, back.Y)
	}
	if err := json.Unmarshal([]byte(`{"X": {"a":1,"a":2} }`), &back); err == nil {
		t.Error("duplicate keys were read")
	}
}

func TestValueIsSharedAndExact(t *testing.T) {
	d := document.MustParse(`{"n":1e400,"s":"aA\n","l":[0.10,true,null],"o":{}}`)
	want := map[string]any{
		"n": json.Number("1e400"), "s": "aA\n",
		"l": []any{json.Number("0.10"), true, nil}, "o": map[string]any{},
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v, err := d.Value()
			if err != nil || !reflect.DeepEqual(v, want) {
				t.Errorf("%#v, %v", v, err)
			}
			_ = d.Digest()
		})
	}
	wg.Wait()
}

// Keys by the hundred thousand, distinct or all the same length, must not cost
// the square of their number, nor may nesting with unsorted keys.
func TestHostileShapes(t *testing.T) {
	var b strings.Builder
	b.WriteByte('{')
	const n = 200_000
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + big.NewInt(int64(n*10-i)).String() + `":0`)
	}
	wide := b.String()
	d := document.MustParse(wide + "}")
	if v, err := d.Value(); err != nil || len(v.(map[string]any)) != n {
		t.Fatal(err)
	}
	if len(d.Canonical()) != len(d.Bytes()) {
		t.Error("the canonical form lost something")
	}
	if _, err := document.Parse([]byte(wide+`,"k1999999":0}`), document.Limits{}); err == nil {
		t.Error("a duplicate among many keys was accepted")
	}
	depth := document.DefaultDepth - 1
	nested := strings.Repeat(`{"b":`, depth) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat(`,"a":0}`, depth)
	if got := document.MustParse(nested).Canonical(); len(got) != len(nested) {
		t.Error("the canonical form lost something")
	}
	long := "1." + strings.Repeat("3", 1<<20) + "e" + strings.Repeat("9", 1<<20)
	if got := document.MustParse(long).Canonical(); len(got) < len(long) {
		t.Error("a long number was cut")
	}
}

func TestTrustedNeverPanics(t *testing.T) {
	for _, in := range []string{`{`, `[`, `"`, `"\`, `"\u`, `"\ud800"`, `{"a`, `{"a"`, `{"a":`, `]`, `}`, `,`, `{1:2}`, `[1 2`, `-`, `{"a":}`, `[}`, `{]`, `tru`, "\xff", `[[]`, `e`, `1e`, `-e`} {
		d := document.Trusted([]byte(in))
		_ = d.Canonical()
		_, _ = d.Value()
		_, _, _ = d.Digest(), d.Kind(), d.Within(document.Limits{})
	}
}
