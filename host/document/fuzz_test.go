package document_test

// Properties that hold for every text: the same verdict as encoding/json but
// for what is documented, and a canonical form that is equal exactly where the
// values are.

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

// oracle decodes with encoding/json, token by token, and says why this package
// is stricter, if it is: "" means that it must accept.
func oracle(b []byte) (v any, stricter string, ok bool) {
	if !json.Valid(b) {
		return nil, "", false
	}
	if !utf8.Valid(b) {
		return nil, "invalid UTF-8", true
	}
	if hasLoneSurrogate(string(b)) {
		return nil, "lone surrogate", true
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	v, err := oracleValue(dec)
	if errors.Is(err, errTwice) {
		return nil, "duplicate key", true
	}
	return v, "", err == nil
}

var errTwice = errors.New("twice")

func oracleValue(dec *json.Decoder) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := oracleValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	case json.Delim('{'):
		fields := map[string]any{}
		for dec.More() {
			k, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := oracleValue(dec)
			if err != nil {
				return nil, err
			}
			key, ok := k.(string)
			if _, twice := fields[key]; twice || !ok {
				return nil, errTwice
			}
			fields[key] = v
		}
		_, err = dec.Token()
		return fields, err
	}
	return t, nil
}

var (
	escapes   = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)
	surrogate = regexp.MustCompile(`^\\u[dD][89a-fA-F]`)
	high      = regexp.MustCompile(`^\\u[dD][89abAB]`)
)

func hasLoneSurrogate(s string) bool {
	found := escapes.FindAllStringIndex(s, -1)
	for i := 0; i < len(found); i++ {
		e := s[found[i][0]:found[i][1]]
		if !surrogate.MatchString(e) {
			continue
		}
		paired := high.MatchString(e) && i+1 < len(found) && found[i+1][0] == found[i][1] &&
			surrogate.MatchString(s[found[i+1][0]:]) && !high.MatchString(s[found[i+1][0]:])
		if !paired {
			return true
		}
		i++
	}
	return false
}

func checkText(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte,
) {
	t.Helper()
	want, stricter, ok := oracle(b)
	d, err := document.Parse(b, document.Limits{Depth: document.MaxDepth})
	if (err == nil) != (ok && stricter == "") {
		t.Fatalf("%q: %v; encoding/json accepts: %v %s", b, err, ok, stricter)
	}
	if err != nil {
		var syntax *document.SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(b) || syntax.Line < 1 || syntax.Column < 1 {
			t.Fatalf("%q: %#v", b, err)
		}
		return
	}
	got, err := d.Value()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: decoded %#v, %v; want %#v", b, got, err, want)
	}
	c := d.Canonical()
	again, err := document.Parse(c, document.Limits{Bytes: len(c), Depth: document.MaxDepth})
	if err != nil || !bytes.Equal(again.Canonical(), c) {
		t.Fatalf("%q: canonical form %q, whose own is %q, %v", b, c, again.Canonical(), err)
	}
	value, _ := again.Value()
	if !same(want, value) {
		t.Fatalf("%q: the canonical form %q is another value", b, c)
	}
	built, err := document.FromValue(got)
	if err != nil || !built.Equal(d) || built.Digest() != d.Digest() {
		t.Fatalf("%q: built again: %s, %v", b, built, err)
	}
	if err := built.Within(document.Limits{Bytes: 1 << 30, Depth: document.MaxDepth}); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
}

// same compares decoded values, numbers by their exact value.
func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		return exact(string(a)) == exact(string(b))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if v, ok := b[k]; !ok || !same(a[k], v) {
				return false
			}
		}
		return true
	}
	return a == b
}

// exact is a number as its digits, without zeros around them, and the power of ten
// that they are multiplied by. [big.Rat] has a largest exponent, this has none.
func exact(s string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return "0"
	}
	power := new(big.Int)
	if exponent != "" {
		power.SetString(exponent, 10)
	}
	power.Add(power, big.NewInt(int64(len(digits)-len(significant)-len(fraction))))
	if negative {
		significant = "-" + significant
	}
	return significant + "e" + power.String()
}

var seeds = []string{
	`{"a":[1,2.50,-0,1e400,"x\u00e9\ud83d\ude00\n"],"b":{"c":null,"d":true}}`,
	`{"a":1,"\u0061":2}`, `"\ud800"`, "\"\xff\"", `[1,]`, `01`, `1e+999999999999999999999`, ` [ ] `, `{"":{"":""}}`, `"\u0000"`, "\ufeff1",
	`0e000077777777777777777777`, `10E1000000`, `[0.01e-999999,-1.20e99999999999999999999]`,
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkText(t, b) })
}

func FuzzTrusted(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := document.Trusted(b)
		_, _ = d.Value()
		_, _, _ = d.Digest(), d.Kind(), d.Within(document.Limits{})
	})
}

func FuzzNumbersEqualExactlyWhenTheirValuesAre(f *testing.F) {
	f.Add("1", "1.0")
	f.Add("10e-1", "0.1e1")
	f.Add("1e21", "1000000000000000000000")
	f.Add("10e999999999999999999", "1e+1000000000000000000")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, errX := document.Parse([]byte(a), document.Limits{})
		y, errY := document.Parse([]byte(b), document.Limits{})
		if errX != nil || errY != nil || x.Kind() != document.KindNumber || y.Kind() != document.KindNumber || len(a)+len(b) > 100 {
			t.Skip()
		}
		if x.Equal(y) != (exact(x.String()) == exact(y.String())) {
			t.Fatalf("%s and %s: %s, %s", a, b, x.Canonical(), y.Canonical())
		}
	})
}

// number draws one value in some of its many spellings.
func number(t *rapid.T) string {
	digits := rapid.StringMatching(`0{0,3}[0-9]{1,5}0{0,3}`).Draw(t, "digits")
	whole := strings.TrimLeft(digits, "0")
	if whole == "" {
		whole = "0"
	}
	s := whole
	if rapid.Bool().Draw(t, "fraction") {
		s += "." + rapid.StringMatching(`0{0,8}[0-9]{1,3}0{0,2}`).Draw(t, "after")
	}
	if rapid.Bool().Draw(t, "exponent") {
		s += rapid.StringMatching(`[eE][+-]?0{0,2}[0-9]{1,2}`).Draw(t, "e")
	}
	if rapid.Bool().Draw(t, "negative") {
		s = "-" + s
	}
	return s
}

func text(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space")
	str := func() string {
		b, _ := json.Marshal(rapid.StringN(0, 4, -1).Draw(t, "string"))
		return string(b)
	}
	kinds := 6
	if depth == 0 {
		kinds = 3
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return space + number(t)
	case 1:
		return str() + space
	case 2, 3:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word")
	case 4:
		parts := make([]string, rapid.IntRange(0, 4).Draw(t, "items"))
		for i := range parts {
			parts[i] = text(t, depth-1)
		}
		return "[" + space + strings.Join(parts, space+",") + "]"
	default:
		parts := make([]string, rapid.IntRange(0, 30).Draw(t, "members"))
		for i := range parts {
			parts[i] = str() + space + ":" + text(t, depth/2)
		}
		return "{" + strings.Join(parts, ","+space) + space + "}"
	}
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkText(t, []byte(text(t, 4))) })
}

func TestPropertyNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := document.MustParse(number(t)), document.MustParse(number(t))
		x, _ := new(big.Rat).SetString(a.String())
		y, _ := new(big.Rat).SetString(b.String())
		if equal := x.Cmp(y) == 0; a.Equal(b) != equal || (exact(a.String()) == exact(b.String())) != equal {
			t.Fatalf("%s, %s", a.Canonical(), b.Canonical())
		}
		z, _ := new(big.Rat).SetString(string(a.Canonical()))
		if z.Cmp(x) != 0 {
			t.Fatalf("%s became %s", a, a.Canonical())
		}
	})
}

// A cut or a changed byte anywhere gives encoding/json's verdict too.
func TestPropertyBroken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(text(t, 3))
		at := rapid.IntRange(0, len(b)).Draw(t, "at")
		switch {
		case rapid.Bool().Draw(t, "cut"):
			b = b[:at]
		case at < len(b):
			b[at] = rapid.SampledFrom([]byte("{}[],:\"\\0-+.eEu \x00\x1f\x80\xff")).Draw(t, "byte")
		}
		checkText(t, b)
	})
}

func record() []byte {
	var b bytes.Buffer
	b.WriteString(`{"id":12345,"title":"The quick brown fox","tags":["a","bc","déf"],"price":12.50,"ok":true,"items":[`)
	for i := range 12 {
		if i > 0 {
			b.WriteByte(',')
		}
		_, _ = io.WriteString(&b, `{"sku":"A-1002","quantity":3,"note":"handle with care, please","at":"2024-01-02"}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkDocument(b *testing.B) {
	in := record()
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("parse", func() error { _, err := document.Parse(in, document.Limits{}); return err })
	run("parse+value", func() error {
		d, err := document.Parse(in, document.Limits{})
		if err == nil {
			_, err = d.Value()
		}
		return err
	})
	run("canonical", func() error { _ = document.Trusted(in).Canonical(); return nil })
	run("digest", func() error { _ = document.Trusted(in).Digest(); return nil })
	run("encoding-json-valid", func() error {
		if !json.Valid(in) {
			return errTwice
		}
		return nil
	})
	run("encoding-json-any", func() error { var v any; return json.Unmarshal(in, &v) })
}
