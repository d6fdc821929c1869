package secret

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

// embedding is a way in which a secret may stand in a text. What is left of it
// when the secret is taken out has none of the secret's bits.
type embedding struct {
	name string
	make func(t *rapid.T, secret string) string
}

func anyBytes(t *rapid.T, label string, most int) string {
	return string(rapid.SliceOfN(rapid.Byte(), 0, most).Draw(t, label))
}

var embeddings = []embedding{
	{"verbatim", func(_ *rapid.T, s string) string { return s }},
	{"query", func(_ *rapid.T, s string) string { return url.QueryEscape(s) }},
	{"path", func(_ *rapid.T, s string) string { return url.PathEscape(s) }},
	{"some bytes", func(t *rapid.T, s string) string {
		var out strings.Builder
		for i := range len(s) {
			switch how := rapid.IntRange(0, 2).Draw(t, "how"); {
			case how == 0 && s[i] < 0x80 && s[i] != '%' && s[i] != '\\':
				out.WriteByte(s[i])
			case how == 1:
				fmt.Fprintf(&out, "%%%02x", s[i])
			default:
				fmt.Fprintf(&out, "%%%02X", s[i])
			}
		}
		return out.String()
	}},
	{"JSON", func(_ *rapid.T, s string) string { return quoted(s) }},
	{"JSON twice", func(_ *rapid.T, s string) string { return quoted(quoted(s)) }},
	{"JSON, escapes everywhere", func(_ *rapid.T, s string) string {
		var out strings.Builder
		for _, r := range s {
			if r >= 0x10000 {
				fmt.Fprintf(&out, `\u%04x\u%04X`, 0xD800+(r-0x10000)>>10, 0xDC00+(r-0x10000)&0x3FF)
				continue
			}
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		return out.String()
	}},
	{"Go", func(_ *rapid.T, s string) string { return fmt.Sprintf("%q", s) }},
	{"Go, ASCII", func(_ *rapid.T, s string) string { return fmt.Sprintf("%+q", s) }},
	{"JSON in a URL", func(_ *rapid.T, s string) string { return url.QueryEscape(quoted(s)) }},
	{"URL in JSON", func(_ *rapid.T, s string) string { return quoted(url.QueryEscape(s)) }},
	{"base64", func(t *rapid.T, s string) string { return inBase64(t, s) }},
	{"base64 in a URL", func(t *rapid.T, s string) string { return url.QueryEscape(inBase64(t, s)) }},
	{"base64 in JSON, / escaped", func(t *rapid.T, s string) string { return strings.ReplaceAll(inBase64(t, s), "/", `\/`) }},
	{"base64 of what a URL has", func(t *rapid.T, s string) string { return inBase64(t, url.QueryEscape(s)) }},
	{"base64 of JSON", func(t *rapid.T, s string) string { return inBase64(t, quoted(s)) }},
	{"base64 in lines", func(t *rapid.T, s string) string {
		return wrap(inBase64(t, s), rapid.IntRange(4, 76).Draw(t, "width"))
	}},
}

func inBase64(t *rapid.T, s string) string {
	encoding := rapid.SampledFrom([]*base64.Encoding{
		base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
	}).Draw(t, "encoding")
	return encoding.EncodeToString([]byte(anyBytes(t, "before inside", 9) + s + anyBytes(t, "behind inside", 9)))
}

// secrets are values that a test can tell from the text around them: they have a
// part that no other text of the test has.
func secretValue(t *rapid.T) string {
	return rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9_-]{12,60}`),
		rapid.StringMatching(`[ -~]{4}[a-z]{8}[ -~]{0,40}`),
		rapid.StringMatching(`[é日😀"\\/%+& ]{6,20}[a-z]{8}`),
		rapid.StringMatching(`-----BEGIN KEY-----(\n[A-Za-z0-9+/]{64}){1,3}\n-----END KEY-----\n`),
	).Draw(t, "secret")
}

// remains says whether a part of the secret that is long enough to tell stands in
// a text, in any form; it knows nothing of how redaction works.
func remains(text, secret string) string {
	secret = strings.TrimSpace(secret)
	texts := []string{text}
	for range 2 {
		last := texts[len(texts)-1]
		if plain, err := url.QueryUnescape(last); err == nil {
			texts = append(texts, plain)
		}
	}
	for i := range texts {
		texts = append(texts, strings.NewReplacer("\r", "", "\n", "", "-", "+", "_", "/", `\/`, "/").Replace(texts[i]))
	}
	const part = 8 // bytes
	for at := 0; at+part <= len(secret); at += 4 {
		piece := secret[at : at+part]
		if strings.HasPrefix(secret, "-----") && (at < 24 || at+part > len(secret)-20) {
			continue // what all PEM has
		}
		for before := range 3 {
			coded := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:before%3] + piece))
			coded = coded[(8*before+5)/6 : 8*(before+part)/6]
			for _, t := range texts {
				if strings.Contains(t, coded) {
					return "base64 of " + piece
				}
			}
		}
		for _, t := range texts {
			if strings.Contains(t, piece) {
				return piece
			}
		}
	}
	return ""
}

// Nothing of a secret is left, however it was written and wherever it was cut;
// what stands around it is. Pieces give the same as the whole.
func TestNothingRemains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := secretValue(t)
		r := Redact(set(t, "s", value))
		how := rapid.SampledFrom(embeddings).Draw(t, "how")
		t.Log(how.name)
		before := rapid.StringMatching(`[A-Z0-9 :{}é]{0,20} `).Draw(t, "before")
		behind := rapid.StringMatching(` [A-Z0-9 :{}é]{0,20}`).Draw(t, "behind")
		text := before + how.make(t, value) + behind
		got := r.Text(text)
		if left := remains(got, value); left != "" {
			t.Fatalf("%q\nbecomes %q\nwhich has %q of %q", text, got, left, value)
		}
		if !strings.HasPrefix(got, before) || !strings.HasSuffix(got, behind) || !strings.Contains(got, "[secret:s]") {
			t.Fatalf("%q\nbecomes %q", text, got)
		}
		if again := r.Text(got); again != got {
			t.Fatalf("%q\nbecomes %q\nand then %q", text, got, again)
		}
		if pieces := inPieces(t, r, text); pieces != got {
			t.Fatalf("%q\nbecomes %q\nin pieces %q", text, got, pieces)
		}
		d := document.Object(document.Field{Key: "a", Value: document.Array(document.String(text))})
		want := document.Object(document.Field{Key: "a", Value: document.Array(document.String(got))})
		if clean := r.Document(d); !clean.Equal(want) {
			t.Fatalf("%s\nbecomes %s\nnot %s", d, clean, want)
		}
	})
}

func inPieces(t *rapid.T, r *Redactor, text string) string {
	stream := r.Stream()
	var out strings.Builder
	for len(text) > 0 {
		n := rapid.IntRange(1, min(len(text), 12)).Draw(t, "piece")
		out.WriteString(stream.Write(text[:n]))
		text = text[n:]
	}
	out.WriteString(stream.Flush())
	return out.String()
}

// Texts without a secret stay as they are, whatever escapes they have; and pieces
// give what the whole gives.
func TestTextWithoutSecrets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Redact(set(t, "a", "QQQQ-this-is-secret", "b", "QQQQ\\more %41 one", "c", strings.Repeat("Q", 40)))
		text := rapid.StringMatching(`([a-zA-PR-Z0-9 %\\u+/="…]|%[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|QQQQ-th|é|UVFRUS10aG)*`).Draw(t, "text")
		if got := r.Text(text); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		if got := inPieces(t, r, text); got != text {
			t.Fatalf("%q became %q in pieces", text, got)
		}
		d := document.String(text)
		if got := r.Document(d); got.String() != d.String() {
			t.Fatalf("%s became %s", d, got)
		}
	})
}

// What may be a secret's beginning is held back, and nothing else.
func TestStreamHolds(t *testing.T) {
	s := Redact(set(t, "s", "Zkey-123456789")).Stream()
	for _, step := range [][2]string{
		{"hello.", "hello."},
		{" world, ", " world, "},
		{"Zkey", ""},
		{"-12345", ""},
		{"!", "Zkey-12345!"},
		{"Zkey-123456", ""},
		{"789.", "[secret:s]."},
		{"Zkey-12", ""},
	} {
		if got := s.Write(step[0]); got != step[1] {
			t.Errorf("%q: got %q, want %q", step[0], got, step[1])
		}
	}
	if got := s.Flush(); got != "Zkey-12" {
		t.Errorf("flush: %q", got)
	}
	if got := s.Write("3456789."); got != "3456789." {
		t.Errorf("after a flush: %q", got)
	}
	var none *Redactor
	nothing := none.Stream()
	if nothing.Write("x") != "x" || nothing.Flush() != "" {
		t.Error("a nil stream")
	}
}

func FuzzText(f *testing.F) {
	f.Add("sk-live 12345678", `{"a":"sk-live+12345678 c2stbGl2ZSAxMjM0NTY3OA=="}`, uint8(3))
	f.Add("a\\b\"c%d e\nf", `\u0061\\b\"c%2564 e%0A`, uint8(1))
	f.Fuzz(func(t *testing.T, value, text string, cut uint8) {
		s := &Set{}
		s.add("s", value, map[string]string{})
		s.add("t", "another-secret", map[string]string{})
		r := Redact(s)
		got := r.Text(text)
		stream := r.Stream()
		var pieces strings.Builder
		for rest := text; rest != ""; {
			n := min(len(rest), int(cut)+1)
			pieces.WriteString(stream.Write(rest[:n]))
			rest = rest[n:]
		}
		pieces.WriteString(stream.Flush())
		if pieces.String() != got {
			t.Errorf("%q is %q, in pieces %q", text, got, pieces.String())
		}
		if strings.Contains(got, "another-secret") && !strings.Contains(value, "secret") && !strings.Contains("another-secret", value) {
			t.Errorf("%q is left in %q", "another-secret", got)
		}
		d, err := document.Parse([]byte(text), document.Limits{})
		if err != nil {
			return
		}
		if _, err := document.Parse(r.Document(d).Bytes(), document.Limits{Bytes: 64 << 20}); err != nil {
			t.Errorf("%s is no document any more: %s: %v", d, r.Document(d), err)
		}
	})
}

// Secrets that overlap, or that contain one another, are all taken out.
func TestManySecrets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.StringMatching(`[abc]{40}`).Draw(t, "base")
		var values []string
		for i := range rapid.IntRange(1, 6).Draw(t, "secrets") {
			from := rapid.IntRange(0, 30).Draw(t, "from")
			values = append(values, fmt.Sprint("s", i), base[from:from+rapid.IntRange(8, 40-from).Draw(t, "size")])
		}
		r := Redact(set(t, values...))
		var text strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			from := rapid.IntRange(0, 39).Draw(t, "part")
			text.WriteString(base[from:rapid.IntRange(from, 40).Draw(t, "to")])
			text.WriteString(rapid.SampledFrom([]string{"", "", "-", "%", `\`}).Draw(t, "between"))
		}
		got := r.Text(text.String())
		there := false
		for i := 1; i < len(values); i += 2 {
			there = there || strings.Contains(text.String(), values[i])
			if strings.Contains(got, values[i]) {
				t.Fatalf("%q becomes %q, which has %q", text.String(), got, values[i])
			}
		}
		if there == (got == text.String()) {
			t.Fatalf("%q becomes %q", text.String(), got)
		}
		if pieces := inPieces(t, r, text.String()); pieces != got {
			t.Fatalf("%q becomes %q, in pieces %q", text.String(), got, pieces)
		}
	})
}
