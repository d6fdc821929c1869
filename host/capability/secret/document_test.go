package secret

import (
	"reflect"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

func TestDocument(t *testing.T) {
	r := Redact(set(t, "key", `se"cret/é-12`, "number", "1234567890", "json", `a","b":"c`))
	for _, test := range [][2]string{
		{`{"a" : 1.50, "b":[true,null,"x"]}`, `{"a" : 1.50, "b":[true,null,"x"]}`},
		{`{"a":"se\"cret/é-12","n":1.0e2}`, `{"a":"[secret:key]","n":1.0e2}`},
		{`{"a":"se\u0022cret\/\u00e9-12 \u00e9"}`, `{"a":"[secret:key] é"}`},
		{`["x","{\"a\":\"se\\\"cret/é-12\"}"]`, `["x","{\"a\":\"[secret:key]\"}"]`},
		{`"?k=se%22cret%2f%c3%a9-12&"`, `"?k=[secret:key]&"`},
		{`{"se\"cret/é-12":1}`, `{"[secret:key]":1}`},
		{`{"1 se\"cret/é-12":1,"1 [secret:key]":2,"1 se%22cret/é-12":[{"1 [secret:key]":3}]}`, `{"1 [secret:key]":1,"1 [secret:key] (2)":2,"1 [secret:key] (3)":[{"1 [secret:key]":3}]}`},
		{`{"x [secret:key] (2)":0,"x [secret:key]":1,"x se\"cret/é-12":2}`, `{"x [secret:key] (2)":0,"x [secret:key]":1,"x [secret:key] (3)":2}`},
		{`[1234567890,"1234567890"]`, `[1234567890,"[secret:number]"]`},
		{`{"a":"a","b":"c"}`, `{"a":"a","b":"c"}`},
		{`"a\",\"b\":\"c"`, `"[secret:json]"`},
		{`"1234567…"`, `"1234567…"`},
		{`"12345678\u2026"`, `"[secret:number]…"`},
	} {
		d := document.MustParse(test[0])
		got := r.Document(d)
		if got.String() != test[1] {
			t.Errorf("%s\n got %s\nwant %s", d, got, test[1])
		}
		if _, err := document.Parse(got.Bytes(), document.Limits{}); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		if test[0] == test[1] && &got.Bytes()[0] != &d.Bytes()[0] {
			t.Errorf("%s is copied", d)
		}
	}
	if got := r.Document(document.Document{}); !got.IsZero() {
		t.Error(got)
	}
	deep := document.MustParse(strings.Repeat("[", 500) + `"1234567890"` + strings.Repeat("]", 500))
	if got := r.Document(deep); !strings.Contains(got.String(), "[secret:number]") {
		t.Error(got)
	}
}

func TestFailure(t *testing.T) {
	r := Redact(set(t, "key", "k/secret~1234"))
	f := &failure.Failure{
		Code: failure.CapabilityError, Reason: "http_401", Message: "the server says k/secret~1234", Retryable: true,
		Violations: []failure.Violation{
			{Pointer: "/a", Keyword: "type", Message: "a", Found: "1"},
			{Pointer: "/x/k~1secret~01234/0", Keyword: "type", Message: "not k/secret~1234", Found: `"k/secret~…`},
		},
	}
	was := *f
	was.Violations = append([]failure.Violation(nil), f.Violations...)
	want := &failure.Failure{
		Code: failure.CapabilityError, Reason: "http_401", Message: "the server says [secret:key]", Retryable: true,
		Violations: []failure.Violation{
			f.Violations[0],
			{Pointer: "/x/[secret:key]/0", Keyword: "type", Message: "not [secret:key]", Found: `"[secret:key]…`},
		},
	}
	if got := r.Failure(f); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(*f, was) {
		t.Errorf("the failure itself was changed: %+v", f)
	}
	clean := &failure.Failure{Message: "nothing", Violations: f.Violations[:1]}
	if r.Failure(clean) != clean || r.Failure(nil) != nil {
		t.Error("a failure without secrets is not what it was")
	}
	one := &failure.Failure{Violations: []failure.Violation{{Found: "k/secret~1234"}, {Found: "k/secret~1234"}}}
	if got := r.Failure(one); got.Violations[0].Found != "[secret:key]" || got.Violations[1].Found != "[secret:key]" || one.Violations[0].Found != "k/secret~1234" {
		t.Errorf("%+v", got)
	}
	var none *Redactor
	if none.Failure(f) != f || none.Text("x") != "x" || none.Document(document.Null()).IsZero() {
		t.Error("a nil redactor")
	}
}

func TestReplacements(t *testing.T) {
	for _, test := range []struct {
		secrets    []string
		text, want string
	}{
		{[]string{"password", "password"}, "a password b", "a [secret] b"},
		{[]string{"a", "[secret]", "b", "xx[secret:"}, "1 [secret] 2 xx[secret: 3", "1 [secret:a] 2 [secret:b] 3"},
		{[]string{"a", "[secret:a]", "b", "[secret]"}, "1 [secret:a] 2 [secret] 3", "1 *** 2 [secret:b] 3"},
		{[]string{"outer", "abcdefghijklmnop", "inner", "defghijklm"}, "abcdefghijklmnop defghijklm", "[secret:outer] [secret:inner]"},
		{[]string{"left", "12345678abcd", "right", "abcd87654321xyz"}, "-12345678abcd87654321xyz-", "-[secret:right]-"},
		{[]string{"one", "same same same", "two", "same same same"}, "same same same", "[secret:one]"},
		{[]string{"space", "  padded-value \n"}, "x padded-value x", "x [secret:space] x"},
		{[]string{"blank", "            ", "short", "  1234567  "}, "            1234567", "            1234567"},
		{[]string{"bytes", "\xff\xfe-binary-\x80-value"}, "\xff\xfe-binary-\x80-value \ufffd\ufffd-binary-\ufffd-value %FF%FE-binary-%80-value", "[secret:bytes] [secret:bytes] [secret:bytes]"},
		{[]string{"garbage", strings.Repeat("\xff", 20)}, strings.Repeat("\ufffd", 30), strings.Repeat("\ufffd", 30)},
		{[]string{"aaaa", "aaaaaaaa"}, strings.Repeat("a", 20), "[secret:aaaa]"},
	} {
		if got := Redact(set(t, test.secrets...)).Text(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
	if Redact() != nil || Redact(nil, set(t, "short", "1234567")) != nil {
		t.Error("a redactor of nothing")
	}
}

func TestReferences(t *testing.T) {
	d := document.MustParse(`{"a":"${secret:x} and ${secret:y-2}","b/c":["no","\u0024{secret:z}",{"~":"${secret:"}],"${secret:k}":"${secret:a b}${secret:q}","n":1}`)
	want := []Found{
		{"/a", "x"}, {"/a", "y-2"}, {"/b~1c/1", "z"}, {"/b~1c/2/~0", ""}, {"/${secret:k}", ""}, {"/${secret:k}", ""}, {"/${secret:k}", "q"},
	}
	if got := References(d); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := References(document.MustParse(`{"a":"secret"}`)); got != nil {
		t.Error(got)
	}
}

// A huge secret is found like any other, and costs what it must.
func TestHugeSecret(t *testing.T) {
	value := strings.Repeat("0123456789abcdef-", MaxBytes/17)
	r := Redact(set(t, "huge", value))
	if got := r.Text("<" + value + ">"); got != "<[secret:huge]>" {
		t.Errorf("got %.80q", got)
	}
	if got := r.Text(value[:MaxBytes/2]); got != value[:MaxBytes/2] {
		t.Errorf("half of it: got %.80q", got)
	}
}
