package secret

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// given is a resolver with these values, by name.
type given map[string]string

func (g given) Resolve(_ context.Context, r Reference) (string, error) {
	v, ok := g[r.Name]
	if !ok {
		return "", fmt.Errorf("%s: %w", r.Name, ErrAbsent)
	}
	return v, nil
}

func set(tb interface {
	Helper()
	Fatal(args ...any)
}, values ...string,
) *Set {
	tb.Helper()
	g := given{}
	var refs []Reference
	for i := 0; i < len(values); i += 2 {
		g[values[i]] = values[i+1]
		refs = append(refs, Reference{Name: values[i], Env: values[i]})
	}
	s, err := Resolve(context.Background(), g, refs, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func everyByte(format, s string) string {
	var out strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&out, format, s[i])
	}
	return out.String()
}

func TestText(t *testing.T) {
	const (
		key  = "sk-live/9+Zq \"x\\y\"=?&é~"
		pem  = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQDT\n-----END PRIVATE KEY-----\n"
		gone = "[secret:key]"
	)
	r := Redact(set(t, "key", key, "short", "1234567", "inner", "live/9+Zq", "pem", pem, "none", "with space and plus"))
	base := base64.StdEncoding.EncodeToString
	inBase := func(before, after string) string {
		return base([]byte(before + key + after))
	}
	for _, test := range []struct{ name, text, want string }{
		{"as it is", "a " + key + " b", "a " + gone + " b"},
		{"alone", key, gone},
		{"twice", key + key, gone + gone},
		{"contained", "x live/9+Zq x", "x [secret:inner] x"},
		{"too short", "x 1234567 x", "x 1234567 x"},
		{"nothing", "100% of \\ the + rest", "100% of \\ the + rest"},
		{"query", "?q=" + url.QueryEscape(key) + "&b=1", "?q=" + gone + "&b=1"},
		{"path", "/" + url.PathEscape(key) + "/", "/" + gone + "/"},
		{"every byte, upper", everyByte("%%%02X", key), gone},
		{"every byte, lower", everyByte("%%%02x", key), gone},
		{"percent twice", url.QueryEscape(url.QueryEscape(key)), gone},
		{"plus for space, nothing else", "with+space+and+plus", "[secret:none]"},
		{"JSON", quoted(key), `"` + gone + `"`},
		{"JSON in JSON", quoted(quoted(key)), `"\"` + gone + `\""`},
		{"JSON with a slash escaped", strings.ReplaceAll(quoted(key), "/", `\/`), `"` + gone + `"`},
		{"all of it \\u", strings.ReplaceAll(everyByte(`\u%04x`, "sk-live/9+Zq \"x\\y\"=?&"), "é", "") + `\u00E9~`, gone},
		{"Go's quotes", fmt.Sprintf("%q", key), `"` + gone + `"`},
		{"Go's ASCII quotes", fmt.Sprintf("%+q", key), `"` + gone + `"`},
		{"URL in JSON", quoted("https://x/?k=" + url.QueryEscape(key)), `"https://x/?k=` + gone + `"`},
		{"JSON in URL", url.QueryEscape(quoted(key)), "%22" + gone + "%22"},
		{"base64", base([]byte(key)), gone},
		{"base64 behind user", "Basic " + inBase("user:", ""), "Basic dXNlcj" + gone},
		{"base64 at 1", inBase("a", ""), "Y" + gone},
		{"base64 at 2", inBase("ab", ""), "YW" + gone},
		{"base64 with more behind", inBase("abc", "def"), "YWJj" + gone + "ZGVm"},
		{"base64 of what URL escapes", base([]byte("id:" + url.QueryEscape(key))), "aWQ6" + gone},
		{"base64 of JSON", base([]byte(`{"k":` + quoted(key) + `}`)), "eyJrIjoi" + gone + "ifQ=="},
		{"base64 in URL", url.QueryEscape(inBase("", "")), gone},
		{"base64 in lines", wrap(inBase("0123456789", "0123456789"), 11), "MDEyMzQ1Njc\r\n4O" + gone + "AxMjM0NTY\r\n3ODk="},
		{"URL alphabet", base64.URLEncoding.EncodeToString([]byte("??>" + key)), "Pz8-" + gone},
		{"raw URL alphabet", base64.RawURLEncoding.EncodeToString([]byte(key)), gone},
		{"lines", "x\n" + pem + "y", "x\n[secret:pem]\ny"},
		{"lines with CRLF", strings.ReplaceAll(pem, "\n", "\r\n"), "[secret:pem]\r\n"},
		{"one line", "got MIIEvQIBADANBgkqhkiG9w0BAQEFAASC.", "got [secret:pem]."},
		{"a boundary", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"},
		{"cut", "found \"sk-live/…\", expected", "found \"" + gone + "…\", expected"},
		{"cut too short", "found \"sk-live…\"", "found \"sk-live…\""},
	} {
		if got := r.Text(test.text); got != test.want {
			t.Errorf("%s: %s\n got %s\nwant %s", test.name, test.text, got, test.want)
		}
	}
}

func wrap(s string, width int) string {
	var lines []string
	for len(s) > width {
		lines, s = append(lines, s[:width]), s[width:]
	}
	return strings.Join(append(lines, s), "\r\n")
}

func BenchmarkDocument(b *testing.B) {
	r := Redact(set(b, "one", "sk-ant-REDACTED", "two", "ghp_0123456789abcdefghijABCDEFGHIJ", "three", "correct horse battery staple"))
	plain := `{"id":17,"title":"A message of some length about nothing","rows":[1,2.50,3e2,null,true],"text":"` + strings.Repeat("the quick brown fox jumps over the lazy dog, ", 20) + `"}`
	for _, bench := range []struct{ name, text string }{
		{"plain", plain},
		{"escaped", strings.ReplaceAll(plain, ", ", `,\n`)},
		{"hit", strings.Replace(plain, "lazy dog", "correct horse battery staple", 1)},
	} {
		d := document.MustParse(bench.text)
		b.Run(fmt.Sprintf("%s-%dB", bench.name, len(bench.text)), func(b *testing.B) {
			for b.Loop() {
				r.Document(d)
			}
		})
	}
}
